//! Accounts by their names: `accountName` in both languages beside what it stands for,
//! and `tarn accounts` with all that takes a name (`commands`).

mod commands;

use tarn_query::Language;
use tarn_store::accounts::Account;
use tarn_store::{Access, AccountScope, TimeRange};

use crate::agreement::answer::{Asker, Question};
use crate::support::ask::Row;
use crate::support::world::{Layout, World};

/// An account without events is among them, two have one name, and two of the corpus
/// are not in the list.
pub fn organization() -> Vec<Account> {
    let account = |id: &str, name: &str, ou: &str| Account {
        id: id.to_owned(),
        name: name.to_owned(),
        ou: Some(ou.to_owned()),
        email: None,
        status: Some("ACTIVE".to_owned()),
    };
    vec![
        account("111122223333", "shop-prod", "Root/Prod"),
        account("123456789012", "twin", "Root/Prod/Pay"),
        account("444455556666", "twin", "Root/Dev"),
        account("999999999999", "empty", "Root/Dev"),
    ]
}

/// What `accountName` is, said without it.
const NAME: &str = "CASE \"@account\" WHEN '111122223333' THEN 'shop-prod' \
     WHEN '123456789012' THEN 'twin' WHEN '444455556666' THEN 'twin' END";

/// `NAME` stands for the name of the account.
const SQL: [&str; 22] = [
    "SELECT NAME AS name, eventID FROM events",
    "SELECT NAME AS name, \"@account\" AS a FROM events",
    "SELECT NAME AS name, count(*) AS n FROM events GROUP BY NAME",
    "SELECT NAME AS name, eventName, count(*) AS n FROM events GROUP BY 1, 2",
    "SELECT count(NAME) AS n, count(DISTINCT NAME) AS d, min(NAME) AS m FROM events",
    "SELECT eventID FROM events WHERE NAME = 'twin'",
    "SELECT eventID FROM events WHERE NAME = 'TWIN'",
    "SELECT eventID FROM events WHERE NAME <> 'twin'",
    "SELECT eventID FROM events WHERE NAME IN ('shop-prod', 'empty')",
    "SELECT eventID FROM events WHERE NAME NOT IN ('shop-prod', 'empty')",
    "SELECT eventID FROM events WHERE NAME LIKE '%-prod'",
    "SELECT eventID FROM events WHERE NAME NOT LIKE 'shop%'",
    "SELECT eventID FROM events WHERE NAME IS NULL",
    "SELECT eventID FROM events WHERE NAME IS NOT NULL AND eventName LIKE 'G%'",
    "SELECT eventID FROM events WHERE upper(NAME) = 'TWIN' OR errorCode IS NOT NULL",
    "SELECT eventID FROM events WHERE NOT (NAME > 'shop-prod')",
    "SELECT eventID FROM events WHERE coalesce(NAME, 'none') = 'none'",
    "SELECT eventID, NAME = 'twin' AS is_twin FROM events",
    "SELECT name FROM (SELECT NAME AS name, eventName FROM events) WHERE name = 'twin'",
    "SELECT e.eventID FROM events e WHERE NAME = 'twin' AND eventTime < TIMESTAMP '2024-01-01'",
    "WITH named AS (SELECT NAME AS name FROM events) SELECT name, count(*) AS n FROM named GROUP BY 1",
    "SELECT NAME || '/' || awsRegion AS place, count(*) AS n FROM events GROUP BY 1",
];

