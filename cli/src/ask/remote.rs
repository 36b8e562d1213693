//! Questions that a server answers.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tarn_query::results::{RecordBatch, SchemaRef};
use tarn_query::time::iso;
use tarn_query::{Language, Span, Warning};
use tarn_server::client::{Client, ClientError, Method};
use tarn_server::wire::{
    Explanation, QueryBody, QueryDetails, QueryWarning, SavedQueryRun, SavedQueryValue,
};
use tarn_store::TimeRange;

use super::Question;
use crate::context::Context;
use crate::exit;
use crate::sizes;

/// Batches that were read before they are written.
const BATCHES_WAITING: usize = 2;

/// The rows of a server, as they come.
pub struct RemoteAnswer<'c> {
    context: &'c Context,
    text: String,
    pub language: Language,
    pub schema: SchemaRef,
    pub warnings: Vec<Warning>,
    /// Of the query, on the server.
    id: String,
    batches: Receiver<Option<Result<RecordBatch, ClientError>>>,
}

/// Asks; the wait for the first rows ends with Ctrl-C, as that for all others.
pub fn start<'c>(context: &'c Context, question: &Question) -> anyhow::Result<RemoteAnswer<'c>> {
    if question.run.profile {
        return Err(exit::usage(
            "--profile is not to be had over a server; ask the data directory on its machine",
        ));
    }
    let text = question.text.to_owned();
    let rows = match question.saved_as {
        None => {
            let body = body(context, question)?;
            asked(context, &text, move |client| {
                client.rows(&["v1", "query"], &body)
            })?
        }
        Some(name) => {
            let (name, body) = (name.to_owned(), saved_body(context, question)?);
            asked(context, &text, move |client| {
                client.rows(&["v1", "saved-queries", &name, "run"], &body)
            })?
        }
    };
    let warnings = rows.warnings.iter().map(|told| warning(told, &text));
    let (warnings, language) = (warnings.collect(), language(&rows.language));
    let (schema, id) = (rows.schema().clone(), rows.id.clone());
    let (give, batches) = mpsc::sync_channel(BATCHES_WAITING);
    thread::spawn(move || {
        for batch in rows {
            // Whoever waits no more has hung up, and so does this.
            if give.send(Some(batch)).is_err() {
                return;
            }
        }
        let _ = give.send(None);
    });
    Ok(RemoteAnswer {
        context,
        text,
        language,
        schema,
        warnings,
        id,
        batches,
    })
}

impl RemoteAnswer<'_> {
    pub fn next(&mut self) -> Option<anyhow::Result<RecordBatch>> {
        match self.context.wait_for(&self.batches) {
            Ok(Some(Some(batch))) => Some(batch.map_err(|error| self.reason(error))),
            Ok(Some(None)) => None,
            Ok(None) => Some(Err(anyhow::anyhow!("the client has failed"))),
            Err(interrupted) => Some(Err(interrupted)),
        }
    }
}

impl RemoteAnswer<'_> {
    /// Why the rows ended early: what the server says of the query, where it still does.
    fn reason(&self, error: ClientError) -> anyhow::Error {
        let id = self.id.clone();
        let asked = self
            .context
            .ask(move |client| client.get::<QueryDetails>(&["v1", "queries", &id], &[]));
        match asked.and_then(Result::ok).and_then(|query| query.error) {
            Some(failure) => exit::failed_query(failure, &self.text),
            None => exit::server(error, &self.text),
        }
    }
}

/// How the server would answer.
pub fn explain(context: &Context, question: &Question) -> anyhow::Result<Explanation> {
    if question.saved_as.is_some() && !question.parameters.is_empty() {
        return Err(exit::usage(
            "--explain of a query with parameters is not to be had over a server yet; \
             ask the data directory on its machine",
        ));
    }
    let body = body(context, question)?;
    asked(context, question.text, move |client| {
        client.send(Method::POST, &["v1", "explain"], Some(&body))
    })
}

fn asked<T: Send + 'static>(
    context: &Context,
    text: &str,
    ask: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
) -> anyhow::Result<T> {
    // Errors are told here, because they have a place in the text.
    let asked = context.ask(move |client| Ok(ask(client)));
    let asked = asked.unwrap_or_else(|| Err(exit::usage("there is no server")));
    asked?.map_err(|error| exit::server(error, text))
}

fn body(context: &Context, question: &Question) -> anyhow::Result<QueryBody> {
    let run = question.run;
    let common = Common::of(context, question)?;
    Ok(QueryBody {
        query: question.text.to_owned(),
        language: Some(question.language.as_str().to_owned()),
        store: Some(run.store.clone()),
        since: common.since,
        until: common.until,
        accounts: run.account.clone(),
        parameters: question.given.iter().cloned().collect(),
        tz: run.tz.clone(),
        limit: run.limit,
        timeout_seconds: common.timeout_seconds,
    })
}

fn saved_body(context: &Context, question: &Question) -> anyhow::Result<SavedQueryRun> {
    let run = question.run;
    let common = Common::of(context, question)?;
    let given = question.given.iter().cloned();
    let parameters = given.map(|(name, value)| (name, SavedQueryValue::Text(value)));
    Ok(SavedQueryRun {
        parameters: parameters.collect(),
        store: Some(run.store.clone()),
        since: common.since,
        until: common.until,
        accounts: run.account.clone(),
        tz: run.tz.clone(),
        limit: run.limit,
        timeout_seconds: common.timeout_seconds,
    })
}

/// What both kinds of questions say alike. It is looked through here, so that what is wrong
/// is said as it is without a server.
struct Common {
    since: Option<String>,
    until: Option<String>,
    timeout_seconds: Option<f64>,
}

impl Common {
    fn of(context: &Context, question: &Question) -> anyhow::Result<Self> {
        let run = question.run;
        let zone = context.zone(run.tz.as_deref())?;
        let range = context.time_range(run.since.as_deref(), run.until.as_deref(), zone)?;
        let (since, until) = times(&range);
        let timeout = run.timeout.as_deref().map(sizes::parse_duration);
        let timeout = timeout.transpose().map_err(exit::usage)?;
        Ok(Self {
            since,
            until,
            timeout_seconds: timeout.as_ref().map(Duration::as_secs_f64),
        })
    }
}

/// The ends of a range as a server reads them; none where it is open.
pub fn times(range: &TimeRange) -> (Option<String>, Option<String>) {
    let bound = |ms: i64, open: i64| (ms != open).then(|| iso(ms));
    (
        bound(range.start_ms, TimeRange::ALL.start_ms),
        bound(range.end_ms, TimeRange::ALL.end_ms),
    )
}

fn language(name: &str) -> Language {
    let all = [Language::Sql, Language::Insights, Language::Search];
    let named = all.into_iter().find(|language| language.as_str() == name);
    named.unwrap_or(Language::Auto)
}

fn warning(told: &QueryWarning, text: &str) -> Warning {
    let nowhere = Span::default();
    Warning {
        span: told.position.map_or(nowhere, |at| at.span(text)),
        reason: told.message.clone(),
        hint: told.hint.clone(),
    }
}
