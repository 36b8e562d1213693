//! What hostile statements are put to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, Int64Array, RecordBatch};
use tarn_query::{Code, Engine, EngineOptions, Language, QueryError, QueryRequest};
use tarn_store::Snapshot;
use tarn_store::owner::Session;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::corpus::Corpus;
use crate::support::home::{self, Home, NOW_MS};

/// The stack of a server's threads. Frames that were not optimised are several times as
/// large.
pub const STACK_BYTES: usize = (2 << 20) * if cfg!(debug_assertions) { 16 } else { 1 };

/// What a query is stopped after that is to be answered, and how long any may take.
const TIMEOUT: Duration = Duration::from_secs(60);
const TIME_MAX: Duration = Duration::from_secs(90);

/// A store, and an engine with 64 MiB to ask it with.
pub struct Store {
    pub timeout: Duration,
    engine: Engine,
    runtime: Runtime,
    snapshot: Arc<Snapshot>,
    _session: Session,
    _home: Home,
    _spill: TempDir,
}

impl Store {
    pub fn new() -> Self {
        Self::with_memory(64 << 20)
    }

    pub fn with_memory(memory_bytes: usize) -> Self {
        let home = Home::new();
        let session = home.session(2);
        let corpus = Corpus::new(91, 2_000);
        home::import(&session, &[home.log("all.json", &corpus.deliveries)]);
        let spill = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes,
            threads: 2,
            spill_dir: spill.path().join("tmp"),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Self {
            timeout: TIMEOUT,
            engine: engine.expect("it starts"),
            runtime: runtime.expect("threads"),
            snapshot: home.snapshot(),
            _session: session,
            _home: home,
            _spill: spill,
        }
    }

    /// How many rows there are.
    pub fn ask(&self, language: Language, text: &str) -> Result<usize, QueryError> {
        let batches = self.batches(language, text)?;
        Ok(batches.iter().map(RecordBatch::num_rows).sum())
    }

    fn batches(&self, language: Language, text: &str) -> Result<Vec<RecordBatch>, QueryError> {
        let request = QueryRequest {
            language,
            timeout: Some(self.timeout),
            ..QueryRequest::new(text, NOW_MS)
        };
        let begun = Instant::now();
        let batches = self.runtime.block_on(async {
            let snapshot = Arc::clone(&self.snapshot);
            let mut stream = self.engine.query(snapshot, &request).await?;
            let mut batches = Vec::new();
            while let Some(batch) = stream.next().await {
                batches.push(batch?);
            }
            Ok(batches)
        });
        let shown: String = text.chars().take(80).collect();
        assert!(begun.elapsed() < TIME_MAX, "{shown}: {:?}", begun.elapsed());
        batches
    }

    /// The number that is the answer.
    pub fn number(&self, text: &str) -> Result<i64, QueryError> {
        let batches = self.batches(Language::Sql, text)?;
        let batch = batches.first().expect("a row");
        let numbers: &Int64Array = batch.column(0).as_any().downcast_ref().expect("a number");
        Ok(numbers.value(0))
    }

    pub fn sql(&self, text: &str) -> Result<usize, QueryError> {
        self.ask(Language::Sql, text)
    }

    pub fn insights(&self, text: &str) -> Result<usize, QueryError> {
        self.ask(Language::Insights, text)
    }

    pub fn search(&self, text: &str) -> Result<usize, QueryError> {
        self.ask(Language::Search, text)
    }
}

/// The code of a refusal; fails where there are rows, or the refusal is longer than
/// anybody reads.
pub fn refused(name: &str, answer: Result<usize, QueryError>) -> Code {
    let error = answer.expect_err(name);
    assert!(error.message.len() < 1000, "{name}: {}", error.message);
    error.code
}

pub fn listed(n: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..n).map(item).collect();
    items.join(separator)
}
