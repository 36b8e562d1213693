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
use crate::tables::Tables;

/// What a front end may use while it compiles.
pub struct Planning<'q> {
    /// The query's text, its parameters filled in.
    pub text: &'q str,
    pub request: &'q QueryRequest,
    pub state: &'q SessionState,
    /// Whose events, from when; a pipeline narrows its time and hands it to its tables.
    pub scope: QueryScope,
}

impl<'q> Planning<'q> {
    pub fn clock(&self) -> Clock {
        self.request.clock()
    }

    /// The time of the request.
    pub fn time(&self) -> TimeRange {
        self.scope.time
    }

    /// The store that a name in the query means; `events` is the one of the request.
    ///
    /// **Errors**: there is none, with the nearest there is.
    pub fn store(&self, name: &str) -> Result<StoreId, QueryError> {
        self.tables().store(name)
    }

    pub fn tables(&self) -> Tables<'_> {
        Tables {
            scope: &self.scope,
            chosen: &self.request.store,
            text: self.text,
        }
    }
}

/// A compiled query.
pub struct Planned {
    pub plan: LogicalPlan,
    /// The names of the columns in the spelling of the query, one for each; those of the
    /// plan are unique and in lower case for SQL.
    pub names: Vec<String>,
    pub warnings: Vec<Warning>,
    /// How the query was understood, for `--explain`: its syntax, then its plan.
    pub stages: Vec<Stage>,
}
