//! Questions to the store, and answers that can be compared.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tarn_store::path::{Arrays, FieldPath};
use tarn_store::{
    Access, AccountScope, Cancel, ColumnSource, Field, Predicate, ScanColumn, ScanRequest,
    Snapshot, StoreId, TimeRange,
};

/// The record's own text, which is what `eventJson` and `@message` show.
pub fn whole_record() -> ScanColumn {
    text_column("record", Field::path(FieldPath::default(), Arrays::Exact))
}

pub fn text_column(name: &str, field: Field) -> ScanColumn {
    ScanColumn {
        name: name.to_owned(),
        source: ColumnSource::Text(field),
    }
}

/// Every record of the store, in no order.
pub fn everything(store: StoreId) -> ScanRequest {
    ScanRequest {
        store,
        scope: AccountScope::All,
        time: TimeRange::ALL,
        predicate: Predicate::True,
        columns: vec![whole_record()],
        order: None,
        limit: None,
        with_ties: false,
        partitions: 2,
        batch_rows: 512,
        access: Access::Indexed,
    }
}

/// A row: its cells as text, none where the column is null.
pub type Row = Vec<Option<String>>;

/// The rows that a scan gives: in its order, else sorted.
pub fn rows(snapshot: &Arc<Snapshot>, request: &ScanRequest) -> Vec<Row> {
    let scan = snapshot
        .scan(request, Arc::default(), Cancel::default())
        .expect("planned");
    assert!(scan.partitions.len() <= request.partitions.max(1));
    let mut rows = Vec::new();
    for partition in &scan.partitions {
        let mut emit = |batch: RecordBatch| {
            assert_eq!(
                batch.schema(),
                scan.schema,
                "batches have the scan's schema"
            );
            assert!(
                batch.num_rows() <= request.batch_rows,
                "batches keep their bound"
            );
            rows.extend(rows_of(&batch));
            ControlFlow::Continue(())
        };
        partition.run(&mut emit).expect("the scan ends well");
    }
    if request.order.is_none() {
        rows.sort();
    }
    rows
}

/// The rows of a batch as text.
pub fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let options = FormatOptions::new().with_display_error(false);
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("any type is shown"))
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            batch
                .columns()
                .iter()
                .zip(&columns)
                .map(|(array, shown)| array.is_valid(row).then(|| shown.value(row).to_string()))
                .collect()
        })
        .collect()
}

/// Both ways of access; fails where they differ.
pub fn agreed_rows(snapshot: &Arc<Snapshot>, request: &ScanRequest) -> Vec<Row> {
    let answer = |access| {
        let request = ScanRequest {
            access,
            ..request.clone()
        };
        rows(snapshot, &request)
    };
    let (indexed, plain) = (answer(Access::Indexed), answer(Access::Plain));
    if indexed != plain {
        let only_in = |a: &[Row], b: &[Row]| -> Vec<Row> {
            a.iter()
                .filter(|r| !b.contains(r))
                .take(3)
                .cloned()
                .collect()
        };
        panic!(
            "{} rows by index, {} by the plain path\npredicate: {}\n\
             by index only: {:#?}\nplain only: {:#?}\n{request:#?}",
            indexed.len(),
            plain.len(),
            request.predicate,
            only_in(&indexed, &plain),
            only_in(&plain, &indexed),
        );
    }
    plain
}

/// The records of a store, found both ways, sorted.
pub fn records(snapshot: &Arc<Snapshot>, store: StoreId) -> Vec<String> {
    first_cells(agreed_rows(snapshot, &everything(store)))
}

/// How many events each way of access sees: by index, then plain.
pub fn counts(snapshot: &Arc<Snapshot>, store: StoreId) -> (usize, usize) {
    let count = |access| {
        let request = ScanRequest {
            columns: Vec::new(),
            access,
            ..everything(store)
        };
        rows(snapshot, &request).len()
    };
    (count(Access::Indexed), count(Access::Plain))
}

fn first_cells(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter()
        .map(|mut row| row.swap_remove(0).expect("every event has its record"))
        .collect()
}
