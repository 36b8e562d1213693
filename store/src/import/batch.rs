//! Events that become durable and visible together: collected, put in order,
//! rid of repetitions among themselves.

use std::ops::Range;
use std::sync::Arc;

use crate::catalog::{FileEntry, RecordSums, RejectEntry};
use crate::content;
use crate::event::EventHeader;
use crate::json::Json;
use crate::kv::value::Provenance;

/// A record that is an event, on its way.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub header: EventHeader,
    /// The account of the event; empty where there is none.
    pub account: String,
    pub provenance: Provenance,
    record: Range<usize>,
}

/// A file that is through once the batch is published.
#[derive(Debug, Clone)]
pub struct FinishedFile {
    /// Its key in the `files` family.
    pub key: Vec<u8>,
    pub entry: FileEntry,
}

/// An event that is kept beside another of the same identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Index into [`Batch::events`] after [`Batch::put_in_order`].
    pub event: usize,
    pub other: Other,
}

/// The event that a conflict is with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// In the same batch, by index.
    Here(usize),
    /// Published before, by batch and ordinal.
    Published(u64, u32),
}

/// Records collected for one commit.
#[derive(Debug, Default)]
pub struct Batch {
    /// Shared with what is cut off.
    bytes: Arc<Vec<u8>>,
    pub events: Vec<Arrived>,
    pub conflicts: Vec<Conflict>,
    pub files: Vec<FinishedFile>,
    pub rejects: Vec<RejectEntry>,
    /// Bytes of `files` and `rejects`.
    beside_bytes: usize,
    pub sums: RecordSums,
}

impl Batch {
    /// Bytes held: of records, rejected ones included, and of finished files.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.beside_bytes
    }

    /// Bytes of the records that are events.
    pub fn event_bytes(&self) -> u64 {
        self.events.iter().map(|e| e.record.len() as u64).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.files.is_empty() && self.rejects.is_empty()
    }

    pub fn push(
        &mut self,
        header: EventHeader,
        account: String,
        provenance: Provenance,
        record: &[u8],
    ) {
        let start = self.bytes.len();
        Arc::make_mut(&mut self.bytes).extend_from_slice(record);
        self.events.push(Arrived {
            header,
            account,
            provenance,
            record: start..self.bytes.len(),
        });
    }

    pub fn reject(&mut self, entry: RejectEntry) {
        self.beside_bytes += entry.bytes.len() + entry.path.len() + size_of::<RejectEntry>();
        self.rejects.push(entry);
    }

    pub fn finish_file(&mut self, file: FinishedFile) {
        self.beside_bytes += file.key.len() + file.entry.sha256.len() + size_of::<FinishedFile>();
        self.files.push(file);
    }

    /// The record of an event, as delivered.
    pub fn record(&self, event: &Arrived) -> &[u8] {
        self.bytes.get(event.record.clone()).unwrap_or_default()
    }

    /// Sorts by time, account, identity and arrival; drops repetitions and
    /// notes conflicts. Of equal events the first that arrived stays.
    pub fn put_in_order(&mut self) {
        // Arrival order is the order of `events`; the sort is stable.
        self.events.sort_by(|a, b| {
            let (ours, theirs) = (&a.header, &b.header);
            (ours.time_ms, &a.account, ours.identity).cmp(&(
                theirs.time_ms,
                &b.account,
                theirs.identity,
            ))
        });
        let mut kept: Vec<Arrived> = Vec::with_capacity(self.events.len());
        let mut conflicts = Vec::new();
        for event in std::mem::take(&mut self.events) {
            let same_identity = kept
                .iter()
                .enumerate()
                .rev()
                .take_while(|(_, k)| {
                    k.header.time_ms == event.header.time_ms
                        && k.account == event.account
                        && k.header.identity == event.header.identity
                })
                .filter(|(_, k)| k.header.event_id == event.header.event_id);
            let mut is_duplicate = false;
            let mut conflict = None;
            for (i, other) in same_identity {
                if same_content(self.record(other), self.record(&event)) {
                    is_duplicate = true;
                    break;
                }
                // Without an eventID only equal content makes two records one.
                if event.header.event_id.is_some() {
                    conflict = Some(Other::Here(i));
                }
            }
            if is_duplicate {
                self.sums.duplicates += 1;
                continue;
            }
            if let Some(other) = conflict {
                conflicts.push(Conflict {
                    event: kept.len(),
                    other,
                });
            }
            kept.push(event);
        }
        self.events = kept;
        self.conflicts = conflicts;
    }

    /// Takes the events from the `n`th on into a batch of their own, with the files,
    /// which are done when the last event is. What was counted stays here.
    ///
    /// Conflicts with what is or will be published before them are left out: they are
    /// found when the events are compared with that.
    pub fn cut(&mut self, n: usize) -> Self {
        let events = self.events.split_off(n);
        let (kept, moved): (Vec<Conflict>, Vec<Conflict>) = std::mem::take(&mut self.conflicts)
            .into_iter()
            .partition(|c| c.event < n);
        self.conflicts = kept;
        let conflicts = moved.into_iter().filter_map(|c| match c.other {
            Other::Here(other) => Some(Conflict {
                event: c.event - n,
                other: Other::Here(other.checked_sub(n)?),
            }),
            Other::Published(..) => None,
        });
        Self {
            bytes: Arc::clone(&self.bytes),
            events,
            conflicts: conflicts.collect(),
            files: std::mem::take(&mut self.files),
            ..Self::default()
        }
    }

    /// Notes conflicts, one an event: that with a published event where there
    /// is one, because one in the batch may turn out to be a duplicate and go.
    pub fn add_conflicts(&mut self, conflicts: Vec<Conflict>) {
        self.conflicts.extend(conflicts);
        self.conflicts
            .sort_by_key(|c| (c.event, matches!(c.other, Other::Here(_))));
        self.conflicts.dedup_by_key(|c| c.event);
    }

    /// Drops the events at the indexes, and conflicts that they were part of.
    pub fn drop_duplicates(&mut self, indexes: &[usize]) {
        if indexes.is_empty() {
            return;
        }
        let is_dropped = |i: &usize| indexes.binary_search(i).is_ok();
        let moved = |i: usize| i - indexes.partition_point(|d| *d < i);
        self.sums.duplicates += indexes.len() as u64;
        let mut at = 0;
        self.events.retain(|_| {
            at += 1;
            !is_dropped(&(at - 1))
        });
        let conflicts = std::mem::take(&mut self.conflicts);
        self.conflicts = conflicts
            .into_iter()
            .filter(|c| !is_dropped(&c.event))
            .filter(|c| !matches!(c.other, Other::Here(other) if is_dropped(&other)))
            .map(|c| Conflict {
                event: moved(c.event),
                other: match c.other {
                    Other::Here(other) => Other::Here(moved(other)),
                    published => published,
                },
            })
            .collect();
    }
}

