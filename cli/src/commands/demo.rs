//! `tarn demo`: sample logs made, imported and asked, to show what Tarn is for.
//!
//! It works in a directory of its own, which a marker file tells from any
//! other; nothing is ever removed from a directory without it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use tarn_query::Language;
use tarn_store::import::ImportRequest;

use crate::args::{DemoArgs, OutputFormat, RunArgs, SummaryFormat};
use crate::ask::{Asker, Question};
use crate::commands::generate::{generated, shell_word};
use crate::commands::import;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::generate::GenerateOptions;
use crate::generate::incident::IncidentFacts;
use crate::places;
use crate::sizes::duration;
use crate::terminal::{BOLD, DIM};

/// Says that a directory is a demo's, and that the demo may clear it.
const MARKER: &str = "tarn-demo.txt";

/// The same story each time.
const SEED: u64 = 7;
const ACCOUNTS: u32 = 12;

pub fn run(context: &Context, args: &DemoArgs) -> anyhow::Result<Exit> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => places::demo_dir(&places::environment),
    };
    prepare(&dir)?;
    let demo = context.with_data(dir.join("data"));
    let logs = dir.join("logs");

    step(context, &format!("Sample logs into {}", logs.display()))?;
    let options = GenerateOptions {
        seed: SEED,
        accounts: ACCOUNTS,
        ..GenerateOptions::new(args.events, logs.clone())
    };
    let made = generated(context, options)?;
    say(&made.text)?;
    let Some(incident) = made.summary.incident else {
        return Err(exit::usage(
            "so few events hide no incident; take at least 1000",
        ));
    };

    step(context, &format!("tarn import {}", shell_word(&logs)))?;
    let session = demo.session()?;
    let request = ImportRequest {
        store: "default".to_owned(),
        paths: vec![logs],
        ..ImportRequest::default()
    };
    let summary = import::imported(&demo, &session, &request)?;
    import::tell(&demo, &summary, SummaryFormat::Text)?;
    let exit = import::exit_of(&summary, false);
    session.close()?;
    if exit != Exit::Done {
        return Ok(exit);
    }

    let asker = Asker::open(&demo)?;
    for scene in story(&incident) {
        step(context, scene.told)?;
        say(&context.terminal.stdout.paint(DIM, &scene.query))?;
        say("")?;
        let run = RunArgs {
            store: "default".to_owned(),
            output: Some(OutputFormat::Table),
            ..RunArgs::default()
        };
        let question = Question {
            text: &scene.query,
            language: scene.language,
            parameters: &[],
            given: &[],
            saved_as: None,
            run: &run,
        };
        let shown = asker.show(&question, &demo.interrupts.cancel())?;
        say(&context.terminal.stdout.paint(DIM, &duration(shown.time)))?;
    }
    farewell(context, &dir, &incident)?;
    Ok(Exit::Done)
}

/// Makes the directory, or clears what an earlier demo left in it.
fn prepare(dir: &Path) -> anyhow::Result<()> {
    let cannot = |what: &str| format!("cannot {what} {}", dir.display());
    let is_empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| cannot("read")),
    };
    if !is_empty && !dir.join(MARKER).exists() {
        return Err(exit::usage(format!(
            "{} is not empty and not of a demo; name another with --dir",
            dir.display()
        )));
    }
    for part in ["data", "logs"] {
        match fs::remove_dir_all(dir.join(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| cannot("clear"));
            }
            _ => {}
        }
    }
    fs::create_dir_all(dir).with_context(|| cannot("make"))?;
    let text = "`tarn demo` works here and clears this directory when it begins.\n";
    fs::write(dir.join(MARKER), text).with_context(|| cannot("write to"))
}

/// A question of the story.
struct Scene {
    told: &'static str,
    language: Language,
    query: String,
}

