//! What every request shares.

use std::sync::Arc;
use std::time::Duration;

use tarn_query::{Engine, EngineOptions, QueryError, Tz};
use tarn_store::{OpenError, Reader, Snapshot};

/// How the server answers.
#[derive(Clone)]
pub struct Settings {
    pub engine: EngineOptions,
    /// The store that a query reads when it names none.
    pub store: String,
    pub zone: Tz,
    /// The longest that a query may take, whatever it asks for.
    pub timeout_max: Duration,
    /// The time, in milliseconds since 1970 UTC.
    pub clock: fn() -> i64,
}

/// The directory, opened for reading, and the engine.
#[derive(Clone)]
pub struct ServerState {
    inner: Arc<Inner>,
}

struct Inner {
    reader: Reader,
    engine: Engine,
    settings: Settings,
}

impl ServerState {
    pub fn new(reader: Reader, settings: Settings) -> Result<Self, QueryError> {
        let engine = Engine::new(settings.engine.clone())?;
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                engine,
                settings,
            }),
        })
    }

    /// What is published now. Follows the writer, which reads from disk.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, OpenError> {
        let reader = self.inner.reader.clone();
        tokio::task::spawn_blocking(move || reader.snapshot())
            .await
            .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }
}