/// Whether two records hold the same JSON value.
pub fn same_content(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    match (Json::parse(a), Json::parse(b)) {
        (Ok(a), Ok(b)) => content::canonical(&a) == content::canonical(&b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for (position, record) in records.iter().enumerate() {
            let header = EventHeader::read(record.as_bytes()).expect("an event");
            let provenance = Provenance {
                import: 1,
                source: 1,
                position: position as u32,
                arrived_ms: 0,
            };
            batch.push(header, String::new(), provenance, record.as_bytes());
        }
        batch
    }

    #[test]
    fn a_conflict_outlives_the_duplicate_beside_it() {
        let mut batch = batch(&[
            r#"{"eventTime":"2024-01-01T00:00:00Z","eventID":"a","x":1}"#,
            r#"{"eventTime":"2024-01-01T00:00:00Z","eventID":"a","x":2}"#,
        ]);
        batch.put_in_order();
        let other = Other::Published(7, 3);
        batch.add_conflicts(vec![Conflict { event: 1, other }]);
        batch.drop_duplicates(&[0]);
        assert_eq!(batch.conflicts, [Conflict { event: 0, other }]);
    }

    #[test]
    fn what_is_cut_off_keeps_its_records_and_its_own_conflicts() {
        let at = |second: u32, x: u32| {
            format!(r#"{{"eventTime":"2024-01-01T00:00:0{second}Z","eventID":"a","x":{x}}}"#)
        };
        let records = [at(0, 1), at(1, 1), at(1, 2), at(2, 1), at(2, 2)];
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let mut whole = batch(&records);
        whole.put_in_order();
        let rest = whole.cut(2);
        let texts = |b: &Batch| -> Vec<String> {
            let text = |e| String::from_utf8_lossy(b.record(e)).into_owned();
            b.events.iter().map(text).collect()
        };
        assert_eq!(texts(&whole), records[..2]);
        assert_eq!(texts(&rest), records[2..]);
        assert_eq!(whole.conflicts, []);
        let other = Other::Here(1);
        assert_eq!(rest.conflicts, [Conflict { event: 2, other }]);
    }

    #[test]
    fn repetitions_go_and_conflicts_stay() {
        let mut batch = batch(&[
            r#"{"eventTime":"2024-01-01T00:00:01Z","eventID":"b","x":1}"#,
            r#"{"eventTime":"2024-01-01T00:00:00Z","eventID":"a","x":1}"#,
            r#"{"eventTime":"2024-01-01T00:00:00Z", "x":1, "eventID":"a"}"#,
            r#"{"eventTime":"2024-01-01T00:00:00Z","eventID":"a","x":2}"#,
            r#"{"eventTime":"2024-01-01T00:00:00Z","x":3}"#,
            r#"{"x":3,"eventTime":"2024-01-01T00:00:00Z"}"#,
        ]);
        batch.put_in_order();
        assert_eq!(batch.sums.duplicates, 2);
        assert_eq!(batch.events.len(), 4);
        assert_eq!(batch.conflicts.len(), 1);
        let conflict = &batch.conflicts[0];
        assert_eq!(
            batch.events[conflict.event].header.event_id.as_deref(),
            Some("a")
        );
        let first = batch
            .events
            .iter()
            .find(|e| e.header.event_id.as_deref() == Some("a"));
        assert_eq!(
            first.map(|e| e.provenance.position),
            Some(1),
            "the bytes first delivered are kept"
        );

        let Other::Here(other) = conflict.other else {
            panic!("in the same batch")
        };
        let dropped = other.min(conflict.event);
        batch.drop_duplicates(&[dropped]);
        assert_eq!(batch.events.len(), 3);
        assert!(batch.conflicts.is_empty());
    }
}
