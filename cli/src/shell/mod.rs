//! The shell of `tarn query`: questions one after the other.
//!
//! Each question is answered from what is published at that moment, so events
//! of an import that runs beside the shell show up. Ctrl-C stops a running
//! query and leaves the shell open. Commands of the shell itself begin with a
//! dot, which no language does.

mod complete;
mod input;
mod words;

use std::fs;
use std::path::Path;

use clap::ValueEnum;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Editor, Helper, Highlighter, Hinter};
use tarn_query::{Language, ParameterValue};

use crate::args::{LanguageChoice, OutputFormat, QueryArgs, RunArgs};
use crate::ask::{Asker, Question, untyped};
use crate::commands::{fields, stores};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::places;
use crate::shell::complete::Vocabulary;

const COMMANDS: [(&str, &str); 10] = [
    (".help", "this list"),
    (
        ".fields [PATTERN]",
        "what can be asked: names, types, share of events",
    ),
    (
        ".explain [QUERY]",
        "how a query is understood and planned; without one, the last",
    ),
    (
        ".format [FORM]",
        "table, line, json, ndjson, csv, tsv or raw",
    ),
    (".lang [LANGUAGE]", "auto, sql or insights"),
    (".store [NAME]", "the event data store to ask"),
    (
        ".since [TIME]",
        "only events at or after, e.g. 7d; `all` for all",
    ),
    (".until [TIME]", "only events before; `all` for all"),
    (
        ".account [NAME…]",
        "only events of these accounts: ids, names, units; `all` for all",
    ),
    (".quit", "leave; Ctrl-D does as well"),
];