fn story(incident: &IncidentFacts) -> [Scene; 6] {
    let IncidentFacts {
        leaked_key,
        address,
        new_key,
        session_key,
        target_account,
        ..
    } = incident;
    let insights = |told, query| Scene {
        told,
        language: Language::Insights,
        query,
    };
    let sql = |told, query| Scene {
        told,
        language: Language::Sql,
        query,
    };
    [
        insights(
            "A key of the deploy user is suspected. From where was it used?",
            format!(
                "filter userIdentity.accessKeyId = \"{leaked_key}\"\n\
                 | stats count(*) as calls, count_distinct(eventName) as actions, min(@timestamp) as first\n    \
                   by sourceIPAddress, userIdentity.userName\n\
                 | sort calls desc"
            ),
        ),
        sql(
            "Two addresses, one of them new. What was that one denied?",
            format!(
                "SELECT eventSource, eventName, errorCode, count(*) AS denied, min(eventTime) AS first\n\
                 FROM events\n\
                 WHERE sourceIPAddress = '{address}' AND errorCode IS NOT NULL\n\
                 GROUP BY eventSource, eventName, errorCode\n\
                 ORDER BY denied DESC, first LIMIT 8"
            ),
        ),
        sql(
            "It tried everything. What did it get to change?",
            format!(
                "SELECT eventTime, eventName, element_at(requestParameters, 'userName') AS userName,\n       \
                 element_at(requestParameters, 'policyArn') AS policyArn\n\
                 FROM events\n\
                 WHERE sourceIPAddress = '{address}' AND errorCode IS NULL AND readOnly = false\n\
                 ORDER BY eventTime"
            ),
        ),
        insights(
            "A new user, a key for it, and administrator's rights. In which accounts does that key show up, anywhere in an event?",
            format!(
                "search {new_key}\n\
                 | stats count(*) as events, min(@timestamp) as first, max(@timestamp) as last\n    \
                   by recipientAccountId, eventName\n\
                 | sort first"
            ),
        ),
        insights(
            "It went on into another account. What was done there with the session that it got?",
            format!(
                "filter userIdentity.accessKeyId = \"{session_key}\"\n\
                 | stats count(*) as calls, min(@timestamp) as first by eventName,\n    \
                   coalesce(requestParameters.groupId, requestParameters.secretId, requestParameters.name) as what\n\
                 | sort first | limit 20"
            ),
        ),
        sql(
            "Logging was stopped. For how long was the account silent?",
            format!(
                "SELECT before AS silent_from, eventTime AS silent_until, eventName AS then_came,\n       \
                 date_diff('minute', before, eventTime) AS minutes\n\
                 FROM (SELECT eventTime, eventName, lag(eventTime) OVER (ORDER BY eventTime) AS before\n      \
                 FROM events WHERE recipientAccountId = '{target_account}')\n\
                 ORDER BY minutes DESC NULLS LAST LIMIT 1"
            ),
        ),
    ]
}

fn farewell(context: &Context, dir: &Path, incident: &IncidentFacts) -> anyhow::Result<()> {
    step(context, "Go on by yourself")?;
    let data = shell_word(&dir.join("data"));
    let tarn = std::env::current_exe().map_or_else(|_| "tarn".to_owned(), |path| shell_word(&path));
    let lines = [
        format!("export TARN_DATA={data}"),
        format!("{tarn} query                               # a shell with completion"),
        format!(
            "{tarn} search -l {}         # every account that an address shows up in",
            incident.second_address
        ),
        format!(
            "{tarn} session {}      # what was done with it, and where it came from",
            incident.session_key
        ),
        format!("{tarn} fields request --values             # what can be asked"),
        format!("{tarn} coverage                            # what is there, and what is missing"),
        format!("{tarn} --data ~/my-tarn import ~/logs      # your own logs"),
        format!("rm -r {}   # when you have seen enough", shell_word(dir)),
    ];
    for line in lines {
        say(&format!("  {line}"))?;
    }
    Ok(())
}

fn step(context: &Context, text: &str) -> anyhow::Result<()> {
    say("")?;
    say(&context.terminal.stdout.paint(BOLD, &format!("» {text}")))
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_somebody_elses_is_left_alone() {
        let dir = std::env::temp_dir().join(format!("tarn-demo-test-{}", std::process::id()));
        fs::create_dir_all(dir.join("data")).unwrap();
        assert!(prepare(&dir).is_err());
        assert!(dir.join("data").exists());
        fs::write(dir.join(MARKER), "").unwrap();
        prepare(&dir).unwrap();
        assert!(!dir.join("data").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}
