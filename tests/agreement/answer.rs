//! Questions to an engine, and how answers may differ.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tarn_query::{
    Code, Engine, EngineOptions, Language, QueryError, QueryRequest, Statistics, Warning,
};
use tarn_store::{Access, AccountScope, Snapshot, TimeRange};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Order;
use crate::support::ask::{Row, rows_of};
use crate::support::home::NOW_MS;
use crate::support::world::World;

/// A query and the way in which it is answered.
pub struct Question<'q> {
    pub text: &'q str,
    pub language: Language,
    pub time: TimeRange,
    pub scope: AccountScope,
    pub access: Access,
}

/// Rows in the order in which they came, or why there are none.
pub type Answer = Result<Vec<Row>, Failure>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// Without the texts that it quotes: which of the values that fail is met
    /// first is not said.
    pub message: String,
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self {
            code: error.code,
            message: without_quoted(&error.message),
        }
    }
}

/// The message with nothing between its first quote and its last.
fn without_quoted(message: &str) -> String {
    match (message.find('\''), message.rfind('\'')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", &message[..=first], &message[last..])
        }
        _ => message.to_owned(),
    }
}

/// An engine with what it runs on.
pub struct Asker {
    engine: Engine,
    runtime: Runtime,
    _spill: TempDir,
}

impl Asker {
    pub fn new() -> Self {
        let spill = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 512 << 20,
            threads: 2,
            spill_dir: spill.path().join("tmp"),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Self {
            engine: engine.expect("it starts"),
            runtime: runtime.expect("threads"),
            _spill: spill,
        }
    }

    pub fn ask(&self, world: &World, question: &Question<'_>) -> Answer {
        self.rows(&world.snapshot, question).map_err(Failure::from)
    }

    pub fn rows(
        &self,
        snapshot: &Arc<Snapshot>,
        question: &Question<'_>,
    ) -> Result<Vec<Row>, QueryError> {
        let (_, batches) = self.batches(snapshot, question)?;
        Ok(batches.iter().flat_map(rows_of).collect())
    }

    /// What the query is doubted for.
    pub fn warnings(&self, world: &World, text: &str) -> Vec<Warning> {
        let request = QueryRequest::new(text, NOW_MS);
        let asked = self.engine.query(Arc::clone(&world.snapshot), &request);
        let stream = self.runtime.block_on(asked).expect("it compiles");
        stream.warnings.clone()
    }

    /// What the query pruned and read.
    pub fn statistics(&self, world: &World, text: &str) -> Statistics {
        let request = QueryRequest::new(text, NOW_MS);
        self.runtime.block_on(async {
            let asked = self.engine.query(Arc::clone(&world.snapshot), &request);
            let mut stream = asked.await.expect("it compiles");
            while let Some(batch) = stream.next().await {
                batch.expect("it runs");
            }
            stream.statistics()
        })
    }

    pub fn batches(
        &self,
        snapshot: &Arc<Snapshot>,
        question: &Question<'_>,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), QueryError> {
        let request = QueryRequest {
            language: question.language,
            time: question.time,
            scope: question.scope.clone(),
            access: question.access,
            ..QueryRequest::new(question.text, NOW_MS)
        };
        self.runtime.block_on(async {
            let mut stream = self.engine.query(Arc::clone(snapshot), &request).await?;
            let mut batches = Vec::new();
            while let Some(batch) = stream.next().await {
                batches.push(batch?);
            }
            Ok((Arc::clone(&stream.schema), batches))
        })
    }
}

/// In what an answer is not the expected one; none where they agree. `uncut` is
/// the answer to the query without its limit.
pub fn differences(
    order: Order,
    answer: &Answer,
    expected: &Answer,
    uncut: Option<&Answer>,
) -> Option<String> {
    let (rows, expected) = match (answer, expected) {
        (Ok(rows), Ok(expected)) => (rows, expected),
        (Err(failure), Err(expected)) if failure == expected => return None,
        _ => {
            let (answer, expected) = (summary(answer), summary(expected));
            return Some(format!("{answer}\nexpected: {expected}"));
        }
    };
    let is_same = match (order, uncut) {
        (Order::Total, _) => rows == expected,
        (Order::Leading(n), None) => {
            leading(rows, n) == leading(expected, n) && sorted(rows) == sorted(expected)
        }
        (Order::Leading(n), Some(Ok(uncut))) => {
            leading(rows, n) == leading(expected, n) && missing(rows, uncut).is_empty()
        }
        (_, Some(Err(failure))) => return Some(format!("without its limit: {failure:?}")),
    };
    (!is_same).then(|| {
        let mut text = format!("{} rows\nexpected: {}\n", rows.len(), expected.len());
        if let Some(at) = rows
            .iter()
            .zip(expected)
            .position(|(row, other)| row != other)
        {
            let shown = |row: &Row| short(row.first().and_then(Option::as_deref));
            let (row, other) = (shown(&rows[at]), shown(&expected[at]));
            let _ = writeln!(text, "row {at}: {row}, expected: {other}");
        }
        for (title, rows) in [
            ("too many", missing(rows, expected)),
            ("missing", missing(expected, rows)),
        ] {
            for row in rows.iter().take(3) {
                let cells: Vec<String> = row.iter().map(|cell| short(cell.as_deref())).collect();
                let _ = writeln!(text, "{title}: {}", cells.join(" | "));
            }
        }
        text
    })
}

fn summary(answer: &Answer) -> String {
    match answer {
        Ok(rows) => format!("{} rows", rows.len()),
        Err(failure) => format!("{failure:?}"),
    }
}

fn leading(rows: &[Row], n: usize) -> Vec<&[Option<String>]> {
    rows.iter().map(|row| &row[..n]).collect()
}

fn sorted(rows: &[Row]) -> Vec<&Row> {
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort();
    rows
}

/// The rows that are not among others, each as often as they lack it.
fn missing<'r>(rows: &'r [Row], others: &[Row]) -> Vec<&'r Row> {
    let mut others = sorted(others);
    let mut missing = Vec::new();
    for row in rows {
        match others.binary_search(&row) {
            Ok(at) => {
                others.remove(at);
            }
            Err(_) => missing.push(row),
        }
    }
    missing
}

/// A cell for a message: some are 65,536 characters long.
fn short(cell: Option<&str>) -> String {
    let Some(text) = cell else {
        return "∅".to_owned();
    };
    match text.char_indices().nth(300) {
        None => format!("{text:?}"),
        Some((at, _)) => format!("{:?}… ({} bytes)", &text[..at], text.len()),
    }
}
