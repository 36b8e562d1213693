//! Whether a query may be saved: it compiles, and its parameters fit its text.
//!
//! It is compiled against a store that has any name and no events: a query from git is
//! saved before there is anything to ask, and stores come and go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use tarn_store::saved::{ParameterType, SavedLanguage, SavedParameter, SavedQuery};
use tarn_store::{AccountScope, Cancel, ScanRequest, ScanStatistics, StoreId};

use super::bind::value;
use crate::engine::Engine;
use crate::error::{Code, QueryError};
use crate::parameters::ParameterValue;
use crate::request::QueryRequest;
use crate::source::{EventSource, PlannedScan};
use crate::time::parse_time_bound;

/// A query that takes longer to plan is none to be asked again and again.
const PLANNING_MAX: Duration = Duration::from_secs(10);

/// What a text that has no default may be: some functions take constants of one kind
/// only. The error of a query that compiles with none of them is that of the first.
const TEXTS: [&str; 3] = ["1", "10.0.0.0/8", "2024-01-01T00:00:00Z"];

/// Looks a query through as it is to be saved.
///
/// **Errors**: with a place in the query's text where that is to blame.
pub async fn check(engine: &Engine, query: &SavedQuery, now_ms: i64) -> Result<(), QueryError> {
    if query.text.trim().is_empty() {
        return Err(QueryError::new(Code::Syntax, "the query is empty"));
    }
    check_technique(query)?;
    for (name, bound) in [("since", &query.since), ("until", &query.until)] {
        if let Some(text) = bound {
            parse_time_bound(text, now_ms, Tz::UTC)
                .map_err(|error| QueryError::new(Code::TimeRange, format!("{name}: {error}")))?;
        }
    }
    if query.language == SavedLanguage::Search && !query.parameters.is_empty() {
        let reason = "a search takes no parameters";
        return Err(QueryError::new(Code::Parameter, reason)
            .hint("write it in Insights QL: filter eventName = {{name}}"));
    }
    let mut checked = Ok(());
    for text in TEXTS {
        let parameters = parameters(query, text, now_ms)?;
        let compiled = compiles(engine, query, parameters, now_ms).await;
        if compiled.is_ok() {
            return compiled;
        }
        checked = checked.and(compiled);
        if !query.parameters.iter().any(is_any_text) {
            break;
        }
    }
    checked
}

async fn compiles(
    engine: &Engine,
    query: &SavedQuery,
    parameters: Vec<(String, ParameterValue)>,
    now_ms: i64,
) -> Result<(), QueryError> {
    let request = QueryRequest {
        language: query.language.into(),
        parameters,
        timeout: Some(PLANNING_MAX),
        ..QueryRequest::new(&query.text, now_ms)
    };
    let unused = engine
        .unused_parameters(Arc::new(NoEvents), &request)
        .await
        .map_err(undeclared)?;
    match unused.first() {
        None => Ok(()),
        Some(name) => {
            let reason = format!("the text has no place for the parameter `{name}`");
            Err(QueryError::new(Code::Parameter, reason)
                .hint(format!("write {{{{{name}}}}} where its value is to stand")))
        }
    }
}

/// `T1078` or `T1078.004`.
///
/// **Source**: MITRE ATT&CK, identifiers of techniques and sub-techniques.
fn check_technique(query: &SavedQuery) -> Result<(), QueryError> {
    let Some(technique) = &query.technique else {
        return Ok(());
    };
    let has_digits = |part: &str, n| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    let digits = technique.strip_prefix('T').unwrap_or_default();
    let is_technique = match digits.split_once('.') {
        Some((technique, sub)) => has_digits(technique, 4) && has_digits(sub, 3),
        None => has_digits(digits, 4),
    };
    match is_technique {
        true => Ok(()),
        false => {
            let reason = format!("{technique:?} is no ATT&CK technique");
            Err(QueryError::new(Code::Syntax, reason).hint("write T1078 or T1078.004"))
        }
    }
}

/// A value for each parameter: its default, or one of its type.
fn parameters(
    query: &SavedQuery,
    text: &str,
    now_ms: i64,
) -> Result<Vec<(String, ParameterValue)>, QueryError> {
    let mut names = HashSet::new();
    let values = query.parameters.iter().map(|parameter| {
        let name = &parameter.name;
        let wrong = |reason: String| QueryError::new(Code::Parameter, reason);
        if !is_name(name) {
            let error = wrong(format!("{name:?} is no name for a parameter"));
            return Err(error.hint("a letter, then letters, digits, underscores and hyphens"));
        }
        if !names.insert(name) {
            return Err(wrong(format!("there are two parameters `{name}`")));
        }
        let value = match &parameter.default {
            Some(default) => value(parameter, default, now_ms, Tz::UTC)?,
            None => placeholder(parameter, text, now_ms),
        };
        Ok((name.clone(), value))
    });
    values.collect()
}

/// As both languages read it between `{{` and `}}`.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn is_any_text(parameter: &SavedParameter) -> bool {
    parameter.kind == ParameterType::Text && parameter.default.is_none()
}

/// A value to compile with.
fn placeholder(parameter: &SavedParameter, text: &str, now_ms: i64) -> ParameterValue {
    match parameter.kind {
        ParameterType::Text => ParameterValue::Text(text.to_owned()),
        ParameterType::Account => ParameterValue::Text("1".to_owned()),
        ParameterType::Number => ParameterValue::Number("1".to_owned()),
        ParameterType::Boolean => ParameterValue::Boolean(true),
        ParameterType::Time => ParameterValue::Time(now_ms),
        ParameterType::List => ParameterValue::List(vec!["1".to_owned()]),
    }
}

