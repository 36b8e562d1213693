//! Invariant 8: whoever may see some accounts only sees nothing of the others,
//! whichever way is taken.

use std::collections::BTreeSet;

use tarn_query::{Language, accounts};
use tarn_store::path::{Arrays, FieldPath};
use tarn_store::{
    AccountScope, ColumnSource, Field, FieldTest, Matcher, Predicate, ScanColumn, ScanRequest,
    ScanStatistics, TextTest,
};

use crate::accounts::organization;
use crate::agreement::answer::{Asker, Question};
use crate::support::ask;
use crate::support::corpus::{ACCOUNTS, Corpus};
use crate::support::home;
use crate::support::world::{Layout, World};

/// Every set of accounts that is worth a look: single ones, several, none at
/// all, the events without an account, and accounts that do not exist.
fn scopes() -> Vec<BTreeSet<String>> {
    let set = |accounts: &[&str]| accounts.iter().map(|a| a.to_string()).collect();
    let mut scopes: Vec<BTreeSet<String>> = ACCOUNTS.iter().map(|a| set(&[a])).collect();
    scopes.extend([
        set(&ACCOUNTS[..2]),
        set(&["", "..."]),
        set(&[""]),
        set(&["999999999999"]),
        set(&["11112222333"]),
        set(&[]),
    ]);
    scopes
}

/// The records that a scope may see, sorted; told by the corpus.
fn visible(world: &World, accounts: &BTreeSet<String>) -> Vec<String> {
    let by_bytes = world.corpus.by_bytes();
    ask::records(&world.snapshot, world.store)
        .into_iter()
        .filter(|record| {
            let content = by_bytes[record.as_bytes()];
            accounts.contains(&world.corpus.contents[content].account)
        })
        .collect()
}

fn world() -> World {
    World::build(51, Layout::SplitsAndTail)
}

#[test]
fn scans() {
    let world = world();
    let predicates = [
        Predicate::True,
        // True of every event whatever its account.
        Predicate::Not(Box::new(Predicate::Field(FieldTest {
            field: Field::Account,
            matcher: Matcher::Equals("nobody".into()),
            when_missing: false,
        }))),
        // In the text of every event that names an account.
        Predicate::or([
            Predicate::Text(TextTest::Phrase("iam".into())),
            Predicate::Text(TextTest::Prefix("2024".into())),
        ]),
    ];
    for accounts in scopes() {
        let expected = visible(&world, &accounts);
        for predicate in &predicates {
            let request = ScanRequest {
                scope: AccountScope::Only(accounts.clone()),
                predicate: predicate.clone(),
                ..ask::everything(world.store)
            };
            let rows = ask::agreed_rows(&world.snapshot, &request);
            let records: Vec<String> = rows.into_iter().flatten().flatten().collect();
            assert!(records == expected, "{accounts:?}, {predicate}");
        }
    }
}

/// A number tells as much as a row.
#[test]
fn counts_and_statistics() {
    let world = world();
    for accounts in scopes() {
        let expected = visible(&world, &accounts).len();
        let request = ScanRequest {
            scope: AccountScope::Only(accounts.clone()),
            columns: Vec::new(),
            ..ask::everything(world.store)
        };
        assert_eq!(ask::agreed_rows(&world.snapshot, &request).len(), expected);
        for access in [tarn_store::Access::Indexed, tarn_store::Access::Plain] {
            let statistics = std::sync::Arc::new(ScanStatistics::default());
            let request = ScanRequest {
                access,
                ..request.clone()
            };
            let scan = world
                .snapshot
                .scan(&request, statistics.clone(), Default::default())
                .expect("planned");
            for partition in &scan.partitions {
                let mut emit = |_| std::ops::ControlFlow::Continue(());
                partition.run(&mut emit).expect("run");
            }
            for counter in [&statistics.events_scanned, &statistics.events_matched] {
                let n = counter.load(std::sync::atomic::Ordering::Relaxed);
                assert_eq!(n, expected as u64, "{accounts:?} {access:?}");
            }
        }
    }
}

