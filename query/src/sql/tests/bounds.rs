//! The deepest and longest statements that are read do not run out of a small stack.

use super::*;
use crate::sql::{STATEMENT_MAX, tokens};

fn fits_a_small_stack(sql: String) {
    let handle = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let shown: String = sql.chars().take(60).collect();
            run_with(&sql, &[]).unwrap_or_else(|e| panic!("{shown}: {e}"));
        })
        .expect("a thread");
    handle.join().expect("no overflow");
}

#[test]
fn brackets_fit_a_small_stack() {
    let n = tokens::DEPTH_MAX - 4;
    fits_a_small_stack(format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)));
    fits_a_small_stack(format!("SELECT {}'a'{}", "lower(".repeat(n), ")".repeat(n)));
    fits_a_small_stack(format!("SELECT {}true", "NOT ".repeat(n)));
}

#[test]
fn cases_fit_a_small_stack() {
    let n = tokens::DEPTH_MAX - 4;
    let cases = "CASE WHEN true THEN ".repeat(n) + "1" + &" END".repeat(n);
    fits_a_small_stack(format!("SELECT {cases}"));
}

#[test]
fn queries_fit_a_small_stack() {
    let n = tokens::QUERIES_MAX - 1;
    let queries = "(SELECT * FROM ".repeat(n) + "events" + &")".repeat(n);
    fits_a_small_stack(format!("SELECT * FROM {queries}"));
    let unions = " UNION ALL SELECT 1".repeat(tokens::SETS_MAX);
    fits_a_small_stack(format!("SELECT 1{unions}"));
}

#[test]
fn chains_fit_a_small_stack() {
    let more = " OR eventName = 'b'".repeat(tokens::CONDITIONS_MAX);
    fits_a_small_stack(format!("SELECT 1 FROM events WHERE eventName = 'a'{more}"));
    let sum = " + 1".repeat(tokens::CHAIN_MAX);
    fits_a_small_stack(format!("SELECT 1{sum}"));
    let text = " || 'a'".repeat(tokens::CHAIN_MAX);
    fits_a_small_stack(format!("SELECT eventName{text} FROM events"));
}

#[test]
fn a_broken_chain_fits_a_small_stack() {
    let more = " OR eventName = 'b'".repeat(tokens::CONDITIONS_MAX - 1);
    let sql = format!("SELECT 1 FROM events WHERE eventName = 'a'{more} OR");
    let handle = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || assert!(parse(&sql, &[], 0).is_err()))
        .expect("a thread");
    handle.join().expect("no overflow");
}

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    for sql in [
        "SELECT ".to_owned() + &"NOT ".repeat(2000) + "true",
        "SELECT ".to_owned() + &"- ".repeat(2000) + "1",
        format!("SELECT '{}'", "x".repeat(STATEMENT_MAX)),
        "SELECT ".to_owned() + &"(".repeat(5000),
    ] {
        assert!(parse(&sql, &[], 0).is_err());
    }
}
