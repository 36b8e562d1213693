//! Saved queries: those that people keep in a directory, and a library of our own.
//!
//! ```text
//! file     TOML ──▶ SavedQuery ──▶ TOML       so that they live in git
//! library  query/library/*.toml               built in
//! check    before it is saved: does it compile, is every parameter declared and used?
//! bind     -p name=value ──▶ typed values     that enter the plan and never the text
//! ```
//!
//! A query that is saved under the name of a built-in one hides it until it is deleted.

mod bind;
mod check;
mod file;
mod library;

use tarn_store::saved::{SavedEntry, SavedLanguage, SavedQuery};

pub use bind::bind;
pub use check::check;
pub use file::{FileError, read, tidied, write};
pub use library::{library, themes};

use crate::language::Language;
use crate::suggest;

/// A saved query and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub query: SavedQuery,
    /// When it was saved first and last, in milliseconds since 1970 UTC; none for those
    /// that are built in.
    pub saved: Option<Saved>,
}

/// When a query was saved, in milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// That there is no saved query of the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no saved query `{name}`")]
pub struct UnknownQuery {
    pub name: String,
    pub hint: Option<String>,
}

impl UnknownQuery {
    /// With what was probably meant of the names that there are.
    pub fn among<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> Self {
        Self {
            name: name.to_owned(),
            hint: suggest::did_you_mean(name, names.clone())
                .or_else(|| suggest::holding(name, names)),
        }
    }
}

impl Listed {
    pub fn is_built_in(&self) -> bool {
        self.saved.is_none()
    }
}

impl From<SavedEntry> for Listed {
    fn from(entry: SavedEntry) -> Self {
        Self {
            saved: Some(Saved {
                created_ms: entry.created_ms,
                updated_ms: entry.updated_ms,
            }),
            query: entry.query,
        }
    }
}

impl From<SavedLanguage> for Language {
    fn from(language: SavedLanguage) -> Self {
        match language {
            SavedLanguage::Sql => Self::Sql,
            SavedLanguage::Insights => Self::Insights,
            SavedLanguage::Search => Self::Search,
        }
    }
}

/// Every query by name: those of the directory, and the built-in ones that they do not
/// hide.
pub fn all(stored: Vec<SavedEntry>) -> Vec<Listed> {
    let built_in = library().iter().filter(|built_in| {
        let is_hidden = |entry: &SavedEntry| entry.query.name == built_in.name;
        !stored.iter().any(is_hidden)
    });
    let built_in = built_in.map(|query| Listed {
        query: query.clone(),
        saved: None,
    });
    let mut all: Vec<Listed> = built_in.collect();
    all.extend(stored.into_iter().map(Listed::from));
    all.sort_by(|a, b| a.query.name.cmp(&b.query.name));
    all
}

/// The query of a name.
pub fn find(stored: Vec<SavedEntry>, name: &str) -> Result<Listed, UnknownQuery> {
    let mut all = all(stored);
    match all.iter().position(|listed| listed.query.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let names = all.iter().map(|listed| listed.query.name.as_str());
            Err(UnknownQuery::among(name, names))
        }
    }
}

/// The bounds of time to run a query with: those asked for, else its own.
pub fn time_range(
    query: &SavedQuery,
    since: Option<String>,
    until: Option<String>,
) -> (Option<String>, Option<String>) {
    match (since, until) {
        (None, None) => (query.since.clone(), query.until.clone()),
        asked => asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str) -> SavedEntry {
        let [first, ..] = library() else {
            panic!("the library is empty");
        };
        SavedEntry {
            query: SavedQuery {
                name: name.to_owned(),
                since: Some("7d".to_owned()),
                ..first.clone()
            },
            created_ms: 1,
            updated_ms: 2,
        }
    }

    #[test]
    fn what_is_saved_hides_what_is_built_in() {
        let taken = library().first().expect("a query").name.clone();
        let all = all(vec![stored(&taken), stored("own")]);
        assert_eq!(all.len(), library().len() + 1);
        assert!(all.is_sorted_by(|a, b| a.query.name < b.query.name));
        let own = all.iter().filter(|listed| !listed.is_built_in());
        let own: Vec<&str> = own.map(|listed| listed.query.name.as_str()).collect();
        assert_eq!(own.len(), 2);
        assert!(own.contains(&taken.as_str()));
    }

    #[test]
    fn unknown_names_are_helped_with() {
        let known = vec![stored("nightly-report")];
        assert!(find(known.clone(), "nightly-report").is_ok());
        let hint = |name: &str| find(known.clone(), name).expect_err(name).hint;
        assert_eq!(
            hint("nightly-reprot").as_deref(),
            Some("did you mean `nightly-report`?")
        );
        assert_eq!(
            hint("nightly").as_deref(),
            Some("there are: nightly-report")
        );
        assert_eq!(hint("zzzzzzzz"), None);
    }

    #[test]
    fn a_range_that_is_asked_for_replaces_both_bounds() {
        let query = stored("a").query;
        assert_eq!(time_range(&query, None, None), (Some("7d".into()), None));
        let until = Some("2024-01-01".to_owned());
        assert_eq!(time_range(&query, None, until.clone()), (None, until));
    }
}
