//! Events in, Arrow batches out.

mod advice;
mod arrivals;
pub mod catalog;
mod catalogue;
pub mod check;
mod closed;
pub mod content;
pub mod data_store;
pub mod directory;
pub mod event;
pub mod fields;
pub mod history;
pub mod import;
pub mod index;
pub mod json;
pub mod kv;
pub mod manage;
mod numbers;
pub mod owner;
pub mod path;
mod reader;
pub mod recovery;
pub mod resolve;
mod retention;
pub mod salvage;
pub mod scan;
mod snapshot;
pub mod tokens;
mod writer;

pub use data_store::EventDataStore;
pub use directory::OpenError;
pub use reader::Reader;
pub use scan::*;
pub use snapshot::Snapshot;
pub use writer::{WriteOptions, Writer};