/// A pipeline, and the same in SQL.
const INSIGHTS: [(&str, &str); 12] = [
    (
        "display accountName, eventID",
        "SELECT NAME AS n, eventID FROM events",
    ),
    (
        "filter accountName = \"twin\" | display eventID",
        "SELECT eventID FROM events WHERE NAME = 'twin'",
    ),
    (
        "filter accountName != \"twin\" | display eventID",
        "SELECT eventID FROM events WHERE NAME <> 'twin' OR NAME IS NULL",
    ),
    (
        "filter accountName in [\"shop-prod\", \"empty\"] | display eventID",
        "SELECT eventID FROM events WHERE NAME IN ('shop-prod', 'empty')",
    ),
    (
        "filter accountName like /^shop/ | display eventID",
        "SELECT eventID FROM events WHERE NAME LIKE 'shop%'",
    ),
    (
        "filter not ispresent(accountName) | display eventID",
        "SELECT eventID FROM events WHERE NAME IS NULL",
    ),
    (
        "filter accountName = \"twin\" or @account = \"...\" | display eventID",
        "SELECT eventID FROM events WHERE NAME = 'twin' OR \"@account\" = '...'",
    ),
    (
        "fields strlen(accountName) as l, accountName = \"twin\" as t | filter t | display eventID, l",
        "SELECT eventID, length(NAME) AS l FROM events WHERE NAME = 'twin'",
    ),
    (
        "stats count(*) as n by accountName",
        "SELECT NAME AS name, count(*) AS n FROM events GROUP BY NAME",
    ),
    (
        "stats count_distinct(accountName) as d",
        "SELECT count(DISTINCT NAME) AS d FROM events",
    ),
    (
        "fields @account as accountName | filter accountName = \"111122223333\" | display accountName",
        "SELECT \"@account\" AS a FROM events WHERE \"@account\" = '111122223333'",
    ),
    (
        "search accountName:TWIN | display eventID",
        "SELECT eventID FROM events WHERE NAME = 'twin'",
    ),
];

fn rows(asker: &Asker, world: &World, text: &str, language: Language, access: Access) -> Vec<Row> {
    let question = Question {
        text,
        language,
        time: TimeRange::ALL,
        scope: AccountScope::All,
        access,
    };
    let answer = asker.ask(world, &question);
    let mut rows = answer.unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
    rows.sort();
    rows
}

#[test]
fn names_are_what_they_stand_for_wherever_the_events_lie() {
    let asker = Asker::new();
    for layout in Layout::ALL {
        let mut world = World::build(71, layout);
        world.put_accounts(organization());
        let ask = |text: &str, language: Language, expected: &str| {
            let expected = expected.replace("NAME", NAME);
            let expected = rows(&asker, &world, &expected, Language::Sql, Access::Plain);
            for access in [Access::Indexed, Access::Plain] {
                let answer = rows(&asker, &world, text, language, access);
                assert_eq!(answer, expected, "{layout:?} {access:?}: {text}");
            }
            expected.len()
        };
        let mut n_rows = 0;
        for text in SQL {
            for name in ["accountName", "ACCOUNTNAME", "\"accountName\""] {
                n_rows += ask(&text.replace("NAME", name), Language::Sql, text);
            }
        }
        for (text, sql) in INSIGHTS {
            n_rows += ask(text, Language::Insights, sql);
        }
        assert!(n_rows > 5_000, "{layout:?}: {n_rows} rows say little");
    }
}

/// Without a list nothing has a name, and a query that asks for one says so.
#[test]
fn nothing_has_a_name_before_a_list_is_loaded() {
    let asker = Asker::new();
    let world = World::build(72, Layout::SplitsAndTail);
    for (text, language) in [
        (
            "SELECT eventID FROM events WHERE accountName IS NOT NULL",
            Language::Sql,
        ),
        ("filter ispresent(accountName)", Language::Insights),
        ("search accountName:twin", Language::Insights),
        ("accountName:twin", Language::Search),
    ] {
        assert!(rows(&asker, &world, text, language, Access::Indexed).is_empty());
        let warnings = asker.warnings(&world, text);
        let [warning] = warnings.as_slice() else {
            panic!("{text}: {warnings:?}");
        };
        let hint = warning.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("tarn accounts load"), "{warning:?}");
    }
    let mut world = world;
    world.put_accounts(organization());
    let warnings = asker.warnings(&world, "filter ispresent(accountName)");
    assert!(warnings.is_empty(), "{warnings:?}");
}

