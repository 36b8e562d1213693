//! All tests that cross modules, in one binary, so that RocksDB and DataFusion
//! are linked once. The contents:

/// The tools: a corpus that knows the truth about itself, directories, scans.
mod support;

/// DESIGN.md's eight invariants, a file each.
mod invariants;

/// Invariant 5: random queries in both languages, by index and without.
mod agreement;

/// Aggregations that the store does itself, beside DataFusion's.
mod groups;

/// Invariant 1, and what a crash may not do to the others: kill -9 at every
/// step and at any time, power loss at every step.
mod crash;

/// Input and queries made to break things: each has an end in bounded time and
/// memory, and a reason where it is not taken.
mod hostile;

/// Any bytes at all, for everything that reads bytes: corpora and what is made of
/// them.
mod fuzz;

/// A disk that refuses, at every call of every action: a clear error, nothing
/// lost, nothing half done, and the same process goes on afterwards.
#[cfg(target_os = "linux")]
mod faults;

/// Flipped bits and files that end too early are found and never served; stores
/// of every format open.
mod corruption;

/// What is older than its store keeps is gone, and nothing else is.
mod retention;

/// The built-in saved queries: what each must find, and what it must not.
mod library;

/// Everything at once, for seconds here and for hours by `make soak`.
#[cfg(target_os = "linux")]
mod soak;

/// Accounts by their names: in queries, in what is asked of them, by the binary.
mod accounts;

/// Sessions: who made some calls, and the chain of who gave the credentials. Searches as
/// they are shown.
mod sessions;

/// The first hour of an incident, as `docs/first-hour.md` tells it.
mod first_hour;

/// The server as its clients see it.
mod http;

/// The command line over a server: the same output as over the directory.
mod remote;

/// Forty questions over public logs, with DuckDB as the judge.
mod conformance;
