//! A query that a language's front end has compiled, and what it compiles with.
//!
//! Both languages come out here as the same thing: a logical plan over event tables, the
//! names of its columns, and what to warn of. From here on nothing knows the language.

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use tarn_store::{StoreId, TimeRange};

use crate::error::QueryError;
use crate::request::{QueryRequest, Stage};
use crate::search_plan::Clock;
use crate::syntax::Warning;
use crate::table::QueryScope;

/// What a front end may use while it compiles.
pub struct Planning<'q> {
    /// The query's text. Values of parameters enter the syntax tree and never the text, so
    /// that none can become syntax.
    pub text: &'q str,
    pub request: &'q QueryRequest,
    pub state: &'q SessionState,
    /// Whose events, from when; a pipeline narrows its time and hands it to its tables.
    pub scope: QueryScope,
}

impl Planning<'_> {
    pub fn clock(&self) -> Clock {
        self.request.clock()
    }

    /// The time of the request.
    pub fn time(&self) -> TimeRange {
        self.scope.time
    }

    /// Whether a name after FROM means the store of the request.
    pub fn is_chosen(&self, name: &str) -> bool {
        CHOSEN_STORE
            .iter()
            .any(|chosen| chosen.eq_ignore_ascii_case(name))
    }

    /// The store that a name in the query means.
    ///
    /// **Errors**: there is none, with the nearest there is.
    pub fn store(&self, name: &str) -> Result<StoreId, QueryError> {
        let reference = match self.is_chosen(name) {
            true => &self.request.store,
            false => name,
        };
        self.scope.source.find_store(reference)
    }
}

/// The names that stand for the store of the request; the second is the placeholder of
/// AWS's query generator.
pub const CHOSEN_STORE: [&str; 2] = ["events", "$EDS_ID"];

/// A compiled query.
pub struct Planned {
    pub plan: LogicalPlan,
    /// The names of the columns in the spelling of the query, one for each; those of the
    /// plan are unique and in lower case for SQL.
    pub names: Vec<String>,
    pub warnings: Vec<Warning>,
    /// The parameters that the text has no place for.
    pub unused_parameters: Vec<String>,
    /// How the query was understood, for `--explain`: its syntax, then its plan.
    pub stages: Vec<Stage>,
    /// Whether the query asks for its plan and not for rows.
    pub is_explain: bool,
}
