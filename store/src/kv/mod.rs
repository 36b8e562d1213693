//! The ordered store below everything: keys, values, column families, RocksDB.

pub mod columns;
pub mod db;
pub mod keys;
mod log_file;
pub(crate) mod manifest;
pub mod torn_log;
pub mod value;
