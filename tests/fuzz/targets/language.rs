//! A text to a plan and its rows, in every language: refused with a reason and a
//! place in the text, or planned and run; what was read prints as what reads the
//! same.
//!
//! Input: `sql`, `insights` or `search` on a line of its own, and the text. Without
//! such a line the text tells its language.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tarn_query::{Code, Engine, EngineOptions, Language, QueryError, QueryRequest};
use tarn_query::{insights, search};
use tarn_store::Snapshot;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::corpus::Corpus;
use crate::support::home::{self, Home, NOW_MS};

/// What the languages are made of.
pub const WORDS: &[&str] = &[
    "sql\n",
    "insights\n",
    "search\n",
    " SELECT ",
    " FROM default ",
    " WHERE ",
    " GROUP BY ",
    " HAVING ",
    " ORDER BY 1 DESC ",
    " LIMIT 3",
    " UNION ALL ",
    " EXCEPT ",
    " WITH x AS (",
    " JOIN default USING (eventID) ",
    " CROSS JOIN UNNEST(resources) AS t (r) ",
    "count(*)",
    "count(DISTINCT ",
    "approx_distinct(",
    "max_by(",
    "date_trunc('day', ",
    "from_iso8601_timestamp(",
    "element_at(requestParameters, 'a')",
    "json_extract_scalar(",
    "regexp_like(",
    "CAST(",
    " AS varchar)",
    "TRY(",
    "row_number() OVER (PARTITION BY ",
    "INTERVAL '1' DAY",
    "TIMESTAMP '2024-03-01 00:00:00'",
    "DATE '2024-02-30'",
    "{{p}}",
    "ESCAPE '\\'",
    " IS NOT DISTINCT FROM ",
    " NOT IN (",
    "CASE WHEN ",
    " END ",
    "x -> x + 1",
    "[1]",
    "\"",
    "'",
    "--",
    "/*",
    " | fields ",
    " | filter ",
    " | stats ",
    " | sort ",
    " | limit ",
    " | dedup ",
    " | parse ",
    " | display ",
    " | unnest ",
    "bin(5m)",
    "by ",
    " as x",
    " like /",
    " in [",
    "ispresent(",
    "@timestamp",
    "@message",
    "`",
    "earliest=-1d@d",
    "latest=now",
    " AND ",
    " OR ",
    " not ",
    "eventName:",
    "/(?i)x/",
    "*",
    "userIdentity.arn",
    "sourceIPAddress:10.0.0.0/8",
    "# ",
    ">=",
    "!=",
    "\\",
];

/// After which a query is stopped: what takes longer is judged by who drives the
/// target.
const TIMEOUT: Duration = Duration::from_secs(2);

struct Place {
    engine: Engine,
    runtime: Runtime,
    snapshot: Arc<Snapshot>,
    _home: Home,
    _spill: TempDir,
}

static PLACE: OnceLock<Place> = OnceLock::new();

impl Place {
    /// A few events, half of them in a split.
    fn new() -> Self {
        let home = Home::new();
        let corpus = Corpus::new(23, 40);
        let (first, second) = corpus.deliveries.split_at(corpus.deliveries.len() / 2);
        let session = home.session(1);
        home::import(&session, &[home.log("first.json", first)]);
        home::push(&session, &[home.log("second.json", second)]);
        let snapshot = home.snapshot();
        let spill = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 64 << 20,
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
            snapshot,
            _home: home,
            _spill: spill,
        }
    }

    fn rows(&self, request: &QueryRequest) -> Result<usize, QueryError> {
        self.runtime.block_on(async {
            let snapshot = Arc::clone(&self.snapshot);
            let mut stream = self.engine.query(snapshot, request).await?;
            let mut rows = 0;
            while let Some(batch) = stream.next().await {
                rows += batch?.num_rows();
            }
            Ok(rows)
        })
    }
}

/// See the module.
pub fn run(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let (language, text) = match input.split_once('\n') {
        Some(("sql", text)) => (Language::Sql, text),
        Some(("insights", text)) => (Language::Insights, text),
        Some(("search", text)) => (Language::Search, text),
        _ => (Language::Auto, input.as_ref()),
    };
    printed(text);
    let place = PLACE.get_or_init(Place::new);
    let request = QueryRequest {
        language,
        timeout: Some(TIMEOUT),
        parameters: vec![("p".to_owned(), "it's {{p}} \"1\"".into())],
        ..QueryRequest::new(text, NOW_MS)
    };
    if let Err(error) = place.rows(&request) {
        explained(&error, text);
    }
}

/// A reason, and a place in the text.
fn explained(error: &QueryError, text: &str) {
    assert_ne!(error.code, Code::Internal, "{error}: {:?}", error.source);
    assert!(!error.message.is_empty());
    assert!(!error.render(text).is_empty());
    if let Some(span) = error.span {
        assert!(span.start <= span.end, "{span:?}");
        assert!(
            text.get(span.start..span.end).is_some() || span.end > text.len(),
            "{span:?}"
        );
    }
}

/// What has a printed form reads from it as the same.
fn printed(text: &str) {
    match insights::parse(text) {
        Ok(parsed) => {
            let printed = parsed.pipeline.to_string();
            let again = insights::parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
            assert_eq!(again.pipeline, parsed.pipeline, "{printed}");
        }
        Err(error) => assert!(error.span.start <= error.span.end && !error.reason.is_empty()),
    }
    if let Ok(parsed) = search::parse(text) {
        let printed = parsed.to_string();
        let again = search::parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
        assert_eq!(again, parsed, "{printed}");
    }
    if let Ok(point) = search::parse_time(text) {
        let printed = point.to_string();
        assert_eq!(
            search::parse_time(&printed).as_ref(),
            Ok(&point),
            "{printed}"
        );
    }
}
