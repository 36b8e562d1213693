//! One question: from the options of a command to rows on stdout.

mod remote;

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::{Map, Value};
use tarn_query::accounts::{self, ListedAccount};
use tarn_query::coverage::{self, Coverage};
use tarn_query::field_list;
use tarn_query::incident::{self, SessionError};
use tarn_query::results::{
    ArrowIpcWriter, CsvWriter, HitsWriter, JsonWriter, LineWriter, NdjsonWriter, RawWriter,
    RecordBatch, ResultWriter, SchemaRef, TableOptions, TableWriter,
};
use tarn_query::{
    Code, Engine, EngineOptions, Language, Marks, ParameterValue, Priority, QueryError,
    QueryRequest, QueryStream, Warning, search,
};
use tarn_server::wire::{Explanation, Field};
use tarn_store::{Access, AccountScope, Cancel, Reader, Snapshot, TimeRange};
use tokio::runtime::Runtime;

use self::remote::RemoteAnswer;
pub use self::remote::times;
use crate::args::{OutputFormat, RunArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::interrupt::wait;
use crate::sizes;
use crate::terminal::BOLD;

/// What is asked.
pub struct Question<'q> {
    pub text: &'q str,
    pub language: Language,
    pub parameters: &'q [(String, ParameterValue)],
    /// The parameters as they were given, and the name of the saved query that they are of.
    pub given: &'q [(String, String)],
    pub saved_as: Option<&'q str>,
    pub run: &'q RunArgs,
}

/// Values of `-p`, each of which is what it reads as.
pub fn untyped(given: &[(String, String)]) -> Vec<(String, ParameterValue)> {
    given
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().into()))
        .collect()
}

/// A row as its names and values.
pub type Row = Map<String, Value>;

/// A table on a terminal shows so many rows.
const TABLE_ROWS: usize = 200;

/// How often a query that is followed looks for events that arrived.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// How long the rows that a table does not show are counted.
const COUNT_REST_FOR: Duration = Duration::from_millis(500);

/// Asks questions of one data directory, or of a server.
pub struct Asker<'c> {
    context: &'c Context,
    source: Source,
}

enum Source {
    Directory(Box<Directory>),
    Server,
}

/// A directory, and what answers from it.
struct Directory {
    reader: Reader,
    engine: Engine,
    runtime: Runtime,
}

impl<'c> Asker<'c> {
    pub fn open(context: &'c Context) -> anyhow::Result<Self> {
        let source = match &context.server {
            Some(_) => Source::Server,
            None => Source::Directory(Box::new(Directory::open(context)?)),
        };
        Ok(Self { context, source })
    }

    /// What reads the directory.
    fn directory(&self) -> anyhow::Result<&Directory> {
        match &self.source {
            Source::Directory(directory) => Ok(directory),
            Source::Server => Err(exit::usage("this needs the data directory, and no server")),
        }
    }

    /// What is published now in the directory.
    pub fn snapshot(&self) -> anyhow::Result<Arc<Snapshot>> {
        Ok(self.directory()?.reader.snapshot()?)
    }

