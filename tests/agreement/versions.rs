//! Splits of past layouts and of today's answer together: by index as without,
//! side by side and merged.
//!
//! The splits of format 1 have no checksums of blocks and none of the columns that
//! show UUIDs and lists without their record; those of format 2 have ids that are not
//! packed.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tarn_query::Language;
use tarn_store::index::split_file::VERSION;
use tarn_store::owner::Session;
use tarn_store::{Access, Snapshot};

use super::answer::{Answer, Asker, Failure, Question, differences};
use super::{Case, cases, insights, run, seed, sql};
use crate::corruption::Copied;
use crate::corruption::golden;
use crate::support::corpus::Corpus;
use crate::support::home::{self, Home};

/// The store of an older format with as many events again, which a build of today wrote.
struct Store {
    asker: Asker,
    snapshot: Arc<Snapshot>,
    _copied: Copied,
}

impl Store {
    /// A push leaves the splits side by side, an import merges them.
    fn new(format: u32, is_merged: bool) -> Self {
        let copied = golden::store(&format.to_string());
        let logs = Home::new();
        let corpus = Corpus::new(seed(), 240).each_once(seed());
        let log = logs.log("todays.json", &corpus.deliveries);
        let session = Session::open(&copied.data(), &home::options(1)).expect("it opens");
        let summary = match is_merged {
            true => home::import(&session, &[log]),
            false => home::push(&session, &[log]),
        };
        assert_eq!(summary.records.stored as usize, corpus.contents.len());
        session.close().expect("closed");
        let snapshot = copied.open().expect("it opens");
        let versions = golden::versions(&copied.data());
        let expected: &[u32] = if is_merged {
            &[VERSION]
        } else {
            &[format, VERSION]
        };
        assert_eq!(versions, expected);
        Self {
            asker: Asker::new(),
            snapshot,
            _copied: copied,
        }
    }

    fn ask(&self, case: &Case, text: &str, access: Access) -> Answer {
        let question = Question {
            text,
            language: case.language,
            time: case.time,
            scope: case.scope.clone(),
            access,
        };
        let rows = self.asker.rows(&self.snapshot, &question);
        rows.map_err(Failure::from)
    }

    fn agreed(&self, case: &Case) -> Result<Answer, TestCaseError> {
        let query = &case.query;
        let plain = |text: &str| self.ask(case, text, Access::Plain);
        let (expected, uncut) = (plain(&query.text), query.uncut.as_deref().map(plain));
        let answer = self.ask(case, &query.text, Access::Indexed);
        match differences(query.order, &answer, &expected, uncut.as_ref()) {
            Some(text) => Err(TestCaseError::fail(text)),
            None => Ok(expected),
        }
    }
}

/// Queries in both languages.
fn all_cases() -> impl Strategy<Value = Case> {
    prop_oneof![
        cases(Language::Sql, sql::queries()),
        cases(Language::Insights, insights::queries()),
    ]
}

#[test]
fn side_by_side_with_format_1() {
    let store = Store::new(1, false);
    run(all_cases(), |case| store.agreed(case));
}

#[test]
fn side_by_side_with_format_2() {
    let store = Store::new(2, false);
    run(all_cases(), |case| store.agreed(case));
}

#[test]
fn merged_with_format_1() {
    let store = Store::new(1, true);
    run(all_cases(), |case| store.agreed(case));
}

#[test]
fn merged_with_format_2() {
    let store = Store::new(2, true);
    run(all_cases(), |case| store.agreed(case));
}
