//! `tarn saved create`: a query under a name, from the command line, a file or stdin.

use std::fs;
use std::io::{self, Read};

use anyhow::Context as _;
use tarn_query::saved::tidied;
use tarn_query::{Language, detect};
use tarn_store::saved::{
    Overwrite, ParameterType, SavedError, SavedLanguage, SavedParameter, SavedQuery,
};

use super::{check, print, put, stored};
use crate::args::{ListingArgs, SavedCreateArgs};
use crate::context::Context;
use crate::exit::{self, Exit};

pub fn run(context: &Context, args: &SavedCreateArgs) -> anyhow::Result<Exit> {
    let text = match (&args.text, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, None) if context.terminal.stdin_is_terminal => {
            return Err(exit::usage(
                "the query is missing: give it as a text, with -f FILE or on stdin",
            ));
        }
        (None, None) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the query from stdin")?;
            text
        }
    };
    let parameters = args.param.iter().map(|text| parameter(text));
    let query = tidied(SavedQuery {
        name: args.name.clone(),
        title: args.title.clone().unwrap_or_default(),
        description: args.description.clone().unwrap_or_default(),
        hit_means: args.hit_means.clone().unwrap_or_default(),
        false_positives: args.false_positives.clone().unwrap_or_default(),
        technique: args.technique.clone(),
        tags: args.tag.clone(),
        language: language(args.lang.into(), &text)?,
        text,
        since: args.since.clone(),
        until: args.until.clone(),
        parameters: parameters.collect::<Result<_, _>>().map_err(exit::usage)?,
    });
    check(context, &[(String::new(), query.clone())])?;
    let taken = stored(context)?
        .into_iter()
        .any(|own| own.name == query.name);
    if taken && !args.replace {
        let name = query.name;
        let error = SavedError::AlreadyExists { name };
        return Err(exit::usage(format!("{error}; --replace overwrites it")));
    }
    let overwrite = match args.replace {
        true => Overwrite::Replace,
        false => Overwrite::Refuse,
    };
    for saved in put(context, vec![query], overwrite)? {
        print(context, &saved, &ListingArgs { output: None })?;
    }
    Ok(Exit::Done)
}

/// The language of a query to be saved, which does not depend on who runs it.
fn language(chosen: Language, text: &str) -> anyhow::Result<SavedLanguage> {
    let language = match chosen {
        Language::Auto => detect(text).map_err(|error| exit::query(&error, text))?,
        chosen => chosen,
    };
    Ok(match language {
        Language::Sql => SavedLanguage::Sql,
        Language::Insights => SavedLanguage::Insights,
        Language::Search | Language::Auto => SavedLanguage::Search,
    })
}

/// `NAME[:TYPE][=DEFAULT]`.
fn parameter(text: &str) -> Result<SavedParameter, String> {
    let (declared, default) = match text.split_once('=') {
        Some((declared, default)) => (declared, Some(default.to_owned())),
        None => (text, None),
    };
    let (name, kind) = match declared.split_once(':') {
        None => (declared, ParameterType::Text),
        Some((name, wanted)) => {
            let kind = ParameterType::ALL
                .into_iter()
                .find(|kind| kind.as_str() == wanted);
            let known = ParameterType::ALL.map(ParameterType::as_str).join(", ");
            let kind = kind.ok_or_else(|| {
                format!("--param {text}: there is no type {wanted:?}; there are: {known}")
            })?;
            (name, kind)
        }
    };
    Ok(SavedParameter {
        name: name.to_owned(),
        kind,
        default,
        description: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_declared_in_a_word() {
        let read = |text: &str| {
            let parameter = parameter(text)?;
            Ok((parameter.name, parameter.kind, parameter.default))
        };
        let of = |name: &str, kind, default: Option<&str>| {
            Ok::<_, String>((name.to_owned(), kind, default.map(str::to_owned)))
        };
        assert_eq!(read("user"), of("user", ParameterType::Text, None));
        assert_eq!(read("user="), of("user", ParameterType::Text, Some("")));
        assert_eq!(
            read("days:number=90"),
            of("days", ParameterType::Number, Some("90"))
        );
        assert_eq!(
            read("at:time=a:b=c"),
            of("at", ParameterType::Time, Some("a:b=c"))
        );
        let told = read("a:date").expect_err("no such type");
        assert!(told.contains("there are: text, number,"), "{told}");
    }
}
