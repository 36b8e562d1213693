//! Text in, rows out: SQL, Logs Insights QL and search over one plan.
//!
//! ```text
//! text ── language ──▶ sql | insights | search      a syntax tree with its places
//!                            │
//!      resolve, leaf_pass ───┤                      names become fields, fields columns
//!                            ▼
//!                       LogicalPlan                 planned: from here no language
//!                            │  row_order, limit
//!                            ▼
//!                    DataFusion's optimizer
//!                            │  pushdown            filters become the scan's predicate
//!                            ▼
//!            physical plan over EventScanExec       table, exec, time_order
//!                            │
//!                            ▼
//!              QueryStream of record batches        stream; memory, spill, timeout
//!                            │
//!                            ▼
//!                         results                   JSON, CSV, tables, Arrow
//!                         job                       turns, states, rows that are kept
//! ```
//!
//! [`Engine`] walks the way; [`EventSource`] is all that it asks of a store. What goes
//! wrong on the way is a [`QueryError`] with its place in the text. Nothing here prints,
//! or reads the time of day or the environment: the request carries what a query depends
//! on.

pub mod accounts;
mod columns;
mod compact;
pub mod coverage;
mod engine;
mod error;
mod exec;
pub mod field_list;
mod followed;
pub mod functions;
mod groups;
pub mod incident;
pub mod insights;
pub mod job;
mod kept_order;
mod language;
mod leaf_pass;
mod leaves;
mod memory;
mod nested_loops;
mod parameters;
mod patterns;
mod planned;
mod pump;
mod pushdown;
mod request;
mod resolve;
pub mod results;
mod row_order;
pub mod saved;
pub mod search;
mod search_function;
mod search_plan;
mod session;
mod source;
mod span;
mod spill;
pub mod sql;
mod sql_plan;
mod statistics;
mod stream;
mod suggest;
mod syntax;
mod system_columns;
mod table;
mod threads;
pub mod time;
mod time_order;

pub use chrono_tz::Tz;
pub use engine::{Engine, EngineOptions, Priority};
pub use error::{Code, ErrorKind, QueryError};
pub use language::{Language, detect};
pub use parameters::ParameterValue;
pub use request::{QueryRequest, Stage};
pub use search_plan::Marks;
pub use source::{EventSource, Partition, PlannedScan, SnapshotSource};
pub use span::Span;
pub use statistics::Statistics;
pub use stream::QueryStream;
pub use syntax::{SyntaxError, Warning};

#[cfg(test)]
mod engine_tests;
