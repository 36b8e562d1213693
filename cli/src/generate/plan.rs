//! The plan: how many events each account logs on each day, in files of which sizes.
//!
//! It is made before anything is written, from the seed alone, so that parts can be written
//! in any order and by any number of threads. It holds eight bytes for each file.

use super::account::Account;
use super::clock::{self, DAY_S};
use super::random::{Rng, Weighted, derive, salt, shares};

/// Events in a log file as AWS delivers them: median 5, nine of ten up to 16, some
/// hundreds at most, 8 on average.
const EVENTS_PER_FILE: [(u64, u64); 13] = [
    (0, 1),
    (110, 1),
    (180, 2),
    (300, 3),
    (420, 4),
    (530, 5),
    (650, 7),
    (780, 10),
    (900, 16),
    (970, 24),
    (990, 33),
    (999, 110),
    (1000, 600),
];

/// The files of one account and day: what one thread writes at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDay {
    /// Place of the account.
    pub account: u32,
    /// All events of the account, on which its number of people and things depends.
    pub n_account_events: u64,
    /// Days after the first.
    pub day: u32,
    /// The number of its first event among all events.
    pub first_event: u64,
    pub files: Vec<PlannedFile>,
}

/// One file: which of the account's regions, and how many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    pub region: u32,
    pub n_events: u32,
}

/// Splits `n_events` over accounts and over the days from `start_s` on. Days without
/// events are left out.
pub fn plan(
    n_events: u64,
    accounts: u32,
    seed: u64,
    start_s: i64,
    n_days: u32,
    events_per_file: Option<u32>,
) -> Vec<AccountDay> {
    // A few accounts do most of the work.
    let weights: Vec<u64> = (0..u64::from(accounts))
        .map(|index| 1_000_000 / (index + 2))
        .collect();
    let mut days = Vec::new();
    let mut first_event = 0;
    for (index, n_account_events) in (0..accounts).zip(shares(n_events, &weights)) {
        if n_account_events == 0 {
            continue;
        }
        let account = Account::new(seed, index, n_account_events);
        let mut rng = Rng::new(derive(account.seed, salt("plan")));
        let day_chance = Weighted::new((0..n_days).map(|day| {
            let at_weekend = clock::weekday(start_s + i64::from(day) * DAY_S) >= 5;
            rng.between(80, 120) * if at_weekend { 6 } else { 10 }
        }));
        let region_chance = account.region_chance();
        let mut files = vec![Vec::new(); n_days as usize];
        let mut left = n_account_events;
        while left > 0 {
            let n_events = file_size(&mut rng, events_per_file).min(left);
            left -= n_events;
            let region = region_chance.draw(&mut rng) as u32;
            if let Some(files) = files.get_mut(day_chance.draw(&mut rng)) {
                files.push(PlannedFile {
                    region,
                    n_events: n_events as u32,
                });
            }
        }
        for (day, files) in (0..n_days).zip(files) {
            if files.is_empty() {
                continue;
            }
            let n_day_events: u64 = files.iter().map(|file| u64::from(file.n_events)).sum();
            days.push(AccountDay {
                account: index,
                n_account_events,
                day,
                first_event,
                files,
            });
            first_event += n_day_events;
        }
    }
    days
}

fn file_size(rng: &mut Rng, events_per_file: Option<u32>) -> u64 {
    match events_per_file {
        None => rng.quantile(&EVENTS_PER_FILE),
        Some(mean) => {
            let mean = u64::from(mean.max(1));
            rng.between(mean - mean / 4, mean + mean / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(days: &[AccountDay]) -> Vec<u64> {
        let mut sizes: Vec<u64> = days
            .iter()
            .flat_map(|day| day.files.iter().map(|file| u64::from(file.n_events)))
            .collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn every_event_is_planned_once() {
        for n_events in [1, 7, 999, 50_000] {
            let days = plan(n_events, 12, 1, 0, 31, None);
            assert_eq!(sizes(&days).iter().sum::<u64>(), n_events);
            let mut next = 0;
            for day in &days {
                assert_eq!(day.first_event, next);
                next += day
                    .files
                    .iter()
                    .map(|file| u64::from(file.n_events))
                    .sum::<u64>();
            }
        }
    }

    #[test]
    fn files_are_as_large_as_delivered_ones() {
        let sizes = sizes(&plan(400_000, 12, 1, 0, 31, None));
        let mean = 400_000.0 / sizes.len() as f64;
        assert!((7.0..9.0).contains(&mean), "{mean}");
        let at = |permille: usize| sizes[sizes.len() * permille / 1000];
        assert_eq!((at(100), at(500)), (1, 5));
        assert!((14..=18).contains(&at(900)), "{}", at(900));
        assert!((28..=38).contains(&at(990)), "{}", at(990));
        assert!(sizes.last().is_some_and(|&n| (200..=600).contains(&n)));
    }

    #[test]
    fn files_are_as_large_as_asked_for() {
        let sizes = sizes(&plan(100_000, 3, 1, 0, 31, Some(200)));
        let mean = 100_000.0 / sizes.len() as f64;
        assert!((190.0..205.0).contains(&mean), "{mean}");
    }
}