/// Names and units mean accounts before anything is read, and what a name shows is of
/// the accounts in scope.
#[test]
fn names_and_units() {
    let mut world = world();
    world.put_accounts(organization());
    let asker = Asker::new();
    for (references, meant) in [
        (&["shop-prod"][..], &["111122223333"][..]),
        (&["ou:Prod"], &["111122223333", "123456789012"]),
        (&["Root/Prod/Pay"], &["123456789012"]),
        (&["Dev"], &["444455556666", "999999999999"]),
        (&["empty"], &["999999999999"]),
        (&["..."], &["..."]),
        (
            &["YOUR_ACCOUNT_ID", "SHOP-PROD"],
            &["YOUR_ACCOUNT_ID", "111122223333"],
        ),
        (&["", "123456789012"], &["", "123456789012"]),
    ] {
        let references: Vec<String> = references.iter().map(|r| (*r).to_owned()).collect();
        let scope = accounts::scope(&world.snapshot, &references).expect("known");
        let accounts: BTreeSet<String> = meant.iter().map(|a| (*a).to_owned()).collect();
        assert_eq!(
            scope,
            AccountScope::Only(accounts.clone()),
            "{references:?}"
        );
        let expected = visible(&world, &accounts).len();
        for (text, language) in [
            (
                "SELECT accountName, \"@account\" FROM events",
                Language::Sql,
            ),
            (
                "SELECT accountName, \"@account\" FROM events WHERE accountName IS NULL OR accountName <> 'x'",
                Language::Sql,
            ),
            ("display accountName, @account", Language::Insights),
            (
                "filter accountName != \"x\" | display accountName, @account",
                Language::Insights,
            ),
        ] {
            for access in [tarn_store::Access::Indexed, tarn_store::Access::Plain] {
                let question = Question {
                    text,
                    language,
                    time: tarn_store::TimeRange::ALL,
                    scope: scope.clone(),
                    access,
                };
                let rows = asker.ask(&world, &question).expect("it runs");
                assert_eq!(rows.len(), expected, "{text} for {references:?} {access:?}");
                for row in rows {
                    let account = row[1].clone().unwrap_or_default();
                    let known = organization().into_iter().find(|a| a.id == account);
                    assert!(accounts.contains(&account), "{text} for {references:?}");
                    assert_eq!(row[0], known.map(|known| known.name), "{text}");
                }
            }
        }
    }
    for unknown in ["nobody", "ou:Nowhere", "twin"] {
        let refused = accounts::scope(&world.snapshot, &["111122223333".into(), unknown.into()]);
        assert!(refused.is_err(), "{unknown} widens nothing");
    }
}

#[test]
fn events_by_id() {
    let world = world();
    let by_bytes = world.corpus.by_bytes();
    let ids: BTreeSet<&str> = ask::records(&world.snapshot, world.store)
        .iter()
        .map(|record| &world.corpus.contents[by_bytes[record.as_bytes()]])
        .filter_map(|content| content.event_id.as_deref())
        .collect();
    for id in ids {
        let all = found(&world, id, &AccountScope::All);
        assert!(!all.is_empty(), "{id} is found");
        for accounts in scopes() {
            let scope = AccountScope::Only(accounts.clone());
            let expected: Vec<_> = all
                .iter()
                .filter(|(account, _)| accounts.contains(account))
                .cloned()
                .collect();
            assert_eq!(found(&world, id, &scope), expected, "{id} for {accounts:?}");
        }
    }
}

fn found(world: &World, id: &str, scope: &AccountScope) -> Vec<(String, Vec<u8>)> {
    let records = world.snapshot.events_by_id(world.store, id, scope);
    records
        .expect("read")
        .into_iter()
        .map(|r| (r.key.account, r.record))
        .collect()
}

/// A field that only events of another account have is not named.
#[test]
fn observed_fields() {
    let world = world();
    for accounts in scopes() {
        let scope = AccountScope::Only(accounts.clone());
        let observed = world.snapshot.observed_fields(world.store, &scope);
        for field in observed.expect("read") {
            let path = FieldPath::parse(&field.path);
            if path.steps_before_position() < path.steps().len() {
                // A key of digits is asked for as a position, too.
                continue;
            }
            let request = ScanRequest {
                scope: scope.clone(),
                predicate: Predicate::Field(FieldTest {
                    field: Field::path(path, Arrays::Any),
                    matcher: Matcher::Present,
                    when_missing: false,
                }),
                columns: vec![ScanColumn {
                    name: "n".into(),
                    source: ColumnSource::Matches(Box::new(Predicate::True)),
                }],
                access: tarn_store::Access::Plain,
                ..ask::everything(world.store)
            };
            let n = ask::rows(&world.snapshot, &request).len();
            assert_eq!(field.events, n as u64, "{} for {accounts:?}", field.path);
            assert!(
                n > 0,
                "{} is of other accounts than {accounts:?}",
                field.path
            );
        }
    }
}

/// Another store's events are no part of this one.
#[test]
fn stores_are_apart() {
    let home = home::Home::new();
    let corpus = Corpus::new(52, 40);
    let (ours, theirs) = corpus.deliveries.split_at(corpus.deliveries.len() / 2);
    let session = home.session(1);
    home::import(&session, &[home.log("ours.json", ours)]);
    let other = tarn_store::manage::NewStore {
        name: "other".into(),
        ..Default::default()
    };
    let other = session.create_store(other).expect("made");
    let mut request = home::request(&[home.log("theirs.json", theirs)]);
    request.store = other.uuid.clone();
    home::run(&session, &request);
    request.paths = vec![home.logs().join("ours.json")];
    // The same events again, for the other store: they are new there.
    let again = home::run(&session, &request);
    assert!(again.records.stored > 0);
    let snapshot = home.snapshot();
    let store = home::default_store(&snapshot);
    let contents: BTreeSet<usize> = ours.iter().map(|d| d.content).collect();
    assert_eq!(ask::records(&snapshot, store).len(), contents.len());
    assert_eq!(
        ask::records(&snapshot, other.id).len(),
        corpus.contents.len()
    );
    session.close().expect("closed");
}