/// Reads questions until the end of input.
pub fn run(context: &Context, args: &QueryArgs) -> anyhow::Result<Exit> {
    let asker = Asker::open(context)?;
    let mut shell = Shell {
        context,
        run: args.run.clone(),
        lang: args.lang,
        parameters: untyped(&args.param),
        given: args.param.clone(),
        last: None,
        vocabulary: Vocabulary::default(),
        asker,
    };
    shell.learn()?;
    let config = Config::builder()
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .auto_add_history(false)
        .build();
    let mut editor: Editor<Prompt, FileHistory> = Editor::with_config(config)?;
    let history = places::history_file(&places::environment);
    if let Some(path) = &history {
        // The first time there is none.
        let _ = editor.load_history(path);
    }
    context
        .terminal
        .note("SQL, Logs Insights QL or words to search for; .help lists the commands");
    loop {
        editor.set_helper(Some(Prompt {
            vocabulary: shell.vocabulary.clone(),
        }));
        match editor.readline("tarn> ") {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(line.trim_end());
                if let Next::Leave = shell.take(&line) {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(path) = &history {
        save(&mut editor, path).unwrap_or_else(|e| {
            context
                .terminal
                .warn(&format!("the history is not kept: {e}"))
        });
    }
    Ok(Exit::Done)
}

fn save(editor: &mut Editor<Prompt, FileHistory>, path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(editor.append_history(path)?)
}

enum Next {
    Ask,
    Leave,
}

struct Shell<'c> {
    context: &'c Context,
    asker: Asker<'c>,
    run: RunArgs,
    lang: LanguageChoice,
    parameters: Vec<(String, ParameterValue)>,
    given: Vec<(String, String)>,
    /// The last query, for `.explain`.
    last: Option<String>,
    vocabulary: Vocabulary,
}

impl Shell<'_> {
    /// Does what a line asks. What goes wrong is told, and the shell goes on.
    fn take(&mut self, line: &str) -> Next {
        let typed = line.trim();
        // Everybody types it, and nobody searches for this word alone.
        if matches!(typed.trim_end_matches(';'), "exit" | "quit") {
            return Next::Leave;
        }
        let result = match typed.strip_prefix('.') {
            Some(command) => {
                let (name, rest) = command
                    .split_once(char::is_whitespace)
                    .unwrap_or((command, ""));
                if matches!(name, "quit" | "exit" | "q") {
                    return Next::Leave;
                }
                self.command(name, rest.trim().trim_end_matches(';'))
            }
            None => {
                let query = input::query(line);
                let result = self.ask(&query);
                self.last = Some(query);
                result
            }
        };
        exit::decide(result.map(|()| Exit::Done), &self.context.terminal);
        Next::Ask
    }

    fn ask(&self, text: &str) -> anyhow::Result<()> {
        let cancel = self.context.interrupts.rearm();
        let language = self.lang.into();
        let question = Question {
            text,
            language,
            parameters: &self.parameters,
            given: &self.given,
            saved_as: None,
            run: &self.run,
        };
        self.asker.answer(&question, &cancel)?;
        Ok(())
    }

    fn explain(&self, text: &str) -> anyhow::Result<()> {
        let run = RunArgs {
            explain: true,
            ..self.run.clone()
        };
        let language = self.lang.into();
        let question = Question {
            text,
            language,
            parameters: &self.parameters,
            given: &self.given,
            saved_as: None,
            run: &run,
        };
        self.asker
            .answer(&question, &self.context.interrupts.rearm())?;
        Ok(())
    }

    fn command(&mut self, name: &str, rest: &str) -> anyhow::Result<()> {
        let terminal = &self.context.terminal;
        let given = Some(rest).filter(|rest| !rest.is_empty());
        match (name, given) {
            ("help" | "h" | "?", _) => {
                for (command, what) in COMMANDS {
                    terminal.note(&format!("{command:<18} {what}"));
                }
                Ok(())
            }
            ("fields", pattern) => {
                fields::print(self.context, &self.run.store, &self.run.account, pattern)
            }
            ("explain", query) => match query.or(self.last.as_deref()) {
                Some(query) => self.explain(query),
                None => Err(exit::usage(
                    "there is no query to explain yet: .explain QUERY",
                )),
            },
            ("format", Some(form)) => {
                self.run.output = Some(choice::<OutputFormat>(form)?);
                Ok(())
            }
            ("lang", Some(language)) => {
                self.lang = choice(language)?;
                Ok(())
            }
            ("store", Some(store)) => {
                let before = std::mem::replace(&mut self.run.store, store.to_owned());
                self.learn().inspect_err(|_| self.run.store = before)
            }
            ("since", Some(time)) => self.bound(|run| &mut run.since, time),
            ("until", Some(time)) => self.bound(|run| &mut run.until, time),
            ("account", Some(accounts)) => {
                let wanted = match accounts {
                    "all" => Vec::new(),
                    accounts => quoted_words(accounts),
                };
                self.asker.scope(&wanted)?;
                self.run.account = wanted;
                Ok(())
            }
            ("format" | "lang" | "store" | "since" | "until" | "account", None) => {
                self.show_settings();
                Ok(())
            }
            _ => Err(exit::usage(format!(
                "there is no .{name}; .help lists the commands"
            ))),
        }
    }

    /// Sets a bound of time, if it is a time.
    fn bound(
        &mut self,
        of: impl Fn(&mut RunArgs) -> &mut Option<String>,
        time: &str,
    ) -> anyhow::Result<()> {
        let wanted = Some(time.to_owned()).filter(|time| time != "all");
        let before = std::mem::replace(of(&mut self.run), wanted);
        match self.asker.time_range(&self.run) {
            Ok(_) => Ok(()),
            Err(error) => {
                *of(&mut self.run) = before;
                Err(error)
            }
        }
    }

    fn show_settings(&self) {
        let or_all = |text: &Option<String>| text.clone().unwrap_or_else(|| "all".to_owned());
        let accounts = match self.run.account.is_empty() {
            true => "all".to_owned(),
            false => self.run.account.join(" "),
        };
        let format = self
            .run
            .output
            .and_then(|format| format.to_possible_value());
        let language = self.lang.to_possible_value();
        let settings = [
            (
                "format",
                format.map_or_else(|| "table".to_owned(), |value| value.get_name().to_owned()),
            ),
            (
                "lang",
                language.map_or_else(String::new, |value| value.get_name().to_owned()),
            ),
            ("store", self.run.store.clone()),
            ("since", or_all(&self.run.since)),
            ("until", or_all(&self.run.until)),
            ("account", accounts),
        ];
        for (name, value) in settings {
            self.context.terminal.note(&format!(".{name:<8} {value}"));
        }
    }

    /// Takes the words of the chosen store for completion.
    fn learn(&mut self) -> anyhow::Result<()> {
        let stores = stores::all(self.context)?.into_iter();
        self.vocabulary = Vocabulary {
            commands: COMMANDS
                .iter()
                .filter_map(|(command, _)| command.split(' ').next())
                .collect(),
            keywords: words::words(),
            fields: fields::names(self.context, &self.run.store, &self.run.account)?,
            stores: stores.map(|store| store.name).collect(),
        };
        Ok(())
    }
}

/// The words of a line; one with blanks stands in double quotes.
fn quoted_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        match n % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

fn choice<T: ValueEnum>(text: &str) -> anyhow::Result<T> {
    T::from_str(text, true).map_err(|_| {
        let names = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        exit::usage(format!("`{text}` is none of {}", names.join(", ")))
    })
}

impl From<LanguageChoice> for Language {
    fn from(choice: LanguageChoice) -> Self {
        match choice {
            LanguageChoice::Auto => Self::Auto,
            LanguageChoice::Sql => Self::Sql,
            LanguageChoice::Insights => Self::Insights,
        }
    }
}

/// What rustyline asks while a line is typed.
#[derive(Helper, Highlighter, Hinter)]
struct Prompt {
    vocabulary: Vocabulary,
}

impl Completer for Prompt {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &rustyline::Context,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete::complete(&self.vocabulary, line, cursor))
    }
}

impl Validator for Prompt {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(match input::is_whole(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}