    /// Answers on stdout, in the form that the options ask for, and tells
    /// people how it went.
    pub fn answer(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<Exit> {
        if question.run.explain {
            return self.explain(question, cancel);
        }
        let shown = self.show(question, cancel)?;
        shown.tell(self.context);
        Ok(match question.run.exit_status && shown.rows == 0 {
            true => Exit::NoRows,
            false => Exit::Done,
        })
    }

    /// Writes the answer to stdout.
    pub fn show(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<Shown> {
        let begun = Instant::now();
        let mut answer = self.start(question, cancel)?;
        let rows_max = self.table_rows_max(question.run);
        let mut writer = make_writer(self.context, question, &answer, rows_max)?;
        let mut shown = Shown {
            rows_max,
            ..Shown::default()
        };
        let mut full_since = None;
        while let Some(batch) = answer.next() {
            let batch = batch?;
            shown.rows += batch.num_rows();
            writer.write(&batch)?;
            if shown.hidden() > 0 {
                let since: Instant = *full_since.get_or_insert_with(Instant::now);
                if since.elapsed() > COUNT_REST_FOR {
                    shown.is_partly_counted = true;
                    break;
                }
            }
        }
        writer.finish()?;
        shown.time = begun.elapsed();
        if let (true, Some(stream)) = (question.run.profile, answer.stream()) {
            eprint!("{}\n{}", stream.profile(), stream.statistics());
        }
        Ok(shown)
    }

    /// Writes the answer to stdout, then that of the events that arrive, until
    /// Ctrl-C or until there are as many rows as `--limit` says.
    ///
    /// Each look asks about the events that came since the one before, so that
    /// every event is answered for once, however late it is.
    pub fn follow(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<Exit> {
        if self.context.server.is_some() {
            return Err(exit::usage(
                "--follow is not to be had over a server yet; follow the data directory on its machine",
            ));
        }
        let mut request = QueryRequest {
            is_followed: true,
            ..self.request(question, cancel)?
        };
        let mut writer: Option<Box<dyn ResultWriter>> = None;
        let mut seen: Option<Arc<Snapshot>> = None;
        loop {
            let now = self.snapshot()?;
            let arrivals = now.arrivals(seen.as_deref())?;
            if writer.is_none() || !arrivals.is_empty() {
                request.now_ms = self.context.now_ms();
                let is_news = writer.is_none();
                let mut answer = self.start_local(Arc::new(arrivals), &request, is_news)?;
                let writer = match &mut writer {
                    Some(writer) => writer,
                    none => none.insert(make_writer(self.context, question, &answer, None)?),
                };
                let n_rows = write_all(&mut answer, writer.as_mut())?;
                request.limit = request.limit.map(|limit| limit.saturating_sub(n_rows));
            }
            seen = Some(now);
            let is_done = request.limit == Some(0);
            if is_done || !wait(FOLLOW_EVERY, cancel) {
                if let Some(writer) = &mut writer {
                    writer.finish()?;
                }
                return Ok(if is_done {
                    Exit::Done
                } else {
                    Exit::Interrupted
                });
            }
        }
    }

    /// How many rows of a table are shown; none where all are.
    fn table_rows_max(&self, run: &RunArgs) -> Option<usize> {
        let terminal = &self.context.terminal;
        let is_table = form(self.context, run) == OutputFormat::Table;
        (is_table && terminal.stdout.is_terminal).then_some(TABLE_ROWS)
    }

    /// All rows of an answer that is known to be small.
    pub fn rows(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<Vec<Row>> {
        let mut answer = self.start(question, cancel)?;
        let mut lines = Vec::new();
        let mut writer = NdjsonWriter::new(&mut lines, answer.schema());
        while let Some(batch) = answer.next() {
            writer.write(&batch?)?;
        }
        writer.finish()?;
        drop(writer);
        let rows = serde_json::Deserializer::from_slice(&lines).into_iter::<Row>();
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn request(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<QueryRequest> {
        let run = question.run;
        let timeout = run
            .timeout
            .as_deref()
            .map(sizes::parse_duration)
            .transpose();
        Ok(QueryRequest {
            text: question.text.to_owned(),
            language: question.language,
            store: run.store.clone(),
            time: self.time_range(run)?,
            scope: self.scope(&run.account)?,
            parameters: question.parameters.to_vec(),
            limit: run.limit,
            is_followed: false,
            timeout: timeout.map_err(exit::usage)?,
            now_ms: self.context.now_ms(),
            zone: self.context.zone(run.tz.as_deref())?,
            access: Access::Indexed,
            cancel: cancel.clone(),
        })
    }

    /// The accounts of `--account`.
    pub fn scope(&self, accounts: &[String]) -> anyhow::Result<AccountScope> {
        match accounts.is_empty() {
            true => Ok(AccountScope::All),
            false => self.context.scope(self.snapshot()?.as_ref(), accounts),
        }
    }

    /// The accounts that are known, and those that have events in the store.
    pub fn accounts(&self, store: &str, cancel: &Cancel) -> anyhow::Result<Vec<ListedAccount>> {
        let request = QueryRequest {
            cancel: cancel.clone(),
            ..accounts::events_by_account(store, self.context.now_ms())
        };
        let (snapshot, directory) = (self.snapshot()?, self.directory()?);
        // Accounts may be loaded before the first events.
        if !snapshot.stores().is_empty() {
            self.context.find_store(&snapshot, store)?;
        }
        let listed = accounts::listed(&directory.engine, &snapshot, &request, Priority::Attended);
        let listed = directory.runtime.block_on(listed);
        listed.map_err(|error| exit::query(&error, &request.text))
    }

    /// What is there of the accounts, and what is missing.
    pub fn coverage(
        &self,
        store: &str,
        time: TimeRange,
        accounts: &[String],
        cancel: &Cancel,
    ) -> anyhow::Result<Coverage> {
        let (snapshot, directory) = (self.snapshot()?, self.directory()?);
        self.context.find_store(&snapshot, store)?;
        let scope = self.scope(accounts)?;
        let request = QueryRequest {
            cancel: cancel.clone(),
            ..coverage::request(store, time, scope, self.context.now_ms())
        };
        let found = Coverage::of(&directory.engine, &snapshot, &request, Priority::Attended);
        let found = directory.runtime.block_on(found);
        found.map_err(|error| exit::query(&error, &request.text))
    }

    /// The fields that the pattern chooses, with their most frequent values where `n_values`
    /// says how many.
    pub fn fields(
        &self,
        store: &str,
        accounts: &[String],
        pattern: Option<&str>,
        n_values: Option<usize>,
        cancel: &Cancel,
    ) -> anyhow::Result<Vec<Field>> {
        let (snapshot, directory) = (self.snapshot()?, self.directory()?);
        self.context.find_store(&snapshot, store)?;
        let scope = self.scope(accounts)?;
        let request = QueryRequest {
            store: store.to_owned(),
            scope,
            cancel: cancel.clone(),
            ..QueryRequest::new("", self.context.now_ms())
        };
        let failed = |error: QueryError| exit::query(&error, "");
        let fields = field_list::listed(&snapshot, store, &request.scope, pattern);
        let mut listed = Vec::new();
        for field in fields.map_err(failed)? {
            let values = match n_values.filter(|_| field.has_values) {
                None => None,
                Some(n) => {
                    let engine = &directory.engine;
                    let priority = Priority::Attended;
                    let asked =
                        field_list::values(engine, &snapshot, &request, &field, n, priority);
                    Some(directory.runtime.block_on(asked).map_err(failed)?)
                }
            };
            listed.push(Field::of(&field, values));
        }
        Ok(listed)
    }

    /// The session that something leads to. Its request is [`incident::request`], narrowed.
    pub fn session(&self, id: &str, request: &QueryRequest) -> anyhow::Result<incident::Session> {
        let (snapshot, directory) = (self.snapshot()?, self.directory()?);
        self.context.find_store(&snapshot, &request.store)?;
        let engine = &directory.engine;
        let asked = incident::session(engine, &snapshot, id, request, Priority::Attended);
        directory
            .runtime
            .block_on(asked)
            .map_err(|error| match error {
                SessionError::Query(error) => exit::query(&error, ""),
                error => anyhow!("{error}; {}", incident::WHAT_IS_TAKEN),
            })
    }

    /// The range of `--since` and `--until`.
    pub fn time_range(&self, run: &RunArgs) -> anyhow::Result<TimeRange> {
        let zone = self.context.zone(run.tz.as_deref())?;
        self.context
            .time_range(run.since.as_deref(), run.until.as_deref(), zone)
    }

    /// Starts a query; tells how it is understood.
    fn start(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<Answer<'_>> {
        match &self.source {
            Source::Directory(_) => {
                let request = self.request(question, cancel)?;
                self.start_local(self.snapshot()?, &request, true)
            }
            Source::Server => {
                let answer = remote::start(self.context, question)?;
                self.tell(
                    question.language,
                    answer.language,
                    &answer.warnings,
                    question.text,
                );
                Ok(Answer::Remote(Box::new(answer)))
            }
        }
    }

    /// The same in the directory; tells how it is understood, where that is news.
    fn start_local(
        &self,
        snapshot: Arc<Snapshot>,
        request: &QueryRequest,
        is_news: bool,
    ) -> anyhow::Result<Answer<'_>> {
        let directory = self.directory()?;
        let stream = directory.engine.query(snapshot, request);
        let stream = directory.runtime.block_on(stream);
        let stream = stream.map_err(|error| exit::query(&error, &request.text))?;
        if is_news {
            let warnings = &stream.warnings;
            self.tell(request.language, stream.language, warnings, &request.text);
        }
        Ok(Answer::Local {
            runtime: &directory.runtime,
            text: request.text.clone(),
            stream: Box::new(stream),
        })
    }

    fn tell(&self, asked_in: Language, read_as: Language, warnings: &[Warning], text: &str) {
        let terminal = &self.context.terminal;
        if asked_in == Language::Auto && terminal.stderr.is_terminal {
            terminal.note(name(read_as));
        }
        for warning in warnings {
            terminal.warn(&told(warning, text));
        }
    }

    fn explain(&self, question: &Question, cancel: &Cancel) -> anyhow::Result<Exit> {
        let explanation = match &self.source {
            Source::Server => remote::explain(self.context, question)?,
            Source::Directory(directory) => {
                let request = self.request(question, cancel)?;
                let stages = directory.engine.explain(self.snapshot()?, &request);
                let stages = directory.runtime.block_on(stages);
                Explanation::of(&stages.map_err(|error| exit::query(&error, &request.text))?)
            }
        };
        let mut out = BufWriter::new(io::stdout().lock());
        for (i, stage) in explanation.stages.iter().enumerate() {
            if i > 0 {
                writeln!(out)?;
            }
            let terminal = &self.context.terminal;
            writeln!(out, "{}", terminal.stdout.paint(BOLD, &stage.name))?;
            for line in stage.text.trim_end().lines() {
                writeln!(out, "  {line}")?;
            }
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

impl Directory {
    fn open(context: &Context) -> anyhow::Result<Self> {
        let reader = context.reader()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(context.threads)
            .enable_all()
            .build()?;
        let options = EngineOptions {
            memory_bytes: usize::try_from(context.memory_bytes)?,
            threads: context.threads,
            spill_dir: context.data.join("tmp"),
        };
        let engine = Engine::new(options).map_err(|error| exit::query(&error, ""))?;
        Ok(Self {
            reader,
            engine,
            runtime,
        })
    }
}

/// Rows on their way, wherever they are from.
enum Answer<'a> {
    Local {
        runtime: &'a Runtime,
        /// Of the query.
        text: String,
        stream: Box<QueryStream>,
    },
    Remote(Box<RemoteAnswer<'a>>),
}

impl Answer<'_> {
    fn schema(&self) -> &SchemaRef {
        match self {
            Self::Local { stream, .. } => &stream.schema,
            Self::Remote(answer) => &answer.schema,
        }
    }

    /// As what the text was read.
    fn language(&self) -> Language {
        match self {
            Self::Local { stream, .. } => stream.language,
            Self::Remote(answer) => answer.language,
        }
    }

    fn stream(&self) -> Option<&QueryStream> {
        match self {
            Self::Local { stream, .. } => Some(stream),
            Self::Remote(_) => None,
        }
    }

    fn next(&mut self) -> Option<anyhow::Result<RecordBatch>> {
        match self {
            Self::Local {
                runtime,
                text,
                stream,
            } => {
                let batch = runtime.block_on(stream.next())?;
                Some(batch.map_err(|error| exit::query(&error, text)))
            }
            Self::Remote(answer) => answer.next(),
        }
    }
}

/// Writes all rows; says how many there were.
fn write_all(answer: &mut Answer<'_>, writer: &mut dyn ResultWriter) -> anyhow::Result<usize> {
    let mut n_rows = 0;
    while let Some(batch) = answer.next() {
        let batch = batch?;
        n_rows += batch.num_rows();
        writer.write(&batch)?;
    }
    if n_rows > 0 {
        writer.flush()?;
    }
    Ok(n_rows)
}

/// What became of an answer.
#[derive(Default)]
pub struct Shown {
    pub rows: usize,
    pub time: Duration,
    rows_max: Option<usize>,
    /// Rows that were not shown were not all counted either.
    is_partly_counted: bool,
}

impl Shown {
    fn hidden(&self) -> usize {
        self.rows_max.map_or(0, |max| self.rows.saturating_sub(max))
    }

    /// Says how many rows there were, to people.
    fn tell(&self, context: &Context) {
        let terminal = &context.terminal;
        if !terminal.stderr.is_terminal {
            return;
        }
        let time = sizes::duration(self.time);
        let rows = sizes::counted(self.rows as u64, "row");
        let hidden = sizes::count(self.hidden() as u64);
        let text = match (self.hidden(), self.is_partly_counted) {
            (0, _) => format!("{rows} in {time}"),
            (_, false) => format!(
                "{TABLE_ROWS} of {rows} shown, {hidden} more, in {time}; a pipe or a file takes all"
            ),
            (_, true) => format!(
                "{TABLE_ROWS} rows shown, more than {hidden} more; a pipe or a file takes all"
            ),
        };
        terminal.note(&text);
    }
}

/// The form that is asked for, or fits where stdout goes.
fn form(context: &Context, run: &RunArgs) -> OutputFormat {
    run.output
        .unwrap_or(match context.terminal.stdout.is_terminal {
            true => OutputFormat::Table,
            false => OutputFormat::Ndjson,
        })
}

fn make_writer(
    context: &Context,
    question: &Question,
    answer: &Answer<'_>,
    rows_max: Option<usize>,
) -> anyhow::Result<Box<dyn ResultWriter>> {
    let run = question.run;
    let stdout = &context.terminal.stdout;
    let (out, schema) = (
        BufWriter::with_capacity(1 << 16, io::stdout()),
        answer.schema(),
    );
    Ok(match form(context, run) {
        OutputFormat::Table => {
            let options = TableOptions {
                width: context.terminal.width,
                colour: stdout.colours,
                rows_max,
            };
            match answer.language() {
                Language::Search => Box::new(HitsWriter::new(out, marks(question.text)?, options)),
                _ => Box::new(TableWriter::new(out, schema, options)),
            }
        }
        OutputFormat::Line => Box::new(LineWriter::new(out, schema, stdout.colours)),
        OutputFormat::Json => Box::new(JsonWriter::new(out, schema)),
        OutputFormat::Ndjson => Box::new(NdjsonWriter::new(out, schema)),
        OutputFormat::Csv => Box::new(CsvWriter::new(out, schema, ',', run.csv_safe)),
        OutputFormat::Tsv => Box::new(CsvWriter::new(out, schema, '\t', run.csv_safe)),
        OutputFormat::Arrow => Box::new(ArrowIpcWriter::new(out, schema)),
        OutputFormat::Raw => {
            let writer = RawWriter::new(out, schema);
            Box::new(writer.map_err(|error| exit::usage(error.to_string()))?)
        }
    })
}

/// What a search looks for, to be shown where it stands.
fn marks(text: &str) -> anyhow::Result<Marks> {
    let marks = search::parse(text).map_err(QueryError::from);
    let marks = marks.and_then(|search| Marks::of(&search));
    marks.map_err(|error| exit::query(&error, text))
}

/// A warning with its place in the text, drawn as errors are.
fn told(warning: &Warning, text: &str) -> String {
    let doubt = QueryError::new(Code::Syntax, warning.reason.as_str()).at(warning.span);
    match &warning.hint {
        Some(hint) => doubt.hint(hint.as_str()).render(text),
        None => doubt.render(text),
    }
}

fn name(language: Language) -> &'static str {
    match language {
        Language::Sql => "SQL",
        Language::Insights => "Logs Insights QL",
        Language::Search => "search",
        Language::Auto => "auto",
    }
}