/// The columns of a query.
fn columns(asker: &Asker, world: &World, text: &str) -> Vec<String> {
    let question = Question {
        text,
        language: Language::Sql,
        time: TimeRange::ALL,
        scope: AccountScope::All,
        access: Access::Indexed,
    };
    let answer = asker.batches(&world.snapshot, &question);
    let (schema, _) = answer.unwrap_or_else(|error| panic!("{text}: {error}"));
    schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

#[test]
fn a_star_shows_no_names() {
    let asker = Asker::new();
    let mut world = World::build(73, Layout::OneSplit);
    world.put_accounts(organization());
    let lake = columns(&asker, &world, "SELECT * FROM events LIMIT 1");
    let with = |more: &[&str]| -> Vec<String> {
        let more = more.iter().map(|name| (*name).to_owned());
        lake.iter().cloned().chain(more).collect()
    };
    for (text, expected) in [
        ("SELECT * FROM events WHERE accountName = 'twin'", with(&[])),
        (
            "SELECT e.* FROM events e WHERE e.accountName = 'twin'",
            with(&[]),
        ),
        ("SELECT *, accountName FROM events", with(&["accountName"])),
        (
            "SELECT * FROM events ORDER BY accountName LIMIT 1",
            with(&[]),
        ),
        (
            "SELECT * EXCEPT (accountName, eventJson, eventJsonChecksum) FROM events WHERE accountName = 'x'",
            lake[..lake.len() - 2].to_vec(),
        ),
        (
            "SELECT * FROM events e JOIN (SELECT accountName, min(eventID) AS one FROM events GROUP BY 1) f ON e.eventID = f.one",
            with(&["accountName", "one"]),
        ),
        (
            "WITH named AS (SELECT accountName FROM events) SELECT * FROM named",
            vec!["accountName".to_owned()],
        ),
        (
            "SELECT * FROM (SELECT accountName AS Account FROM events) LIMIT 3",
            vec!["Account".to_owned()],
        ),
        (
            "SELECT * FROM (SELECT * FROM events WHERE accountName LIKE 't%') LIMIT 3",
            with(&[]),
        ),
    ] {
        assert_eq!(columns(&asker, &world, text), expected, "{text}");
    }
    let joined = "SELECT a.eventID FROM events a JOIN events b ON a.accountName = b.accountName AND a.eventID = b.eventID WHERE accountName = 'x'";
    let question = Question {
        text: joined,
        language: Language::Sql,
        time: TimeRange::ALL,
        scope: AccountScope::All,
        access: Access::Indexed,
    };
    let refused = asker.ask(&world, &question).expect_err("of which table?");
    assert_eq!(refused.code, tarn_query::Code::AmbiguousField);
}

/// Splits in which no account has the name are not opened.
#[test]
fn names_prune() {
    let asker = Asker::new();
    let mut world = World::build(74, Layout::SplitsAndTail);
    world.put_accounts(organization());
    for text in [
        "SELECT eventID FROM events WHERE accountName = 'empty'",
        "SELECT eventID FROM events WHERE accountName IN ('empty', 'nobody')",
        "SELECT eventID FROM events WHERE accountName LIKE 'emp%' AND eventName IS NOT NULL",
        "SELECT eventID FROM events WHERE lower(accountName) = 'empty'",
        "filter accountName = \"empty\" | display eventID",
        "filter accountName like /^emp/ | display eventID",
        "search accountName:empty | display eventID",
    ] {
        let statistics = asker.statistics(&world, text);
        assert_eq!(statistics.splits, 3, "{text}");
        assert_eq!(statistics.splits_pruned, 3, "{text}");
        let tail = world.snapshot.tail_count() as u64;
        assert_eq!(statistics.records_read, tail, "{text}");
    }
}
