//! Invariant 5: fast equals slow.
//!
//! Random queries in both languages are asked by index and by the plain path,
//! which reads every event and evaluates the predicate. Rows, and errors, must
//! be the same, and the same wherever the events lie: in one split, in several,
//! in merged and in rebuilt ones, among dead documents, in the tail. The events
//! are those of [`Corpus`], with everything that an index may trip over.
//!
//! A third way judges the plain path itself: a condition that filters keeps as
//! many rows as there are when DataFusion shows the condition as a column and
//! no predicate is made of it.
//!
//! `PROPTEST_CASES` sets how many queries each test asks, `PROPTEST_RNG_SEED`
//! which queries and events these are; the seed is in a failure's message.

pub mod answer;
mod insights;
mod literals;
mod sql;
mod versions;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use tarn_query::Language;
use tarn_store::{Access, AccountScope, TimeRange};

use self::answer::{Answer, Asker, Question, differences};
use crate::support::corpus::{ACCOUNTS, Corpus, SECONDS, START_MS};
use crate::support::world::{Layout, World};

/// Queries of each test, where the environment does not say.
const CASES: u32 = 400;
/// The seed of queries and events, where the environment does not say.
const SEED: u64 = 5;

/// What the answers to a query have in common whichever way they are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// So many leading columns are sorted; rows that agree in them come in any
    /// order.
    Leading(usize),
    /// Every row has its place.
    Total,
}

/// A query as text, and what may be expected of its rows.
#[derive(Clone)]
pub struct Query {
    pub text: String,
    pub order: Order,
    /// The query without its limit, where rows that agree in the sorted columns
    /// may or may not be beyond it.
    pub uncut: Option<String>,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.order, self.text)
    }
}

/// A query and all that it depends on.
#[derive(Debug, Clone)]
struct Case {
    language: Language,
    query: Query,
    layout: Layout,
    time: TimeRange,
    scope: AccountScope,
}

fn cases(language: Language, queries: impl Strategy<Value = Query>) -> impl Strategy<Value = Case> {
    (queries, select(&Layout::ALL[..]), times(), scopes()).prop_map(
        move |(query, layout, time, scope)| Case {
            language,
            query,
            layout,
            time,
            scope,
        },
    )
}

/// Ranges that cut through the events: at a second that many share, and inside
/// one.
fn times() -> impl Strategy<Value = TimeRange> {
    let end = START_MS + SECONDS as i64 * 1000;
    let bound = || (START_MS..end, any::<bool>());
    let bound = move || bound().prop_map(|(ms, whole)| if whole { ms / 1000 * 1000 } else { ms });
    prop_oneof![
        3 => Just(TimeRange::ALL),
        1 => bound().prop_map(|start_ms| TimeRange { start_ms, ..TimeRange::ALL }),
        2 => (bound(), bound()).prop_map(|(a, b)| TimeRange {
            start_ms: a.min(b),
            end_ms: a.max(b),
        }),
    ]
}

