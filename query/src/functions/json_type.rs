//! Which texts are JSON: Arrow has no such type, so a field says it of itself.
//!
//! Trino's `json` differs from `varchar` in one thing that shows: a cast of JSON text
//! `"a"` to varchar is `a`. The mark travels with the field through projections, so the
//! planner knows at each cast what it casts.

use datafusion::arrow::datatypes::Field;

const KEY: &str = "tarn.type";
const JSON: &str = "json";

/// The field, marked as holding JSON text.
pub(crate) fn marked(field: Field) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(KEY.to_owned(), JSON.to_owned());
    field.with_metadata(metadata)
}

/// Whether a field holds JSON text.
pub(crate) fn is_json(field: &Field) -> bool {
    field.metadata().get(KEY).is_some_and(|t| t == JSON)
}
