//! What the server counts, for Prometheus.
//!
//! Each part of the server has a struct of its own metrics, which it counts with; all
//! are registered here, so that one place knows every name that leaves the process.

mod ingest;
mod process;
mod queries;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

pub use ingest::IngestMetrics;
pub use process::ProcessMetrics;
pub use queries::QueryMetrics;

/// Every metric of the server.
pub struct Metrics {
    registry: Registry,
    /// The process and its connections.
    pub process: ProcessMetrics,
    /// What comes in.
    pub ingest: IngestMetrics,
    /// What is asked.
    pub queries: QueryMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tarn");
        Self {
            process: ProcessMetrics::register(&mut registry),
            ingest: IngestMetrics::register(&mut registry),
            queries: QueryMetrics::register(&mut registry),
            registry,
        }
    }
}

impl Metrics {
    /// The text of `GET /metrics`. What is a state and not a count (how many run now)
    /// is set by whoever asks, just before.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let written = text::encode(&mut text, &self.registry);
        debug_assert!(written.is_ok());
        text
    }
}