fn scopes() -> impl Strategy<Value = AccountScope> {
    let mut accounts: Vec<&str> = ACCOUNTS.to_vec();
    accounts.push("");
    let some = proptest::sample::subsequence(accounts, 0..=4)
        .prop_map(|some| some.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    prop_oneof![
        3 => Just(AccountScope::All),
        2 => some.prop_map(AccountScope::Only),
    ]
}

/// The same events wherever they can lie.
struct Worlds {
    asker: Asker,
    worlds: Vec<(Layout, World)>,
}

/// Where the plain path answers as it should wherever else the events lie.
const REFERENCE: Layout = Layout::OneSplit;

impl Worlds {
    fn build(seed: u64) -> Self {
        let corpus = Corpus::new(seed, 240).each_once(seed);
        let world = |layout| (layout, World::of(corpus.clone(), layout));
        let worlds: Vec<_> = Layout::ALL.map(world).into();
        for (layout, world) in &worlds {
            let n = world.snapshot.event_count(world.store) as usize;
            assert_eq!(n, corpus.contents.len(), "{layout:?} holds all events");
        }
        Self {
            asker: Asker::new(),
            worlds,
        }
    }

    fn ask(&self, case: &Case, text: &str, layout: Layout, access: Access) -> Answer {
        let world = self.worlds.iter().find(|(l, _)| *l == layout);
        let (_, world) = world.expect("all layouts are built");
        let question = Question {
            text,
            language: case.language,
            time: case.time,
            scope: case.scope.clone(),
            access,
        };
        self.asker.ask(world, &question)
    }

    /// The answer of the plain path; fails where another way gives another one.
    fn agreed(&self, case: &Case) -> Result<Answer, TestCaseError> {
        let query = &case.query;
        let plain = |text: &str| self.ask(case, text, REFERENCE, Access::Plain);
        let (expected, uncut) = (plain(&query.text), query.uncut.as_deref().map(plain));
        for access in [Access::Indexed, Access::Plain] {
            let answer = self.ask(case, &query.text, case.layout, access);
            if let Some(text) = differences(query.order, &answer, &expected, uncut.as_ref()) {
                return Err(TestCaseError::fail(format!("{access:?}: {text}")));
            }
        }
        Ok(expected)
    }
}

/// How the cases of a test went, so that a test of nothing but empty answers or
/// errors does not pass. Of few cases it says nothing.
#[derive(Debug, Default)]
struct Tally {
    with_rows: usize,
    empty: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, answer: &Answer) {
        let counted = match answer {
            Ok(rows) if rows.is_empty() => &mut self.empty,
            Ok(_) => &mut self.with_rows,
            Err(_) => &mut self.failed,
        };
        *counted += 1;
    }

    fn check(&self) {
        let all = self.with_rows + self.empty + self.failed;
        assert!(
            all < 50 || (self.with_rows * 3 >= all && self.failed * 5 <= all),
            "the queries ask too little: {self:?}"
        );
    }
}

/// Asks queries until one is not answered as `test` wants it, which is told in
/// its smallest form.
fn check(cases: impl Strategy<Value = Case>, test: impl Fn(&Answer) -> Result<(), TestCaseError>) {
    let worlds = Worlds::build(seed());
    run(cases, |case| {
        let answer = worlds.agreed(case)?;
        test(&answer)?;
        Ok(answer)
    });
}

/// Which events and queries these are.
fn seed() -> u64 {
    match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SEED,
    }
}

/// Has queries answered until `agreed` gives none, which is told in its smallest
/// form.
fn run(
    cases: impl Strategy<Value = Case>,
    agreed: impl Fn(&Case) -> Result<Answer, TestCaseError>,
) {
    let seed = seed();
    let mut config = Config {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let tally = RefCell::new(Tally::default());
    let outcome = TestRunner::new(config).run(&cases, |case| {
        tally.borrow_mut().count(&agreed(&case)?);
        Ok(())
    });
    match outcome {
        Ok(()) => tally.borrow().check(),
        Err(TestError::Fail(reason, case)) => {
            panic!("PROPTEST_RNG_SEED={seed}\n{case:#?}\n{reason}")
        }
        Err(TestError::Abort(reason)) => panic!("PROPTEST_RNG_SEED={seed}: {reason}"),
    }
}

#[test]
fn sql_agrees() {
    check(cases(Language::Sql, sql::queries()), |_| Ok(()));
}

#[test]
fn insights_agrees() {
    check(cases(Language::Insights, insights::queries()), |_| Ok(()));
}

/// The pushdown of filters, which all ways share, against DataFusion.
#[test]
fn a_filter_keeps_the_rows_of_which_its_condition_is_true() {
    check(cases(Language::Sql, sql::counts()), |answer| {
        let row = match answer {
            Ok(rows) => &rows[0],
            Err(failure) => return Err(TestCaseError::fail(format!("{failure:?}"))),
        };
        prop_assert_eq!(&row[0], &row[1], "kept, and shown");
        Ok(())
    });
}
