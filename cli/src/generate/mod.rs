//! Sample data: realistic CloudTrail logs of many accounts in S3's layout, from a seed.
//!
//! The same options give the same bytes, with any number of threads and on any machine.
//! The statistics follow what was measured in public logs (sizes, fields, skew, files,
//! delays, duplicates; see the tests at the end of this file), so that whoever measures
//! with these logs measures something. Nothing in them is anybody's: account numbers are
//! those of AWS's documentation ([`account`]), addresses are reserved for documentation or
//! private use and keys and principals carry `TARN` ([`ids`]), and every
//! eventID is marked ([`record`]). An incident is hidden in them ([`incident`]).
//!
//! ```text
//! options -> plan      which account logs how much on which day, in files of which sizes
//!         -> incident  the story and when the trail was off
//!   for each account and day, on any thread:
//!     account_day      who calls what, when, and when it is delivered
//!       -> calls       the catalogue -> template, generic: what requests look like
//!       -> fault       how it fails
//!       -> record      the event's JSON
//!       -> log_file    gzip, name, folder
//! ```
//!
//! Memory is one file for each thread, the people of one account, and eight bytes for each
//! planned file.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chrono::NaiveDate;

mod account;
mod account_day;
mod actor;
mod agent;
mod calls;
mod clock;
mod fault;
mod generic;
mod hole;
mod ids;
pub mod incident;
pub mod incident_log;
mod log_file;
mod names;
mod parts;
mod plan;
mod random;
mod record;
mod tally;
mod template;

use account::Account;
use account_day::{DayWriter, World};
use calls::Catalogue;
use clock::DAY_S;
use incident::{Incident, IncidentFacts};
use incident_log::HiddenEvent;
use log_file::LogWriter;
use plan::AccountDay;
use tally::Tally;

/// What to generate.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// Distinct events, the incident's included; duplicates come on top.
    pub events: u64,
    /// The folder that `AWSLogs/` is made in.
    pub out: PathBuf,
    pub seed: u64,
    pub accounts: u32,
    /// About so many events in each file; `None` is as AWS delivers them, 8 on average.
    pub events_per_file: Option<u32>,
    /// The day after the last (UTC).
    pub end: NaiveDate,
    pub days: u32,
    pub threads: usize,
}

impl GenerateOptions {
    /// Twelve accounts in October 2026, on one thread.
    pub fn new(events: u64, out: PathBuf) -> Self {
        GenerateOptions {
            events,
            out,
            seed: 1,
            accounts: 12,
            events_per_file: None,
            end: NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day that exists"),
            days: 31,
            threads: 1,
        }
    }

    /// The first second of the range, since 1970.
    fn start_s(&self) -> i64 {
        self.end_s() - i64::from(self.days) * DAY_S
    }

    /// The second after the range, since 1970.
    fn end_s(&self) -> i64 {
        self.end
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp()
    }

