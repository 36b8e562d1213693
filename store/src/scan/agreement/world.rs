//! A store of odd events in splits of several layouts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::events::{Random, record};
use crate::catalog::{BatchEntry, SourceEntry, SplitEntry};
use crate::event::EventHeader;
use crate::index::cache::SplitCache;
use crate::index::merge::stack;
use crate::index::reader::SplitReader;
use crate::index::writer::{Document, SplitBuilder};
use crate::json::Json;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db};
use crate::kv::keys::EventKey;
use crate::kv::value::{Provenance, StoredEvent, TailEvent};
use crate::scan::StoreId;
use crate::snapshot::Snapshot;

pub const STORE: StoreId = StoreId(3);

/// How the events of a world lie in splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Layout {
    OneSorted,
    ThreeUnsorted,
    /// Two splits merged into one, and one more.
    Stacked,
}

/// Batches of events in a store, each whole in a split but the last, which has
/// none; dead events and pushed ones.
pub fn world(random: &mut Random, layout: Layout, folder: &Path) -> Arc<Snapshot> {
    let db = Db::open_primary(&folder.join("db")).expect("opened");
    let mut changes = Changes::default();
    let source = SourceEntry {
        path: "logs/a.json.gz".into(),
    };
    changes.put_entry(Column::Sources, 9_u64.to_be_bytes(), &source);
    let n_batches = 4_u64;
    let mut of_batches: Vec<Vec<(EventKey, String)>> = Vec::new();
    for batch in 1..=n_batches {
        let mut events: Vec<(i64, String, String)> = (0..150)
            .map(|n| {
                let record = record(random, n);
                let header = EventHeader::read(record.as_bytes()).expect(&record);
                (header.time_ms, header.account.unwrap_or_default(), record)
            })
            .collect();
        events.sort();
        let dead = vec![3, 70];
        let entry = BatchEntry {
            store: STORE,
            import: 1,
            n_events: events.len() as u32,
            time_min_ms: events[0].0,
            time_max_ms: events[events.len() - 1].0,
            dead,
        };
        changes.put_entry(Column::Batches, batch.to_be_bytes(), &entry);
        let mut of_batch = Vec::new();
        for (ordinal, (time_ms, account, record)) in events.into_iter().enumerate() {
            let key = EventKey {
                store: STORE,
                time_ms,
                account,
                batch,
                ordinal: ordinal as u32,
            };
            let provenance = Provenance {
                import: batch,
                source: 9,
                position: ordinal as u32,
                arrived_ms: 1000 * batch as i64,
            };
            let value = StoredEvent::encode(&provenance, record.as_bytes());
            changes.put(Column::Events, key.encode(), value);
            of_batch.push((key, record));
        }
        of_batches.push(of_batch);
    }
    for sequence in 0..5_u64 {
        let record = record(random, sequence as usize);
        let header = EventHeader::read(record.as_bytes()).expect("an event");
        let provenance = Provenance {
            import: 8,
            source: 9,
            position: 0,
            arrived_ms: 5,
        };
        let pushed = TailEvent {
            time_ms: header.time_ms,
            account: header.account.unwrap_or_default(),
            event: StoredEvent {
                provenance,
                record: record.into_bytes(),
            },
        };
        let mut key = STORE.0.to_be_bytes().to_vec();
        key.extend_from_slice(&sequence.to_be_bytes());
        changes.put(Column::Tail, key, pushed.encode());
    }
    // Events of the last batch are in no split.
    of_batches.pop();
    let groups: Vec<Vec<(EventKey, String)>> = match layout {
        Layout::OneSorted => {
            let mut all: Vec<_> = of_batches.into_iter().flatten().collect();
            all.sort();
            vec![all]
        }
        Layout::ThreeUnsorted | Layout::Stacked => of_batches
            .into_iter()
            .map(|mut events| {
                events.rotate_left(40);
                events
            })
            .collect(),
    };
    let mut splits = Vec::new();
    for (id, events) in groups.into_iter().enumerate() {
        splits.push(split(folder, id as u64, &events));
    }
    if layout == Layout::Stacked {
        let inputs: Vec<SplitEntry> = splits.drain(..2).collect();
        splits.push(stacked(folder, 99, &inputs));
    }
    for split in &splits {
        changes.put_entry(Column::Splits, split.id.to_be_bytes(), split);
    }
    db.write(changes).expect("written");
    let snapshot = Snapshot::load(Arc::new(db), folder, Arc::new(SplitCache::default()));
    Arc::new(snapshot.expect("loaded"))
}

/// Two splits as a merge makes them one.
pub fn stacked(folder: &Path, id: u64, inputs: &[SplitEntry]) -> SplitEntry {
    let path = |id: u64| folder.join(SplitEntry::file_name(id));
    let readers: Vec<_> = inputs
        .iter()
        .map(|input| Arc::new(SplitReader::open(&path(input.id)).expect("opened")))
        .collect();
    let bytes = stack(&readers, &path(id)).expect("merged");
    let [a, b] = inputs else { panic!("two splits") };
    let mut both = a.clone();
    for (sum, more) in [
        (&mut both.accounts, &b.accounts),
        (&mut both.regions, &b.regions),
    ] {
        for (key, n) in more {
            *sum.entry(key.clone()).or_default() += n;
        }
    }
    both.dead.extend(b.dead.iter().map(|doc| doc + a.n_docs));
    both.batches.extend(&b.batches);
    SplitEntry {
        id,
        n_docs: a.n_docs + b.n_docs,
        bytes,
        time_min_ms: a.time_min_ms.min(b.time_min_ms),
        time_max_ms: a.time_max_ms.max(b.time_max_ms),
        sorted: false,
        ..both
    }
}

fn split(folder: &Path, id: u64, events: &[(EventKey, String)]) -> SplitEntry {
    let path = folder.join(SplitEntry::file_name(id));
    let mut builder = SplitBuilder::new(&path, 16 << 20).expect("begun");
    let mut dead = Vec::new();
    let mut batches = BTreeSet::new();
    for (doc, (key, record)) in events.iter().enumerate() {
        let json = Json::parse(record.as_bytes()).expect("valid");
        let header = EventHeader::of(&json).expect("an event");
        if [3, 70].contains(&key.ordinal) {
            dead.push(doc as u32);
        }
        batches.insert(key.batch);
        builder
            .add(&Document {
                time_ms: key.time_ms,
                account: &key.account,
                batch: key.batch,
                ordinal: key.ordinal,
                identity: header.identity,
                region: header.region.as_deref(),
                json: &json,
            })
            .expect("added");
    }
    let built = builder.finish().expect("written");
    SplitEntry {
        id,
        store: STORE,
        version: 1,
        n_docs: built.n_docs,
        bytes: built.bytes,
        time_min_ms: built.time_min_ms,
        time_max_ms: built.time_max_ms,
        sorted: built.sorted,
        accounts: built.accounts,
        regions: built.regions,
        dead,
        batches: batches.into_iter().collect(),
    }
}
