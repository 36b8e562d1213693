//! The fields that events really have, told by the columns of the splits.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::ScanError;
use super::full::PlainUnit;
use super::predicate::Event;
use super::predicate::Predicate;
use super::record::{Records, StoredRecord};
use super::request::Access;
use super::request::{AccountScope, Cancel, ScanRequest, StoreId, TimeRange};
use super::run::Shared;
use super::unit::SplitUnit;
use crate::event::identity_hash;
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::index::leaves::{self, Leaf, Sink};
use crate::json::Json;
use crate::snapshot::Snapshot;

/// What values a field was seen with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds {
    pub text: bool,
    pub integer: bool,
    pub boolean: bool,
    /// An object or array, a long text, another number, or a value of a field
    /// that splits keep no column of.
    pub other: bool,
}

/// The field that every event has, as text; splits keep most of it as the
/// event's time.
const EVENT_TIME: &str = "eventTime";
const TEXT: Kinds = Kinds {
    text: true,
    integer: false,
    boolean: false,
    other: false,
};

/// A field that events in scope have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedField {
    /// In the text form of [`crate::path::FieldPath`], arrays passed over.
    pub path: String,
    pub kinds: Kinds,
    /// Events that have it.
    pub events: u64,
}

impl Snapshot {
    /// The fields of a store's events, by path.
    ///
    /// **Cost**: looks at every column of every split of the store.
    pub fn observed_fields(
        self: &Arc<Self>,
        store: StoreId,
        scope: &AccountScope,
    ) -> Result<Vec<ObservedField>, ScanError> {
        let mut fields: BTreeMap<String, ObservedField> = BTreeMap::new();
        let request = everything(store, scope.clone());
        let cancel = Cancel::default();
        for handle in self.splits_of(store) {
            let unit = SplitUnit::open(self, handle)?;
            let visible = unit.visible(0..unit.split.n_docs(), &TimeRange::ALL, scope, &cancel)?;
            if visible.is_empty() {
                continue;
            }
            // The columns of one path differ in their first two bytes only, so
            // they are far apart in the list of names.
            let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for name in unit.split.column_names()? {
                if let Some(path) = path_of(&name) {
                    columns.entry(path.to_owned()).or_default().push(name);
                }
            }
            add(&mut fields, EVENT_TIME, TEXT, visible.len() as u64);
            columns.remove(EVENT_TIME);
            for (path, names) in columns {
                let mut kinds = Kinds::default();
                let mut n_events = 0;
                let mut first = None;
                let mut having: Option<DocSet> = None;
                for name in names {
                    let Some(marks) = unit.split.marks(&name)? else {
                        continue;
                    };
                    let n = marks.count(&visible);
                    if n == 0 {
                        continue;
                    }
                    kinds.note(&name);
                    // One column is all that most fields have: only where
                    // there are more, the same events have to be found out.
                    if n_events == 0 {
                        n_events = n;
                        first = Some(marks);
                        continue;
                    }
                    let both = match (having.take(), first.take()) {
                        (Some(having), _) => having,
                        (None, Some(first)) => first.documents(&visible),
                        (None, None) => DocSet::none(visible.range()),
                    };
                    let both = both.or(&marks.documents(&visible));
                    n_events = both.len();
                    having = Some(both);
                }
                add(&mut fields, &path, kinds, n_events as u64);
            }
        }
        self.observe_unindexed(request, &mut fields)?;
        Ok(fields.into_values().collect())
    }

    /// What no split holds has no columns: its records are read.
    fn observe_unindexed(
        self: &Arc<Self>,
        request: ScanRequest,
        fields: &mut BTreeMap<String, ObservedField>,
    ) -> Result<(), ScanError> {
        self.for_each_unindexed(request, &mut |stored| {
            let record = stored.read()?;
            let mut seen = Seen::default();
            leaves::walk(&record.json, &mut seen);
            seen.0.insert(EVENT_TIME.to_owned(), TEXT);
            for (path, kinds) in seen.0 {
                add(fields, &path, kinds, 1);
            }
            Ok(())
        })
    }