    fn check(&self) -> Result<(), GenerateError> {
        let limits = [
            ("events", self.events, 1, 10_000_000_000),
            ("accounts", u64::from(self.accounts), 1, 10_000),
            ("days", u64::from(self.days), 1, 3_660),
            (
                "events-per-file",
                u64::from(self.events_per_file.unwrap_or(1)),
                1,
                20_000,
            ),
            ("threads", self.threads as u64, 1, 1_024),
        ];
        for (option, value, low, high) in limits {
            if !(low..=high).contains(&value) {
                return Err(GenerateError::OutOfRange {
                    option,
                    value,
                    low,
                    high,
                });
            }
        }
        Ok(())
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerateProgress {
    /// Distinct events written.
    pub events: u64,
    pub events_total: u64,
    pub files: u64,
    /// Bytes of the files as they are on disk.
    pub gzip_bytes: u64,
}

/// What was generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerateSummary {
    /// Distinct events.
    pub events: u64,
    /// Events that were written once more, in another file.
    pub duplicates: u64,
    pub files: u64,
    /// Bytes before compression.
    pub json_bytes: u64,
    /// Bytes of the files as they are on disk.
    pub gzip_bytes: u64,
    /// The accounts that have events.
    pub accounts: Vec<String>,
    /// Times of the first and the last event, in seconds since 1970.
    pub first_s: i64,
    pub last_s: i64,
    /// `None` when there are too few events to hide it in.
    pub incident: Option<IncidentFacts>,
    /// The events of the incident, in the order of the story.
    pub hidden: Vec<HiddenEvent>,
}

/// Why nothing, or not everything, was generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    #[error("--{option} {value} is not between {low} and {high}")]
    OutOfRange {
        option: &'static str,
        value: u64,
        low: u64,
        high: u64,
    },
    /// Mixing two sets of logs, or writing one twice, would spoil the counts.
    #[error("{} holds logs already; name another folder, or remove it first", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Writes the logs.
///
/// `progress` is called from all threads, a few times a second.
///
/// **Errors:** options out of range, a folder that holds logs already, and whatever keeps
/// a file from being written; files written before stay.
pub fn generate(
    options: &GenerateOptions,
    progress: &(dyn Fn(GenerateProgress) + Sync),
) -> Result<GenerateSummary, GenerateError> {
    options.check()?;
    let logs = options.out.join("AWSLogs");
    if logs.exists() {
        return Err(GenerateError::Exists { path: logs });
    }
    let catalogue = Catalogue::new().expect("the catalogue is compiled in, and a test reads it");
    let incident = Incident::new(options);
    let n_incident = incident
        .as_ref()
        .map_or(0, |incident| u64::from(incident.facts.events));
    let world = World {
        seed: options.seed,
        n_accounts: options.accounts,
        start_s: options.start_s(),
        catalogue: &catalogue,
        silence: incident.as_ref().map(Incident::silence_of_trail),
    };
    let n_others = options.events - n_incident;
    let days = plan::plan(
        n_others,
        options.accounts,
        options.seed,
        world.start_s,
        options.days,
        options.events_per_file,
    );
    let report = Report {
        total: options.events,
        sum: Mutex::default(),
        progress,
    };
    if let Some(incident) = &incident {
        report.add(incident.write(&world, n_others, &mut LogWriter::new(&options.out))?);
    }
    write_days(options, &world, &days, &report)?;
    let tally = report
        .sum
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut accounts: Vec<u32> = days.iter().map(|day| day.account).collect();
    accounts.dedup();
    let (first_s, last_s) = tally.times_s.unwrap_or((world.start_s, world.start_s));
    Ok(GenerateSummary {
        events: tally.events,
        duplicates: tally.duplicates,
        files: tally.files,
        json_bytes: tally.json_bytes,
        gzip_bytes: tally.gzip_bytes,
        accounts: accounts.into_iter().map(account::number).collect(),
        first_s,
        last_s,
        hidden: incident
            .as_ref()
            .map(|incident| incident.hidden(options.seed, n_others))
            .unwrap_or_default(),
        incident: incident.map(|incident| incident.facts),
    })
}

/// The sum so far, and whoever wants to hear of it.
struct Report<'a> {
    total: u64,
    sum: Mutex<Tally>,
    progress: &'a (dyn Fn(GenerateProgress) + Sync),
}

impl Report<'_> {
    fn add(&self, tally: Tally) {
        let sum = {
            let mut sum = self
                .sum
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            sum.add(tally);
            *sum
        };
        (self.progress)(GenerateProgress {
            events: sum.events,
            events_total: self.total,
            files: sum.files,
            gzip_bytes: sum.gzip_bytes,
        });
    }
}

fn write_days(
    options: &GenerateOptions,
    world: &World,
    days: &[AccountDay],
    report: &Report,
) -> Result<(), GenerateError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || {
        let done = write_some_days(options, world, days, report, &next, &failed);
        if done.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        done
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(work)).collect();
        let mut result = Ok(());
        for thread in threads {
            let done = thread.join();
            result = result.and(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        result
    })
}

/// What one thread does: takes the next day until none is left.
fn write_some_days(
    options: &GenerateOptions,
    world: &World,
    days: &[AccountDay],
    report: &Report,
    next: &AtomicUsize,
    failed: &AtomicBool,
) -> Result<(), GenerateError> {
    // Telling of every file would make the threads wait for each other.
    const EVENTS_PER_REPORT: u64 = 8_192;
    let mut writer = LogWriter::new(&options.out);
    let mut account: Option<(u32, Account)> = None;
    let mut unreported = Tally::default();
    while let Some(day) = days.get(next.fetch_add(1, Ordering::Relaxed)) {
        // Days of an account follow each other, so its people are mostly known already.
        let (_, account) = match account.take() {
            Some(known) if known.0 == day.account => account.insert(known),
            _ => {
                let new = Account::new(options.seed, day.account, day.n_account_events);
                account.insert((day.account, new))
            }
        };
        DayWriter::new(world, account, day).write(day, &mut writer, &mut |tally| {
            unreported.add(tally);
            if unreported.events >= EVENTS_PER_REPORT {
                report.add(std::mem::take(&mut unreported));
            }
            !failed.load(Ordering::Relaxed)
        })?;
        if failed.load(Ordering::Relaxed) {
            break;
        }
    }
    report.add(unreported);
    Ok(())
}

#[cfg(test)]
mod tests;
