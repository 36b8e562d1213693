//! Groups of events, counted: without making rows of them.
//!
//! Grouping by a text needs to know which texts are the same, not what they
//! are. Each split numbers its texts already; a [`vocabulary`] turns the
//! numbers of all splits into one numbering, so that a table of groups
//! ([`table`]) is a table of small integers, and texts are read for the groups
//! that are shown. `numbers` reads what a chunk of documents has, `elements` what
//! the elements of a list in them have, `fold` drives a partition of a scan.

#[cfg(test)]
mod agreement;
mod elements;
mod fold;
mod numbers;
mod table;
mod vocabulary;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
pub use table::GroupTable;
pub(crate) use vocabulary::Vocabularies;
use vocabulary::{Reads, Vocabulary};

use elements::UnnestedList;

use super::predicate::Field;
use super::request::{ColumnSource, ScanColumn, StoreId};
use super::run::ScanPartition;
use crate::fields::{self, Kept};

const TIME: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// What events are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKey {
    /// A column of the scan, by its place among them.
    Value(usize),
    /// The event's time, rounded down.
    Time(TimeBucket),
    /// A member of the element, by its place among the members of the list that is
    /// unnested.
    Member(usize),
}

/// Spans of the same length that follow each other: one begins at `offset_ms`
/// milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBucket {
    pub width_ms: i64,
    pub offset_ms: i64,
}

impl TimeBucket {
    /// Each time by itself.
    pub const EXACT: Self = Self {
        width_ms: 1,
        offset_ms: 0,
    };

    /// When the span of a time begins.
    pub fn start(&self, time_ms: i64) -> i64 {
        let into = time_ms
            .wrapping_sub(self.offset_ms)
            .rem_euclid(self.width_ms.max(1));
        time_ms - into
    }
}

/// What is told of a group. Where a list is unnested, an event counts once for each of
/// its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// How many events there are.
    Events,
    /// How many of them have a value in a column of the scan.
    Values(usize),
    /// How many different values they have in a column of the scan.
    Distinct(usize),
    /// The time of the first of them.
    FirstTime,
    /// The time of the last of them.
    LastTime,
}

/// What is asked of groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRequest {
    pub keys: Vec<GroupKey>,
    pub aggregates: Vec<Aggregate>,
    /// The column of the scan, by its place, that holds a list: its elements are grouped
    /// in place of events. An event whose list is empty or missing has none.
    pub unnested: Option<usize>,
    /// Members that an element must have to count, by their places.
    pub present: Vec<usize>,
}

/// A question for groups: what all partitions of a scan share.
pub struct Grouping {
    keys: Vec<GroupKey>,
    aggregates: Vec<Aggregate>,
    /// By the place of the column; none for those that hold times.
    vocabularies: Vec<Option<Arc<Vocabulary>>>,
    /// The list whose elements are grouped, in place of events.
    unnested: Option<UnnestedList>,
}

impl ScanPartition {
    /// Groups of the scan's events or of the elements of a list; none where a column is
    /// not one that splits answer for, or is used as what it is not.
    pub fn grouping(&self, wanted: GroupRequest) -> Option<Grouping> {
        let request = &self.shared.request;
        let held = self.shared.snapshot.vocabularies();
        Grouping::new(held, request.store, &request.columns, wanted)
    }
}

impl Grouping {
    /// See [`ScanPartition::grouping`].
    fn new(
        held: &Vocabularies,
        store: StoreId,
        columns: &[ScanColumn],
        wanted: GroupRequest,
    ) -> Option<Self> {
        let mut used = vec![false; columns.len()];
        let mut members = Vec::new();
        for key in &wanted.keys {
            match key {
                GroupKey::Value(column) => *used.get_mut(*column)? = true,
                GroupKey::Time(_) => {}
                GroupKey::Member(member) => members.push(*member),
            }
        }
        for aggregate in &wanted.aggregates {
            if let Aggregate::Values(column) | Aggregate::Distinct(column) = aggregate {
                *used.get_mut(*column)? = true;
            }
        }
        let mut vocabularies = Vec::with_capacity(columns.len());
        for (column, is_used) in columns.iter().zip(used) {
            vocabularies.push(match is_used {
                true => Some(held.of(store, &column.source, reads(&column.source)?)),
                false => None,
            });
        }
        let unnested = match wanted.unnested {
            Some(column) => {
                let source = &columns.get(column)?.source;
                Some(UnnestedList::new(
                    held,
                    store,
                    source,
                    &members,
                    wanted.present,
                )?)
            }
            None if !members.is_empty() || !wanted.present.is_empty() => return None,
            None => None,
        };
        Some(Self {
            keys: wanted.keys,
            aggregates: wanted.aggregates,
            vocabularies,
            unnested,
        })
    }

    /// Whether groups have columns of these types: their keys, then what is
    /// told of them.
    pub fn fits(&self, schema: &Schema) -> bool {
        let keys = self.keys.iter().map(|key| match key {
            GroupKey::Value(column) => match self.vocabulary(*column) {
                Some(vocabulary) => vocabulary.data_type(),
                None => DataType::Null,
            },
            GroupKey::Time(_) => TIME,
            GroupKey::Member(_) => DataType::Utf8View,
        });
        let aggregates = self.aggregates.iter().map(|aggregate| match aggregate {
            Aggregate::Events | Aggregate::Values(_) | Aggregate::Distinct(_) => DataType::Int64,
            Aggregate::FirstTime | Aggregate::LastTime => TIME,
        });
        keys.chain(aggregates)
            .eq(schema.fields().iter().map(|f| f.data_type().clone()))
    }

    /// The memory of what all partitions share, in bytes.
    pub fn bytes(&self) -> usize {
        let of_members = self.unnested.iter().flat_map(UnnestedList::vocabularies);
        let vocabularies = self.vocabularies.iter().flatten().chain(of_members);
        vocabularies.map(|vocabulary| vocabulary.bytes()).sum()
    }

    fn vocabulary(&self, column: usize) -> Option<&Vocabulary> {
        self.vocabularies.get(column)?.as_deref()
    }

    /// The columns whose values are asked for.
    fn columns(&self) -> impl Iterator<Item = usize> {
        let used = self.vocabularies.iter().enumerate();
        used.filter_map(|(column, vocabulary)| vocabulary.as_ref().map(|_| column))
    }
}

/// How a column is read; none where it takes the record.
fn reads(source: &ColumnSource) -> Option<Reads> {
    let (field, reads) = match source {
        ColumnSource::Text(field) => (field, Reads::Text),
        ColumnSource::Boolean(field) => (field, Reads::Boolean),
        ColumnSource::Timestamp(_)
        | ColumnSource::Scalar { .. }
        | ColumnSource::Matches(_)
        | ColumnSource::Lake(_) => return None,
    };
    let is_column = match field {
        Field::Account => true,
        Field::Path { path, .. } => {
            !path.is_root()
                && path.steps_before_position() == path.steps().len()
                && fields::known(&path.to_string()).is_none_or(|f| f.kept == Kept::Column)
        }
        Field::Time | Field::IngestionTime | Field::Source | Field::Import => false,
    };
    is_column.then_some(reads)
}