/// Nobody gives values while a query is saved: what lacks one is not declared.
fn undeclared(error: QueryError) -> QueryError {
    let asks_for_value = |hint: &String| hint.starts_with("give it with");
    match error.code == Code::Parameter && error.hint.as_ref().is_some_and(asks_for_value) {
        true => error
            .hint("declare it with a type: --param name:text, or [[query.parameters]] in a file"),
        false => error,
    }
}

/// A store of any name that holds nothing.
#[derive(Debug)]
struct NoEvents;

impl EventSource for NoEvents {
    fn find_store(&self, _: &str) -> Result<StoreId, QueryError> {
        Ok(StoreId(0))
    }

    fn observed_fields(&self, _: StoreId, _: &AccountScope) -> Vec<String> {
        Vec::new()
    }

    fn scan(
        &self,
        request: &ScanRequest,
        _: Arc<ScanStatistics>,
        _: Cancel,
    ) -> Result<PlannedScan, QueryError> {
        Ok(PlannedScan {
            schema: request.schema(),
            partitions: Vec::new(),
            description: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineOptions;

    fn query(language: SavedLanguage, text: &str) -> SavedQuery {
        SavedQuery {
            name: "q".to_owned(),
            title: String::new(),
            description: String::new(),
            hit_means: String::new(),
            false_positives: String::new(),
            technique: None,
            tags: Vec::new(),
            language,
            text: text.to_owned(),
            since: None,
            until: None,
            parameters: Vec::new(),
        }
    }

    fn parameter(name: &str, kind: ParameterType, default: Option<&str>) -> SavedParameter {
        SavedParameter {
            name: name.to_owned(),
            kind,
            default: default.map(str::to_owned),
            description: String::new(),
        }
    }

    fn checked(queries: &[SavedQuery]) -> Vec<Result<(), String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 64 << 20,
            threads: 1,
            spill_dir: folder.path().join("tmp"),
        });
        let engine = engine.expect("starts");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let check = |query: &SavedQuery| {
            let checked = runtime.block_on(check(&engine, query, 0));
            checked.map_err(|error| error.render(&query.text))
        };
        queries.iter().map(check).collect()
    }

    #[test]
    fn what_compiles_with_its_parameters_is_saved() {
        use SavedLanguage::{Insights, Search, Sql};
        let with = |query: SavedQuery, parameters: Vec<SavedParameter>| SavedQuery {
            parameters,
            ..query
        };
        let queries = [
            with(
                query(
                    Sql,
                    "SELECT eventName FROM audit WHERE awsRegion IN ({{r}})",
                ),
                vec![parameter("r", ParameterType::List, None)],
            ),
            with(
                query(
                    Insights,
                    "filter @timestamp > {{t}} and a.b like /^{{p}}/ and n > {{n}}",
                ),
                vec![
                    parameter("t", ParameterType::Time, Some("7d")),
                    parameter("p", ParameterType::Text, None),
                    parameter("n", ParameterType::Number, None),
                ],
            ),
            SavedQuery {
                since: Some("-24h@h".to_owned()),
                technique: Some("T1078.004".to_owned()),
                ..query(Search, "AKIA* NOT root")
            },
        ];
        assert_eq!(checked(&queries), [Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn what_does_not_is_told_why() {
        use SavedLanguage::{Insights, Search, Sql};
        let with = |query: SavedQuery, parameters: &[SavedParameter]| SavedQuery {
            parameters: parameters.to_vec(),
            ..query
        };
        let text = |name: &str| parameter(name, ParameterType::Text, None);
        let user = || query(Insights, "filter a = {{user}}");
        let days = parameter("days", ParameterType::Number, Some("ninety"));
        let cases = [
            (query(Sql, " \n"), "is empty"),
            (query(Sql, "SELECT nonsense("), "line 1, column"),
            (query(Sql, "SELECT nosuch FROM events"), "nosuch"),
            (query(Insights, "filter a ="), "line 1, column"),
            (user(), "[[query.parameters]]"),
            (with(user(), &[text("usr")]), "did you mean `usr`?"),
            (
                with(user(), &[text("user"), text("x")]),
                "no place for the parameter `x`",
            ),
            (
                with(user(), &[text("user"), text("user")]),
                "two parameters `user`",
            ),
            (with(user(), &[text("a b")]), "no name for a parameter"),
            (
                with(user(), &[days]),
                "of type number, and \"ninety\" is none",
            ),
            (
                with(query(Search, "a"), &[text("a")]),
                "takes no parameters",
            ),
            (
                with(user(), &[parameter("user", ParameterType::List, None)]),
                "`user` is a list",
            ),
            (
                SavedQuery {
                    since: Some("yesterday".to_owned()),
                    ..query(Search, "a")
                },
                "since: `yesterday` is not a time",
            ),
            (
                SavedQuery {
                    technique: Some("T12".to_owned()),
                    ..query(Search, "a")
                },
                "\"T12\" is no ATT&CK technique",
            ),
        ];
        let queries = cases.each_ref().map(|(query, _)| query.clone());
        for ((_, part), checked) in cases.iter().zip(checked(&queries)) {
            let told = checked.expect_err(part);
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
