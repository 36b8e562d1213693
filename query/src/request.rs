//! What the engine is asked, and the stages that it explains.

use std::time::Duration;

use chrono_tz::Tz;
use tarn_store::{Access, AccountScope, Cancel, TimeRange};

use crate::language::Language;
use crate::parameters::ParameterValue;
use crate::search_plan::Clock;

/// A query with all that it depends on: the engine reads neither clock nor environment.
#[derive(Debug, Clone)]
pub struct QueryRequest {
    pub text: String,
    pub language: Language,
    /// The store that `events` and `$EDS_ID` mean, and that a pipeline reads: its name,
    /// UUID or ARN.
    pub store: String,
    /// Only events within; what the query says of time narrows it further.
    pub time: TimeRange,
    /// Only events of these accounts.
    pub scope: AccountScope,
    /// Values of `{{name}}`.
    pub parameters: Vec<(String, ParameterValue)>,
    /// Rows at most, over what the query says.
    pub limit: Option<usize>,
    /// Whether the query is asked again of the events that arrive: only what gives a row
    /// for an event, whatever other events there are, can be. Its rows come oldest first.
    pub is_followed: bool,
    /// From the start of the query to its last row.
    pub timeout: Option<Duration>,
    /// What "now" is, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Whose days and hours are meant where a time is written without a zone.
    pub zone: Tz,
    pub access: Access,
    /// Stops the query at any time.
    pub cancel: Cancel,
}

impl QueryRequest {
    /// A query of everything in the store `default`, at a time in milliseconds since 1970
    /// UTC, with neither limit nor timeout.
    pub fn new(text: &str, now_ms: i64) -> Self {
        Self {
            text: text.to_owned(),
            language: Language::Auto,
            store: "default".to_owned(),
            time: TimeRange::ALL,
            scope: AccountScope::All,
            parameters: Vec::new(),
            limit: None,
            is_followed: false,
            timeout: None,
            now_ms,
            zone: Tz::UTC,
            access: Access::Indexed,
            cancel: Cancel::default(),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock {
            now_ms: self.now_ms,
            zone: self.zone,
        }
    }
}

/// One stage of a query's way, for `--explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    pub name: &'static str,
    /// One or more lines.
    pub text: String,
}

impl Stage {
    pub(crate) fn new(name: &'static str, text: impl ToString) -> Self {
        Self {
            name,
            text: text.to_string(),
        }
    }
}
