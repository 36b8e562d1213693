//! One resource, one file.

pub mod health;
pub mod query;
pub mod stores;
