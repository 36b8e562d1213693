//! Counts of what has been written, summed over files and threads.

use super::log_file::Written;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Distinct events.
    pub events: u64,
    /// Events written once more.
    pub duplicates: u64,
    pub files: u64,
    pub json_bytes: u64,
    pub gzip_bytes: u64,
    /// Times of the first and the last event; `None` before any.
    pub times_s: Option<(i64, i64)>,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.files += other.files;
        self.json_bytes += other.json_bytes;
        self.gzip_bytes += other.gzip_bytes;
        if let Some((first_s, last_s)) = other.times_s {
            self.see(first_s);
            self.see(last_s);
        }
    }

    /// Counts an event's time in.
    pub fn see(&mut self, time_s: i64) {
        self.times_s = Some(match self.times_s {
            None => (time_s, time_s),
            Some((first_s, last_s)) => (first_s.min(time_s), last_s.max(time_s)),
        });
    }

    /// Counts a file in.
    pub fn wrote(&mut self, written: Written) {
        self.files += 1;
        self.json_bytes += written.json_bytes;
        self.gzip_bytes += written.gzip_bytes;
    }
}