    /// Shows the events that match and that no split holds.
    fn for_each_unindexed(
        self: &Arc<Self>,
        request: ScanRequest,
        visit: &mut dyn FnMut(StoredRecord) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        let unit = PlainUnit {
            batches: self.uncovered_of(request.store).map(|(n, _)| n).collect(),
            with_tail: true,
        };
        let shared = Shared {
            records: self.records(),
            ..Shared::new(Arc::clone(self), request, Arc::default(), Cancel::default())
        };
        unit.for_each_match(&shared, &mut |record| {
            visit(record)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The events of a store with this eventID, in the order of time. Case does
    /// not matter.
    ///
    /// **Cost**: a look at the id file of each split.
    pub fn events_by_id(
        self: &Arc<Self>,
        store: StoreId,
        event_id: &str,
        scope: &AccountScope,
    ) -> Result<Vec<StoredRecord>, ScanError> {
        let records = self.records();
        let request = everything(store, scope.clone());
        let cancel = Cancel::default();
        let mut found = Vec::new();
        for handle in self.splits_of(store) {
            let unit = SplitUnit::open(self, handle)?;
            let docs = unit.split.ids().documents(identity_hash(event_id));
            let mut docs = docs.map_err(|e| ScanError::damaged(unit.split.path(), "ids", e))?;
            docs.dedup();
            if docs.is_empty() {
                continue;
            }
            let range = 0..unit.split.n_docs();
            let visible = unit.visible(range, &TimeRange::ALL, scope, &cancel)?;
            let docs: Vec<u32> = docs.into_iter().filter(|d| visible.contains(*d)).collect();
            found.extend(records.fetch(unit.event_keys(&docs)?)?);
        }
        self.for_each_unindexed(request, &mut |record| {
            found.push(record);
            Ok(())
        })?;
        let mut matching = Vec::new();
        for stored in found {
            let is_meant = {
                let record = stored.read()?;
                let id = record.json().get("eventID").and_then(Json::as_str);
                id.is_some_and(|id| id.to_lowercase() == event_id.to_lowercase())
            };
            if is_meant {
                matching.push(stored);
            }
        }
        matching.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(matching)
    }

    fn records(self: &Arc<Self>) -> Records {
        Records::new(Arc::clone(self), Arc::default(), true)
    }
}

fn everything(store: StoreId, scope: AccountScope) -> ScanRequest {
    ScanRequest {
        store,
        scope,
        time: TimeRange::ALL,
        predicate: Predicate::True,
        columns: Vec::new(),
        order: None,
        limit: None,
        with_ties: false,
        partitions: 1,
        batch_rows: 1024,
        access: Access::Indexed,
    }
}

/// The path that a column is about.
fn path_of(column: &str) -> Option<&str> {
    [
        layout::TEXT,
        layout::INTEGER,
        layout::BOOLEAN,
        layout::SEE_RECORD,
    ]
    .iter()
    .find_map(|kind| column.strip_prefix(kind))
}

fn add(fields: &mut BTreeMap<String, ObservedField>, path: &str, kinds: Kinds, events: u64) {
    if events == 0 {
        return;
    }
    let field = fields
        .entry(path.to_owned())
        .or_insert_with(|| ObservedField {
            path: path.to_owned(),
            kinds: Kinds::default(),
            events: 0,
        });
    field.events += events;
    field.kinds = field.kinds.and(kinds);
}

impl Kinds {
    fn note(&mut self, column: &str) {
        self.text |= column.starts_with(layout::TEXT);
        self.integer |= column.starts_with(layout::INTEGER);
        self.boolean |= column.starts_with(layout::BOOLEAN);
        self.other |= column.starts_with(layout::SEE_RECORD);
    }

    fn and(self, other: Self) -> Self {
        Self {
            text: self.text | other.text,
            integer: self.integer | other.integer,
            boolean: self.boolean | other.boolean,
            other: self.other | other.other,
        }
    }
}

/// The fields of one record.
#[derive(Default)]
struct Seen(BTreeMap<String, Kinds>);

impl Sink for Seen {
    fn leaf(&mut self, path: &str, leaf: Leaf<'_>, _in_array: bool) {
        let kinds = self.0.entry(path.to_owned()).or_default();
        match leaf {
            Leaf::Text(_) => kinds.text = true,
            Leaf::Integer(_) => kinds.integer = true,
            Leaf::Boolean(_) => kinds.boolean = true,
            Leaf::SeeRecord => kinds.other = true,
        }
    }

    fn uuid(&mut self, _path: &str, _uuid: u128) {}

    fn list(&mut self, _path: &str, _shape: &str) {}

    fn overflow(&mut self) {}

    fn text(&mut self, _text: &str) {}
}
