//! Splits: derived state that answers without reading records. The only folder
//! that names tantivy.

pub mod layout;
pub mod split_file;
