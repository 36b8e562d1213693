//! Queries that people saved: a text with what it asks, what a hit means, and the
//! parameters that it takes.
//!
//! Whether a text compiles is not known here: whoever saves it has asked.

use serde::{Deserialize, Serialize};

use crate::kv::columns::Column;
use crate::kv::db::{Changes, KvError};
use crate::kv::keys::push_text;
use crate::snapshot::Snapshot;
use crate::writer::Core;

/// A query with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedQuery {
    /// A letter, then letters, digits, dots, underscores and hyphens, so that it
    /// is a file name, a part of a URL and an alias in CloudTrail's API.
    pub name: String,
    /// What it asks, in a line.
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub description: String,
    /// What a row of the result means.
    #[serde(default)]
    pub hit_means: String,
    /// What gives rows that mean nothing.
    #[serde(default)]
    pub false_positives: String,
    /// An ATT&CK technique: `T1078` or `T1078.004`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub language: SavedLanguage,
    pub text: String,
    /// The time range unless one is asked for, as it is typed: `7d`, `-24h@h`, a
    /// time. None is unbounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    #[serde(default)]
    pub parameters: Vec<SavedParameter>,
}

/// The languages of saved queries: whoever saves one knows which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SavedLanguage {
    Sql,
    Insights,
    Search,
}

impl SavedLanguage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Insights => "insights",
            Self::Search => "search",
        }
    }
}

/// What a `{{name}}` of the text stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedParameter {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// As it would be given. None must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default)]
    pub description: String,
}

/// What values a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// Any text, also one of digits.
    Text,
    Number,
    Boolean,
    /// A moment in one of the forms of `--since`.
    Time,
    /// The id of an AWS account, 12 digits.
    Account,
    /// Texts, to be one of which a value is.
    List,
}

impl ParameterType {
    pub const ALL: [Self; 6] = [
        Self::Text,
        Self::Number,
        Self::Boolean,
        Self::Time,
        Self::Account,
        Self::List,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Account => "account",
            Self::List => "list",
        }
    }
}

/// A saved query as the directory keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedEntry {
    pub query: SavedQuery,
    /// Milliseconds since 1970 UTC.
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// What becomes of a saved query that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overwrite {
    /// It stays, and nothing is saved.
    Refuse,
    Replace,
}

/// Of an entry. It is read with all others whenever they are listed.
pub const SAVED_BYTES_MAX: usize = 256 << 10;

/// Why the saved queries are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    #[error("there is no saved query {name:?}")]
    NotFound { name: String },
    #[error("there is a saved query {name:?} already")]
    AlreadyExists { name: String },
    #[error(
        "{name:?} is no name for a saved query: a letter, then letters, digits, dots, underscores and hyphens, 128 at most"
    )]
    BadName { name: String },
    #[error("the saved query {name:?} has {bytes} bytes, {SAVED_BYTES_MAX} at most are kept")]
    TooLarge { name: String, bytes: usize },
    #[error("two of the queries to be saved are named {name:?}")]
    Twice { name: String },
    #[error(transparent)]
    Kv(#[from] KvError),
}

impl Snapshot {
    /// The saved queries in the order of their names.
    ///
    /// **Cost**: reads them.
    pub fn saved_queries(&self) -> Result<Vec<SavedEntry>, KvError> {
        let entries = self.db().entries::<SavedEntry>(Column::SavedQueries)?;
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    pub fn saved_query(&self, name: &str) -> Result<Option<SavedEntry>, KvError> {
        self.db().entry(Column::SavedQueries, &key(name))
    }
}

/// Saves queries, all or none.
pub(crate) fn put(
    core: &Core,
    queries: Vec<SavedQuery>,
    overwrite: Overwrite,
) -> Result<Vec<SavedEntry>, SavedError> {
    let now_ms = (core.options.clock)();
    let _one_at_a_time = core.publishing.lock();
    let mut changes = Changes::default();
    let mut entries: Vec<SavedEntry> = Vec::new();
    for query in queries {
        check_name(&query.name)?;
        let key = key(&query.name);
        let before: Option<SavedEntry> = core.db.entry(Column::SavedQueries, &key)?;
        let name = || query.name.clone();
        if before.is_some() && overwrite == Overwrite::Refuse {
            return Err(SavedError::AlreadyExists { name: name() });
        }
        if entries.iter().any(|saved| saved.query.name == query.name) {
            return Err(SavedError::Twice { name: name() });
        }
        let entry = SavedEntry {
            created_ms: before.map_or(now_ms, |before| before.created_ms),
            updated_ms: now_ms,
            query,
        };
        let bytes = serde_json::to_vec(&entry).map_or(usize::MAX, |value| value.len());
        if bytes > SAVED_BYTES_MAX {
            let name = entry.query.name;
            return Err(SavedError::TooLarge { name, bytes });
        }
        changes.put_entry(Column::SavedQueries, key, &entry);
        entries.push(entry);
    }
    core.write(changes)?;
    core.step("queries saved");
    Ok(entries)
}

/// Forgets a query and gives what it was.
pub(crate) fn delete(core: &Core, name: &str) -> Result<SavedEntry, SavedError> {
    let _one_at_a_time = core.publishing.lock();
    let key = key(name);
    let entry: Option<SavedEntry> = core.db.entry(Column::SavedQueries, &key)?;
    let entry = entry.ok_or_else(|| SavedError::NotFound {
        name: name.to_owned(),
    })?;
    let mut changes = Changes::default();
    changes.delete(Column::SavedQueries, key);
    core.write(changes)?;
    core.step("saved query deleted");
    Ok(entry)
}

fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    push_text(&mut key, name);
    key
}

