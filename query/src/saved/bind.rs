//! Values as they are given for the parameters of a saved query, read by their types.

use chrono_tz::Tz;
use tarn_store::saved::{ParameterType, SavedParameter, SavedQuery};

use crate::error::{Code, QueryError};
use crate::parameters::ParameterValue;
use crate::suggest;
use crate::time::parse_time_bound;

/// The values of all parameters: those that are given, else the defaults.
///
/// A list is given as `a,b`, in several values, or as a JSON array, in which an item may
/// hold commas.
///
/// **Errors**: a name that the query does not have, a value that is none of the type, no
/// value where there is no default.
pub fn bind(
    query: &SavedQuery,
    given: &[(String, String)],
    now_ms: i64,
    zone: Tz,
) -> Result<Vec<(String, ParameterValue)>, QueryError> {
    for (name, _) in given {
        if !query.parameters.iter().any(|known| known.name == *name) {
            return Err(unknown(query, name));
        }
    }
    let bound = query.parameters.iter().map(|parameter| {
        let texts: Vec<&str> = given
            .iter()
            .filter(|(name, _)| *name == parameter.name)
            .map(|(_, text)| text.as_str())
            .collect();
        let value = match (texts.as_slice(), &parameter.default) {
            ([], Some(default)) => value(parameter, default, now_ms, zone)?,
            ([], None) => return Err(missing(query, parameter)),
            ([text], _) => value(parameter, text, now_ms, zone)?,
            (texts, _) => several(parameter, texts)?,
        };
        Ok((parameter.name.clone(), value))
    });
    bound.collect()
}

/// A text as a value of the parameter's type.
pub(super) fn value(
    parameter: &SavedParameter,
    text: &str,
    now_ms: i64,
    zone: Tz,
) -> Result<ParameterValue, QueryError> {
    let trimmed = text.trim();
    let wrong = |wanted: &str| Err(wrong(parameter, text, wanted));
    match parameter.kind {
        ParameterType::Text => Ok(ParameterValue::Text(text.to_owned())),
        ParameterType::Number if is_number(trimmed) => {
            Ok(ParameterValue::Number(trimmed.to_owned()))
        }
        ParameterType::Number => wrong("digits, as in 90 or -0.5"),
        ParameterType::Boolean => match trimmed {
            "true" => Ok(ParameterValue::Boolean(true)),
            "false" => Ok(ParameterValue::Boolean(false)),
            _ => wrong("true or false"),
        },
        ParameterType::Time => match parse_time_bound(trimmed, now_ms, zone) {
            Ok(ms) => Ok(ParameterValue::Time(ms)),
            Err(_) => wrong("7d, -24h@h, now, 2026-01-31, 2026-01-31T13:45:00Z"),
        },
        ParameterType::Account if is_account(trimmed) => {
            Ok(ParameterValue::Text(trimmed.to_owned()))
        }
        ParameterType::Account => wrong("the 12 digits of an account's id"),
        ParameterType::List => match items(trimmed) {
            Some(items) => Ok(ParameterValue::List(items)),
            None => wrong("a,b or [\"a\", \"b\"], and at least one"),
        },
    }
}

/// A list that is given in parts.
fn several(parameter: &SavedParameter, texts: &[&str]) -> Result<ParameterValue, QueryError> {
    if parameter.kind != ParameterType::List {
        let reason = format!(
            "the parameter `{}` is given {} times and takes one value",
            parameter.name,
            texts.len()
        );
        return Err(QueryError::new(Code::Parameter, reason));
    }
    let lists = texts.iter().map(|text| {
        let wanted = "a,b or [\"a\", \"b\"], and at least one";
        items(text).ok_or_else(|| wrong(parameter, text, wanted))
    });
    let lists = lists.collect::<Result<Vec<_>, _>>()?;
    Ok(ParameterValue::List(lists.concat()))
}

/// The items of a list as it is written; none where it holds none, or reads as an array
/// and is none of texts.
pub(super) fn items(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let items: Vec<String> = match text.starts_with('[') {
        true => serde_json::from_str(text).ok()?,
        false => text
            .split(',')
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect(),
    };
    (!items.is_empty()).then_some(items)
}

