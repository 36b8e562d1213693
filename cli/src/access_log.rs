//! `tarn serve --access-log`: a line of JSON on stderr for each request.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value, json};
use tarn_server::ACCESS_LOG_TARGET;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;

use crate::context::now_ms;
use crate::times::iso;

/// Writes what the server tells of requests, and nothing else.
pub struct AccessLog;

impl AccessLog {
    /// What reaches it.
    pub fn filter() -> Targets {
        Targets::new().with_target(ACCESS_LOG_TARGET, LevelFilter::INFO)
    }
}

impl<S: Subscriber> Layer<S> for AccessLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(Map::new());
        line.0.insert("time".to_owned(), json!(iso(now_ms())));
        event.record(&mut line);
        // Nobody can be told that stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "{}", Value::Object(line.0));
    }
}

struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}
