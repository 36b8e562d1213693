//! What an import did, with the sums that leave nothing unaccounted for.

use std::fmt::Write as _;
use std::time::Duration;

use tarn_store::catalog::{FileSums, RecordSums};

use crate::sizes::{Bytes, count, duration};

/// The sums of files: seen, and what became of them.
pub fn files(sums: &FileSums) -> String {
    let parts = [
        ("read", sums.read),
        ("unchanged", sums.unchanged),
        ("not event logs", sums.not_event_logs),
        ("failed", sums.failed),
    ];
    sum("files", sums.seen, &parts, sums.balance())
}

/// The sums of records: seen, and what became of them, or in a dry run would.
pub fn records(sums: &RecordSums, is_dry_run: bool) -> String {
    let stored = match is_dry_run {
        true => "to be stored",
        false => "stored",
    };
    let parts = [
        (stored, sums.stored),
        ("duplicates", sums.duplicates),
        ("filtered", sums.filtered),
        ("expired", sums.expired),
        ("rejected", sums.rejected),
    ];
    let mut text = sum("events", sums.seen, &parts, sums.balance());
    if sums.conflicts > 0 {
        let _ = write!(
            text,
            "; {} of those {stored} conflict with another",
            count(sums.conflicts)
        );
    }
    text
}

/// `events  6,491 seen = 6,400 stored + 91 duplicates`; parts of nothing are
/// left out, save the first.
fn sum(noun: &str, seen: u64, parts: &[(&str, u64)], balances: bool) -> String {
    let shown: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(i, (_, n))| *i == 0 || *n > 0)
        .map(|(_, (name, n))| format!("{} {name}", count(*n)))
        .collect();
    let sign = if balances { "=" } else { "≠" };
    format!(
        "{noun:<7} {} seen {sign} {}",
        count(seen),
        shown.join(" + ")
    )
}

/// How much in how long: `12.3 MB in 4.56 s, 1,424 events/s`.
pub fn pace(bytes: u64, events: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64().max(0.001);
    let rate = count((events as f64 / seconds) as u64);
    format!("{} in {}, {rate} events/s", Bytes(bytes), duration(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_shown_and_a_wrong_one_is_seen() {
        let mut sums = RecordSums {
            seen: 1203,
            stored: 1200,
            conflicts: 2,
            rejected: 3,
            ..RecordSums::default()
        };
        assert_eq!(
            records(&sums, false),
            "events  1,203 seen = 1,200 stored + 3 rejected; 2 of those stored conflict with another"
        );
        assert_eq!(
            records(&sums, true),
            "events  1,203 seen = 1,200 to be stored + 3 rejected; 2 of those to be stored conflict with another"
        );
        sums.seen = 1204;
        assert!(records(&sums, false).starts_with("events  1,204 seen ≠ "));
        assert_eq!(files(&FileSums::default()), "files   0 seen = 0 read");
    }
}
