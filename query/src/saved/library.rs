//! The queries that come with the program, by theme: what people look for in management
//! events, each with what a hit means and what else gives one.

use std::sync::LazyLock;

use tarn_store::saved::SavedQuery;

use super::file::read;

/// Theme and file.
const FILES: [(&str, &str); 10] = [
    ("identity", include_str!("../../library/identity.toml")),
    ("keys", include_str!("../../library/keys.toml")),
    ("network", include_str!("../../library/network.toml")),
    ("data", include_str!("../../library/data.toml")),
    ("logging", include_str!("../../library/logging.toml")),
    ("denied", include_str!("../../library/denied.toml")),
    ("accounts", include_str!("../../library/accounts.toml")),
    (
        "investigation",
        include_str!("../../library/investigation.toml"),
    ),
    ("audit", include_str!("../../library/audit.toml")),
    ("operations", include_str!("../../library/operations.toml")),
];

static LIBRARY: LazyLock<Vec<(&str, Vec<SavedQuery>)>> = LazyLock::new(|| {
    // A file that does not read is an empty theme, which a test does not let pass.
    let queries = |text| read(text).unwrap_or_default();
    FILES
        .iter()
        .map(|(theme, text)| (*theme, queries(text)))
        .collect()
});

static ALL: LazyLock<Vec<SavedQuery>> = LazyLock::new(|| {
    let queries = LIBRARY.iter().flat_map(|(_, queries)| queries);
    queries.cloned().collect()
});

/// Every built-in query, theme by theme.
pub fn library() -> &'static [SavedQuery] {
    &ALL
}

/// The themes and their queries, in reading order.
pub fn themes() -> &'static [(&'static str, Vec<SavedQuery>)] {
    &LIBRARY
}
