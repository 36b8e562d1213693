//! Splits: derived state that answers without reading records. The only folder
//! that names tantivy.

pub mod blocks;
pub mod cache;
pub mod columns;
pub mod dictionary;
pub mod docset;
pub mod ids;
pub mod layout;
pub mod leaves;
pub mod merge;
pub mod reader;
pub mod rebuild;
pub mod split_file;
pub mod text;
pub mod writer;
