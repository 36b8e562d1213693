//! Events in, Arrow batches out.

pub mod catalog;
pub mod fields;
pub mod index;
pub mod json;
pub mod kv;
pub mod path;
pub mod resolve;
pub mod scan;
pub mod tokens;

pub use scan::*;
