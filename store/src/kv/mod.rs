//! The ordered store below everything: keys, values, column families, RocksDB.

pub mod columns;
pub mod db;
pub mod keys;
pub mod value;
