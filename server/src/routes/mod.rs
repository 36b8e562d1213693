//! One resource, one file.

pub mod accounts;
pub mod coverage;
pub mod events;
pub mod fields;
pub mod health;
pub mod imports;
pub mod metrics;
pub mod openapi;
pub mod push;
pub mod queries;
pub mod query;
pub mod saved;
pub mod sessions;
pub mod store_change;
pub mod stores;
pub mod upload;
