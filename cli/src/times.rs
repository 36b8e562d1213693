//! Times as they are printed.

pub use tarn_query::time::iso;