/// A list in one text, which [`items`] reads.
pub(super) fn joined(items: &[String]) -> String {
    let is_plain = |item: &String| !item.is_empty() && item.trim() == item && !item.contains(',');
    let opens_array = items.first().is_some_and(|first| first.starts_with('['));
    match items.iter().all(is_plain) && !items.is_empty() && !opens_array {
        true => items.join(","),
        false => serde_json::Value::from(items).to_string(),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole) && are_digits(fraction)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn wrong(parameter: &SavedParameter, given: &str, wanted: &str) -> QueryError {
    const SHOWN_MAX: usize = 80;
    let shown: String = given.chars().take(SHOWN_MAX).collect();
    let reason = format!(
        "the parameter `{}` is of type {}, and {shown:?} is none",
        parameter.name,
        parameter.kind.as_str()
    );
    QueryError::new(Code::Parameter, reason).hint(format!("it takes {wanted}"))
}

fn missing(query: &SavedQuery, parameter: &SavedParameter) -> QueryError {
    let SavedParameter {
        name,
        kind,
        description,
        ..
    } = parameter;
    let reason = format!("`{}` needs a value for its parameter `{name}`", query.name);
    let about = match description.is_empty() {
        true => String::new(),
        false => format!(", {description}"),
    };
    QueryError::new(Code::Parameter, reason).hint(format!(
        "give it with -p {name}=… ({}{about})",
        kind.as_str()
    ))
}

fn unknown(query: &SavedQuery, name: &str) -> QueryError {
    let known = query.parameters.iter().map(|p| p.name.as_str());
    let hint = suggest::did_you_mean(name, known.clone()).unwrap_or_else(|| {
        match query.parameters.is_empty() {
            true => "it takes none".to_owned(),
            false => format!("it takes: {}", known.collect::<Vec<_>>().join(", ")),
        }
    });
    let reason = format!("`{}` has no parameter `{name}`", query.name);
    QueryError::new(Code::Parameter, reason).hint(hint)
}

#[cfg(test)]
mod tests {
    use tarn_store::saved::SavedLanguage;

    use super::*;

    /// 2026-10-15T00:00:00Z.
    const NOW_MS: i64 = 1_792_022_400_000;

    fn query(parameters: &[(&str, ParameterType, Option<&str>)]) -> SavedQuery {
        let parameters = parameters
            .iter()
            .map(|(name, kind, default)| SavedParameter {
                name: (*name).to_owned(),
                kind: *kind,
                default: default.map(str::to_owned),
                description: "what it is".to_owned(),
            });
        SavedQuery {
            name: "q".to_owned(),
            title: String::new(),
            description: String::new(),
            hit_means: String::new(),
            false_positives: String::new(),
            technique: None,
            tags: Vec::new(),
            language: SavedLanguage::Sql,
            text: String::new(),
            since: None,
            until: None,
            parameters: parameters.collect(),
        }
    }

    fn one(kind: ParameterType, texts: &[&str]) -> Result<ParameterValue, String> {
        let query = query(&[("p", kind, None)]);
        let given: Vec<_> = texts
            .iter()
            .map(|text| ("p".to_owned(), (*text).to_owned()))
            .collect();
        let bound = bind(&query, &given, NOW_MS, Tz::UTC).map_err(|error| error.render(""))?;
        Ok(bound.into_iter().next().expect("a value").1)
    }

    #[test]
    fn types_are_honoured() {
        use ParameterValue::{Boolean, List, Number, Text, Time};
        let list = |items: &[&str]| List(items.iter().map(|i| (*i).to_owned()).collect());
        for (kind, texts, expected) in [
            (ParameterType::Text, &["123"][..], Text("123".into())),
            (ParameterType::Text, &[""], Text(String::new())),
            (ParameterType::Text, &[" true "], Text(" true ".into())),
            (ParameterType::Number, &["-0.5"], Number("-0.5".into())),
            (ParameterType::Number, &[" 90 "], Number("90".into())),
            (ParameterType::Boolean, &["false"], Boolean(false)),
            (ParameterType::Time, &["1d"], Time(NOW_MS - 86_400_000)),
            (ParameterType::Time, &["2026-10-15T00:00:00Z"], Time(NOW_MS)),
            (
                ParameterType::Account,
                &["012345678901"],
                Text("012345678901".into()),
            ),
            (ParameterType::List, &["a, b,"], list(&["a", "b"])),
            (
                ParameterType::List,
                &[r#"["a,b"]"#, "c"],
                list(&["a,b", "c"]),
            ),
        ] {
            assert_eq!(one(kind, texts), Ok(expected), "{kind:?} {texts:?}");
        }
    }

    #[test]
    fn what_is_of_another_type_is_told() {
        for (kind, text) in [
            (ParameterType::Number, "x"),
            (ParameterType::Number, ""),
            (ParameterType::Number, "0x1"),
            (ParameterType::Number, "1e3"),
            (ParameterType::Number, "1."),
            (ParameterType::Number, "٣"),
            (ParameterType::Boolean, "yes"),
            (ParameterType::Time, "yesterday"),
            (ParameterType::Account, "12345"),
            (ParameterType::List, ","),
            (ParameterType::List, "[]"),
            (ParameterType::List, "[1]"),
        ] {
            let told = one(kind, &[text]).expect_err(text);
            assert!(told.contains("`p`"), "{told}");
            assert!(
                told.contains(&format!("of type {}", kind.as_str())),
                "{told}"
            );
            assert!(told.contains(&format!("{text:?}")), "{told}");
        }
        let told = one(ParameterType::Number, &["1", "2"]).expect_err("twice");
        assert!(told.contains("given 2 times"), "{told}");
    }

    #[test]
    fn names_and_defaults() {
        let query = query(&[
            ("days", ParameterType::Number, Some("90")),
            ("user", ParameterType::Text, None),
        ]);
        let given = |pairs: &[(&str, &str)]| {
            let owned: Vec<_> = pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect();
            bind(&query, &owned, NOW_MS, Tz::UTC).map_err(|error| error.render(""))
        };
        assert_eq!(
            given(&[("user", "a")]),
            Ok(vec![
                ("days".to_owned(), ParameterValue::Number("90".to_owned())),
                ("user".to_owned(), ParameterValue::Text("a".to_owned())),
            ])
        );
        let told = given(&[]).expect_err("no user");
        assert!(told.contains("-p user=… (text, what it is)"), "{told}");
        let told = given(&[("usr", "a")]).expect_err("misspelt");
        assert!(told.contains("did you mean `user`?"), "{told}");
        let told = given(&[("account", "a")]).expect_err("not known");
        assert!(told.contains("it takes: days, user"), "{told}");
    }

    #[test]
    fn lists_read_as_they_are_written() {
        for list in [
            &["a", "b"][..],
            &["a,b"],
            &["[a", "b"],
            &[" a"],
            &["", "b"],
            &["\"", "\n"],
        ] {
            let list: Vec<String> = list.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(items(&joined(&list)), Some(list));
        }
    }
}
