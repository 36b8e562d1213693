//! A partition's events into a table of groups.

use super::elements::{Elements, NumberedList};
use super::numbers::NumberedColumn;
use super::table::{GroupTable, Rows};
use super::vocabulary::NONE;
use super::{Aggregate, GroupKey, Grouping};
use crate::scan::error::ScanError;
use crate::scan::full::PlainUnit;
use crate::scan::materialise::text_of;
use crate::scan::record::{Record, StoredRecord};
use crate::scan::request::{ColumnSource, ScanStatistics};
use crate::scan::run::{Piece, ScanPartition, Shared, Work, check};
use std::ops::ControlFlow;

/// Documents that are counted at a time.
const CHUNK: usize = 8192;
/// Fewer where records are read.
const CHUNK_WITH_RECORDS: usize = 1024;

impl ScanPartition {
    /// The groups of the partition's events. `reserve` is told the memory of
    /// the table, in bytes, before it grows; where it refuses there are none.
    ///
    /// The scan must have neither order nor limit.
    pub fn group(
        &self,
        grouping: &Grouping,
        reserve: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<GroupTable>, ScanError> {
        self.fold(grouping, reserve)
            .inspect_err(|error| self.shared.snapshot.note_lost(error))
    }

    fn fold(
        &self,
        grouping: &Grouping,
        reserve: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<GroupTable>, ScanError> {
        let mut folding = Folding {
            shared: &self.shared,
            grouping,
            table: GroupTable::new(grouping),
            reserve,
            wants_times: grouping.wants_times(),
        };
        let Work::Pieces(pieces, plain) = &self.work else {
            return Ok(None);
        };
        for piece in pieces {
            if folding.piece(piece)?.is_break() {
                return Ok(None);
            }
        }
        if let Some(plain) = plain
            && folding.plain(plain)?.is_break()
        {
            return Ok(None);
        }
        Ok(Some(folding.table))
    }
}

impl Grouping {
    fn wants_times(&self) -> bool {
        let is_time = |key: &GroupKey| matches!(key, GroupKey::Time(_));
        let of_time = |a: &Aggregate| matches!(a, Aggregate::FirstTime | Aggregate::LastTime);
        self.keys.iter().any(is_time) || self.aggregates.iter().any(of_time)
    }
}

struct Folding<'f> {
    shared: &'f Shared,
    grouping: &'f Grouping,
    table: GroupTable,
    reserve: &'f mut dyn FnMut(usize) -> bool,
    wants_times: bool,
}

impl Folding<'_> {
    /// Breaks where memory is out.
    fn piece(&mut self, piece: &Piece) -> Result<ControlFlow<()>, ScanError> {
        let shared = self.shared;
        let request = &shared.request;
        let unit = &piece.unit;
        let range = piece.documents(request)?;
        let visible = unit.visible(range, &request.time, &request.scope, &shared.cancel)?;
        ScanStatistics::add(&shared.statistics.events_scanned, visible.len() as u64);
        let bounds = unit.bounds(&request.predicate, &visible, &shared.cancel)?;
        let n_may = bounds.may.len();
        let is_decided = bounds.must.len() == n_may;
        unit.expect_rows(n_may);
        let mut columns: Vec<Option<NumberedColumn<'_>>> = Vec::new();
        for place in 0..request.columns.len() {
            let column = NumberedColumn::open(shared, unit, self.grouping, place, &bounds.may)?;
            columns.push(column);
        }
        let list = match &self.grouping.unnested {
            Some(list) => Some(NumberedList::open(shared, unit, list, &bounds.may)?),
            None => None,
        };
        let reads_records = !is_decided
            || columns.iter().flatten().any(|c| c.reads_records())
            || list.as_ref().is_some_and(NumberedList::reads_records);
        let n_chunk = match reads_records {
            true => CHUNK_WITH_RECORDS,
            false => CHUNK,
        };
        let mut numbers = vec![Vec::new(); columns.len()];
        let mut times = Vec::new();
        let mut docs: Vec<u32> = Vec::with_capacity(n_chunk);
        let mut from = 0;
        loop {
            bounds.may.extend_from(from, n_chunk, &mut docs);
            let Some(last) = docs.last() else {
                break;
            };
            from = last + 1;
            if shared.cancel.is_cancelled() {
                return Err(ScanError::Cancelled);
            }
            while !docs.is_empty() {
                let (matching, n_done) = match is_decided {
                    true => (None, docs.len()),
                    false => {
                        let checked = check(shared, unit, &docs, &bounds.must)?;
                        (Some(checked.matching), checked.n_done)
                    }
                };
                let matching = matching.as_deref().unwrap_or(&docs);
                ScanStatistics::add(&shared.statistics.events_matched, matching.len() as u64);
                for (column, numbers) in columns.iter_mut().zip(&mut numbers) {
                    if let Some(column) = column {
                        column.read(matching, numbers)?;
                    }
                }
                if self.wants_times {
                    unit.split.keys()?.time.values(matching, &mut times);
                }
                let flow = match &list {
                    Some(list) => self.add_elements(&list.read(matching)?, &times, &numbers),
                    None => self.add(&Rows {
                        n_rows: matching.len(),
                        times: &times,
                        numbers: &numbers,
                        members: &[],
                    }),
                };
                if flow.is_break() {
                    return Ok(flow);
                }
                docs.drain(..n_done.clamp(1, docs.len()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Counts the elements of rows with these times and numbers.
    fn add_elements(
        &mut self,
        elements: &Elements,
        times: &[i64],
        numbers: &[Vec<u32>],
    ) -> ControlFlow<()> {
        fn of_rows<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            let values = rows.iter().filter_map(|row| values.get(*row as usize));
            values.copied().collect()
        }
        let numbers = numbers.iter().map(|n| of_rows(n, &elements.rows));
        self.add(&Rows {
            n_rows: elements.rows.len(),
            times: &of_rows(times, &elements.rows),
            numbers: &numbers.collect::<Vec<_>>(),
            members: &elements.members,
        })
    }

    fn add(&mut self, rows: &Rows<'_>) -> ControlFlow<()> {
        self.table.add(self.grouping, rows);
        match (self.reserve)(self.table.bytes()) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    /// What no split holds.
    fn plain(&mut self, plain: &PlainUnit) -> Result<ControlFlow<()>, ScanError> {
        let mut waiting: Vec<StoredRecord> = Vec::new();
        let mut flow = ControlFlow::Continue(());
        let shared = self.shared;
        plain.for_each_match(shared, &mut |record| {
            waiting.push(record);
            if waiting.len() >= CHUNK_WITH_RECORDS {
                flow = self.records(&waiting)?;
                waiting.clear();
            }
            Ok(flow)
        })?;
        match flow {
            ControlFlow::Continue(()) => self.records(&waiting),
            stopped => Ok(stopped),
        }
    }

    fn records(&mut self, records: &[StoredRecord]) -> Result<ControlFlow<()>, ScanError> {
        let read = records
            .iter()
            .map(StoredRecord::read)
            .collect::<Result<Vec<Record<'_>>, _>>()?;
        let mut numbers = vec![Vec::new(); self.shared.request.columns.len()];
        for place in self.grouping.columns() {
            let (Some(vocabulary), Some(column), Some(numbers)) = (
                self.grouping.vocabulary(place),
                self.shared.request.columns.get(place),
                numbers.get_mut(place),
            ) else {
                continue;
            };
            let (ColumnSource::Text(field) | ColumnSource::Boolean(field)) = &column.source else {
                continue;
            };
            for record in &read {
                let mut number = NONE;
                if let Some(text) = text_of(field, record) {
                    vocabulary.number([text.as_ref()].into_iter(), |_, n| number = n);
                }
                numbers.push(number);
            }
        }
        let times: Vec<i64> = records.iter().map(|r| r.key.time_ms).collect();
        if let Some(list) = &self.grouping.unnested {
            let elements = list.of_records(&read)?;
            return Ok(self.add_elements(&elements, &times, &numbers));
        }
        Ok(self.add(&Rows {
            n_rows: records.len(),
            times: &times,
            numbers: &numbers,
            members: &[],
        }))
    }
}
