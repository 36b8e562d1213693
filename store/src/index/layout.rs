//! What a split holds, by name: shared by the writer and the reader.
//!
//! A document is an event; documents are numbered from 0. For each path of
//! [`crate::path::FieldPath`] (arrays passed over) a split may hold these
//! columns, where `P` is the path's text form:
//!
//! | column | type | a document has it when at P there is |
//! |---|---|---|
//! | `s:P` | text | a string of at most [`TEXT_BYTES_MAX`] bytes |
//! | `i:P` | i64 | an integer written as `i64` writes it |
//! | `b:P` | bool | a boolean |
//! | `x:P` | bool | a value that no column holds: an object, an array, another number, a longer string, or any value of a field kept by presence. The record decides |
//! | `a:P` | bool | a value that lies inside an array. Tests of any element may use the columns; everything else reads the record |
//! | `u:P`, `v:P` | i64 | a UUID in its usual spelling, at a field kept so: its upper and its lower half |
//! | `l:P` | text | a list that the columns of its members tell whole: its *shape* |
//!
//! So an event has something other than null at P exactly when it has `s:P`,
//! `i:P`, `b:P` or `x:P`. An array of scalars at P has `x:P` for the array, and
//! `s:P`… for its elements. `u:`, `v:` and `l:` only say more of what has `x:P`:
//! they are for showing the value without the record.
//!
//! The shape of a list ([`list_shape`]) has a digit for each element, a bit for
//! each documented member that the element has. Values of a member stand in its
//! column in the order of the elements, so the shape says whose they are.
//!
//! A path longer than [`PATH_BYTES_MAX`], or one too many ([`PATHS_MAX`]), has
//! no columns; documents with such a path have [`OVERFLOW`], and the record
//! decides them. Documented fields always have their columns. A merge brings
//! together splits that left out different paths, so where a document has
//! [`OVERFLOW`] the columns of any other path may lack its values.
//!
//! `eventTime` has `x:` only where it is not spelled as [`TIME`] gives it back,
//! `YYYY-MM-DDTHH:MM:SSZ`; every event has one.

/// Longer strings are left to the record.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Longer paths have no columns.
pub const PATH_BYTES_MAX: usize = 512;
/// The number of paths with columns in one split.
pub const PATHS_MAX: usize = 20_000;

/// i64, every document: event time in milliseconds since 1970 UTC.
pub const TIME: &str = "t";
/// i64, every document: the batch of the event's key.
pub const BATCH: &str = "batch";
/// i64, every document: the ordinal of the event's key.
pub const ORDINAL: &str = "ordinal";
/// Text, documents with an account: the account of the event's key.
pub const ACCOUNT: &str = "account";
/// Bool: the document has paths without columns.
pub const OVERFLOW: &str = "overflow";

pub const TEXT: &str = "s:";
pub const INTEGER: &str = "i:";
pub const BOOLEAN: &str = "b:";
pub const SEE_RECORD: &str = "x:";
pub const IN_ARRAY: &str = "a:";
pub const UUID_HIGH: &str = "u:";
pub const UUID_LOW: &str = "v:";
pub const LIST: &str = "l:";

/// The only field of the tantivy index: the dictionary tokens
/// ([`crate::tokens`], not id-like) of every string and number, documents only.
pub const TOKENS_FIELD: &str = "tokens";

/// Sections of the split file besides tantivy's own files, which have this
/// prefix.
pub const COLUMNS_SECTION: &str = "columns";
/// Pairs of a hash and a document, sorted and packed ([`super::ids`]): the upper half
/// of [`crate::tokens::id_hash`] of each id-like token of the document, and of the
/// document's identity ([`crate::event::identity_hash`]).
pub const PACKED_IDS_SECTION: &str = "packed-ids";
/// The same in layouts 1 and 2: pairs (hash u32, document u32), little-endian.
pub const IDS_SECTION: &str = "ids";
pub const TANTIVY_PREFIX: &str = "tantivy/";