/// As of a QueryAlias of StartQuery, `^[a-zA-Z][a-zA-Z0-9._\-]*$`, but half as long.
fn check_name(name: &str) -> Result<(), SavedError> {
    let may_follow = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let is_good = (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(may_follow);
    match is_good {
        true => Ok(()),
        false => Err(SavedError::BadName {
            name: name.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{Scene, options};
    use crate::owner::Session;
    use crate::reader::Reader;

    fn query(name: &str, text: &str) -> SavedQuery {
        SavedQuery {
            name: name.to_owned(),
            title: String::new(),
            description: String::new(),
            hit_means: String::new(),
            false_positives: String::new(),
            technique: None,
            tags: Vec::new(),
            language: SavedLanguage::Insights,
            text: text.to_owned(),
            since: None,
            until: None,
            parameters: Vec::new(),
        }
    }

    #[test]
    fn queries_are_saved_all_or_none() {
        let scene = Scene::new();
        let session = Session::open(&scene.data(), &options()).expect("opened");
        let reader = Reader::open(&scene.data()).expect("opened");
        let texts = || {
            let saved = reader.snapshot().expect("read").saved_queries();
            let saved = saved.expect("read").into_iter();
            saved
                .map(|entry| (entry.query.name, entry.query.text))
                .collect::<Vec<_>>()
        };
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let put =
            |queries: Vec<SavedQuery>, overwrite| session.put_saved_queries(queries, overwrite);

        let made = put(vec![query("b", "1")], Overwrite::Refuse).expect("saved");
        let refused = [
            put(vec![query("a", "2"), query("b", "2")], Overwrite::Refuse),
            put(vec![query("a", "2"), query("a", "3")], Overwrite::Replace),
            put(vec![query("a", "2"), query("-a", "3")], Overwrite::Replace),
            put(vec![query("a/b", "2")], Overwrite::Replace),
            put(vec![query("", "2")], Overwrite::Replace),
            put(vec![query(&"a".repeat(129), "2")], Overwrite::Replace),
            put(
                vec![query("a", &"x".repeat(SAVED_BYTES_MAX))],
                Overwrite::Replace,
            ),
        ];
        for refused in refused {
            let error = refused.expect_err("refused");
            assert!(error.is_usage(), "{error}");
        }
        assert_eq!(texts(), [pair("b", "1")]);

        let queries = vec![query("b", "4"), query("a", "4")];
        let replaced = put(queries, Overwrite::Replace).expect("saved");
        assert_eq!(texts(), [pair("a", "4"), pair("b", "4")]);
        assert_eq!(
            replaced.first().map(|b| b.created_ms),
            made.first().map(|b| b.created_ms)
        );

        // Another process has its work done by the one that owns the directory.
        let guest = Session::open(&scene.data(), &options()).expect("opened");
        assert!(guest.is_guest());
        let refused = guest.put_saved_query(query("a", "5"), Overwrite::Refuse);
        assert_eq!(
            refused.expect_err("there").to_string(),
            "there is a saved query \"a\" already"
        );
        let put = guest.put_saved_query(query("a", "5"), Overwrite::Replace);
        assert_eq!(put.expect("saved").query.text, "5");
        let gone = guest.delete_saved_query("a").expect("deleted");
        assert_eq!(gone.query.text, "5");
        let missing = session.delete_saved_query("a").expect_err("gone");
        assert!(missing.is_usage(), "{missing}");
        assert_eq!(texts(), [pair("b", "4")]);
    }
}
