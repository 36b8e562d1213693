//! The way of a query: text, language, plan, optimised plan, run.
//!
//! One engine serves a process. A text is read on the caller's thread; its plan is made
//! and run on threads of the engine ([`Threads`]), and on blocking ones beside them where
//! events are read.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use chrono::DateTime;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use tarn_store::{AccountScope, Cancel, Snapshot, TimeOrder, fields};
use tokio::time::Instant;

use crate::error::{Code, Context, QueryError};
use crate::exec::EventScanExec;
use crate::followed;
use crate::insights;
use crate::language::{Language, detect};
use crate::memory::{Budget, Share};
use crate::planned::{Planned, Planning};
use crate::pump::{Pump, broken_off};
use crate::request::{QueryRequest, Stage};
use crate::row_order;
use crate::search_plan;
use crate::session;
use crate::source::{EventSource, SnapshotSource};
use crate::span::Span;
use crate::spill::SpillFolder;
use crate::sql_plan;
use crate::stream::{QueryStream, Run, TICK, why_to_stop};
use crate::syntax::Warning;
use crate::table::QueryScope;
use crate::threads::Threads;

/// What the engine may use.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// For all queries together.
    pub memory_bytes: usize,
    /// Partitions of a plan.
    pub threads: usize,
    /// Where queries spill to; made if it is not there, with mode 0700. Where it cannot be
    /// made, queries that need it fail and others do not.
    pub spill_dir: PathBuf,
}

/// Whose query it is, where others ask at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for the rows. A query that can only answer when it has read
    /// everything (one that sorts, groups or joins) lets others go first all the same.
    Attended,
    /// Nobody waits: all others go first.
    Background,
}

/// Answers queries.
pub struct Engine {
    state: SessionState,
    /// Names for suggestions.
    functions: Arc<Vec<String>>,
    runtime: Arc<RuntimeEnv>,
    budget: Arc<Budget>,
    spill_folder: PathBuf,
    threads: Threads,
    n_threads: usize,
    /// For what takes long where others ask too; none where they could not be started.
    behind: OnceLock<Option<Threads>>,
    /// Removed with the engine.
    _spill: Option<SpillFolder>,
}

impl Engine {
    pub fn new(options: EngineOptions) -> Result<Self, QueryError> {
        let spill = SpillFolder::create(&options.spill_dir)
            .inspect_err(|error| {
                tracing::warn!(folder = %options.spill_dir.display(), %error, "queries cannot spill");
            })
            .ok();
        let disk = DiskManagerBuilder::default().with_mode(match &spill {
            Some(folder) => DiskManagerMode::Directories(vec![folder.path().to_owned()]),
            None => DiskManagerMode::Disabled,
        });
        let broken = |error: DataFusionError| {
            QueryError::new(Code::Internal, "the query engine does not start").caused_by(error)
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(broken)?;
        let state = session::state(Arc::clone(&runtime), options.threads, options.memory_bytes)
            .map_err(broken)?;
        let threads = Threads::start(options.threads).map_err(|error| {
            QueryError::new(Code::Internal, "the query engine does not start").caused_by(error)
        })?;
        Ok(Self {
            threads,
            n_threads: options.threads,
            behind: OnceLock::new(),
            functions: Arc::new(function_names(&state)),
            state,
            runtime,
            budget: Budget::new(options.memory_bytes),
            spill_folder: options.spill_dir,
            _spill: spill,
        })
    }

    /// Compiles and plans the query and starts it.
    ///
    /// **Errors**: the query does not compile; errors of its run come out of the stream.
    /// **Cost**: planning, about a millisecond; nothing is read yet.
    pub async fn query(
        &self,
        snapshot: Arc<Snapshot>,
        request: &QueryRequest,
    ) -> Result<QueryStream, QueryError> {
        self.query_source(
            Arc::new(SnapshotSource::new(snapshot, request.now_ms)),
            request,
        )
        .await
    }

    /// As [`Engine::query`], of any source of events.
    pub async fn query_source(
        &self,
        source: Arc<dyn EventSource>,
        request: &QueryRequest,
    ) -> Result<QueryStream, QueryError> {
        self.run(source, request, None).await
    }

    /// As [`Engine::query`], of one who asks beside others.
    pub async fn query_among_others(
        &self,
        snapshot: Arc<Snapshot>,
        request: &QueryRequest,
        priority: Priority,
    ) -> Result<QueryStream, QueryError> {
        let source = SnapshotSource::new(snapshot, request.now_ms);
        self.run(Arc::new(source), request, Some(priority)).await
    }

    async fn run(
        &self,
        source: Arc<dyn EventSource>,
        request: &QueryRequest,
        priority: Option<Priority>,
    ) -> Result<QueryStream, QueryError> {
        let asked_at = Instant::now();
        let mut compiled = self.compile(source, request)?;
        if compiled.is_explain {
            compiled = compiled.into_explained().await?;
        }
        let (compiled, physical) = compiled.planned(&self.threads, request, asked_at).await?;
        let share = Share::of(&self.budget);
        let context = compiled.task_context(&self.runtime, &share)?;
        let started_at = Instant::now();
        let batches = {
            let goes_behind = match priority {
                None => false,
                Some(Priority::Attended) => takes_all(physical.as_ref()),
                Some(Priority::Background) => true,
            };
            let _here = match goes_behind {
                true => self.behind().enter(),
                false => self.threads.enter(),
            };
            execute_stream(Arc::clone(&physical), context)
                .map(Pump::start)
                .map_err(|error| compiled.told.translate(error, false))?
        };
        let schema = compiled.output_schema();
        let told = Arc::clone(&compiled.told);
        let run = Run {
            batches,
            plan: physical,
            share,
            stop: compiled.stop,
            cancel: request.cancel.clone(),
            timeout: request.timeout,
            asked_at,
            started_at,
            translate: Box::new(move |error| told.translate(error, true)),
        };
        Ok(QueryStream::new(
            compiled.language,
            schema,
            compiled.warnings,
            run,
        ))
    }

    /// Compiles the query and no more: tells the language that it is read as, and what it
    /// probably does not mean.
    ///
    /// **Cost**: a millisecond; nothing is read.
    pub fn check(
        &self,
        snapshot: Arc<Snapshot>,
        request: &QueryRequest,
    ) -> Result<(Language, Vec<Warning>), QueryError> {
        let source = SnapshotSource::new(snapshot, request.now_ms);
        let compiled = self.compile(Arc::new(source), request)?;
        compiled.optimized()?;
        Ok((compiled.language, compiled.warnings))
    }

    /// Threads for what takes long.
    fn behind(&self) -> &Threads {
        let started = self.behind.get_or_init(|| {
            Threads::behind(self.n_threads)
                .inspect_err(|error| tracing::warn!(%error, "no threads for long queries"))
                .ok()
        });
        started.as_ref().unwrap_or(&self.threads)
    }

    /// Every stage of the query's way, without running it.
    pub async fn explain(
        &self,
        snapshot: Arc<Snapshot>,
        request: &QueryRequest,
    ) -> Result<Vec<Stage>, QueryError> {
        self.explain_source(
            Arc::new(SnapshotSource::new(snapshot, request.now_ms)),
            request,
        )
        .await
    }

    /// As [`Engine::explain`], of any source of events.
    pub async fn explain_source(
        &self,
        source: Arc<dyn EventSource>,
        request: &QueryRequest,
    ) -> Result<Vec<Stage>, QueryError> {
        self.compile(source, request)?.explained().await
    }

    /// The parameters of the request that its text has no place for. The query is planned
    /// and not run.
    pub(crate) async fn unused_parameters(
        &self,
        source: Arc<dyn EventSource>,
        request: &QueryRequest,
    ) -> Result<Vec<String>, QueryError> {
        let asked_at = Instant::now();
        let compiled = self.compile(source, request)?;
        let (compiled, _) = compiled.planned(&self.threads, request, asked_at).await?;
        Ok(compiled.unused_parameters)
    }

    fn compile(
        &self,
        source: Arc<dyn EventSource>,
        request: &QueryRequest,
    ) -> Result<Compiled, QueryError> {
        let language = match request.language {
            Language::Auto => detect(&request.text)?,
            chosen => chosen,
        };
        let stop = Cancel::default();
        let scope = QueryScope {
            source,
            accounts: request.scope.clone(),
            time: request.time,
            access: request.access,
            cancel: stop.clone(),
        };
        let mut state = self.state.clone();
        state.execution_props_mut().query_execution_start_time =
            DateTime::from_timestamp_millis(request.now_ms);
        let told = Arc::new(Told {
            source: Arc::clone(&scope.source),
            accounts: request.scope.clone(),
            store: request.store.clone(),
            functions: Arc::clone(&self.functions),
            spill_folder: self.spill_folder.clone(),
            text: request.text.clone(),
        });
        let planning = Planning {
            text: &request.text,
            request,
            state: &state,
            scope,
        };
        let planned = match language {
            Language::Sql => sql_plan::plan(&planning),
            Language::Insights => insights::plan(&planning),
            _ => search_plan::plan(&planning),
        };
        let planned = planned.map_err(|error| told.translate(error, false))?;
        let Planned {
            plan,
            names,
            mut warnings,
            unused_parameters,
            stages,
            is_explain,
        } = planned;
        warnings.extend(unused_parameters.iter().map(|name| Warning {
            span: Span::default(),
            reason: format!("the query has no parameter `{name}`"),
            hint: None,
        }));
        let order = match request.is_followed {
            true => {
                followed::check(&plan, is_explain)?;
                TimeOrder::OldestFirst
            }
            false => TimeOrder::NewestFirst,
        };
        let plan = row_order::run(plan, order)
            .and_then(|plan| limited(plan, request.limit))
            .map_err(|error| told.translate(error, false))?;
        Ok(Compiled {
            language,
            plan,
            names,
            warnings,
            unused_parameters,
            stages,
            is_explain,
            state,
            told,
            stop,
        })
    }
}

fn limited(plan: LogicalPlan, limit: Option<usize>) -> Result<LogicalPlan, DataFusionError> {
    match limit {
        None => Ok(plan),
        Some(limit) => LogicalPlanBuilder::from(plan)
            .limit(0, Some(limit))?
            .build(),
    }
}

/// Whether a plan has to read all of something before it gives a row.
fn takes_all(plan: &dyn ExecutionPlan) -> bool {
    let children = plan.children();
    children.len() > 1
        || plan.properties().emission_type != EmissionType::Incremental
        || children.into_iter().any(|child| takes_all(child.as_ref()))
}

fn function_names(state: &SessionState) -> Vec<String> {
    let scalar = state.scalar_functions().keys();
    let all = scalar
        .chain(state.aggregate_functions().keys())
        .chain(state.window_functions().keys());
    let mut names: Vec<String> = all.cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn push_scans(stages: &mut Vec<Stage>, plan: &Arc<dyn ExecutionPlan>) {
    if let Some(scan) = plan.downcast_ref::<EventScanExec>() {
        stages.push(Stage::new("pushed predicate", &scan.request().predicate));
        stages.push(Stage::new("scan", scan.scan().description.join("\n")));
    }
    for child in plan.children() {
        push_scans(stages, child);
    }
}

/// A query that is ready to be planned physically.
struct Compiled {
    language: Language,
    plan: LogicalPlan,
    names: Vec<String>,
    warnings: Vec<Warning>,
    unused_parameters: Vec<String>,
    stages: Vec<Stage>,
    is_explain: bool,
    state: SessionState,
    told: Arc<Told>,
    stop: Cancel,
}

impl Compiled {
    fn optimized(&self) -> Result<LogicalPlan, QueryError> {
        let optimized = self.state.optimize(&self.plan);
        optimized.map_err(|error| self.told.translate(error, false))
    }

    async fn physical_plan(&self) -> Result<Arc<dyn ExecutionPlan>, QueryError> {
        let optimized = self.optimized()?;
        let planner = Arc::clone(self.state.query_planner());
        let physical = planner.create_physical_plan(&optimized, &self.state).await;
        physical.map_err(|error| self.told.translate(error, false))
    }

    /// The query with its plan, made by a task of its own: what is planned is not
    /// interrupted, and whoever asks hears in time that it took too long.
    async fn planned(
        self,
        threads: &Threads,
        request: &QueryRequest,
        asked_at: Instant,
    ) -> Result<(Self, Arc<dyn ExecutionPlan>), QueryError> {
        let planning = async move {
            let physical = self.physical_plan().await?;
            Ok((self, physical))
        };
        let mut planning = {
            let _there = threads.enter();
            SpawnedTask::spawn(planning)
        };
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                planned = &mut planning => {
                    return planned.unwrap_or_else(|failed| Err(broken_off(failed)));
                }
                _ = tick.tick() => {
                    if let Some(error) = why_to_stop(&request.cancel, request.timeout, asked_at) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Every stage of the query's way.
    async fn explained(&self) -> Result<Vec<Stage>, QueryError> {
        let optimized = self.optimized()?;
        let physical = self.physical_plan().await?;
        let mut stages = vec![Stage::new("language", self.language.as_str())];
        stages.extend(self.stages.iter().cloned());
        stages.push(Stage::new("logical plan", self.plan.display_indent()));
        stages.push(Stage::new("optimized plan", optimized.display_indent()));
        push_scans(&mut stages, &physical);
        let shown = displayable(physical.as_ref()).indent(false).to_string();
        stages.push(Stage::new("physical plan", shown));
        Ok(stages)
    }

    /// The query whose rows are the stages of this one.
    async fn into_explained(self) -> Result<Self, QueryError> {
        let stages = self.explained().await?;
        let rows = stages
            .into_iter()
            .map(|stage| vec![lit(stage.name), lit(stage.text)]);
        let plan = LogicalPlanBuilder::values(rows.collect())
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| self.told.translate(error, false))?;
        Ok(Self {
            plan,
            names: ["stage", "plan"].map(str::to_owned).to_vec(),
            ..self
        })
    }

    fn task_context(
        &self,
        runtime: &RuntimeEnv,
        share: &Arc<Share>,
    ) -> Result<Arc<TaskContext>, QueryError> {
        let runtime = RuntimeEnvBuilder::from_runtime_env(runtime)
            .with_memory_pool(Arc::clone(share) as _)
            .build_arc()
            .map_err(|error| self.told.translate(error, false))?;
        Ok(Arc::new(
            TaskContext::from(&self.state).with_runtime(runtime),
        ))
    }

    /// The plan's columns under the names that the query gives them.
    fn output_schema(&self) -> SchemaRef {
        let fields = self.plan.schema().fields();
        let named = fields.iter().enumerate().map(|(i, field)| -> Field {
            let name = self.names.get(i).unwrap_or_else(|| field.name());
            field.as_ref().clone().with_name(name)
        });
        Arc::new(Schema::new(named.collect::<Vec<_>>()))
    }
}

/// What an error is told with.
struct Told {
    source: Arc<dyn EventSource>,
    accounts: AccountScope,
    store: String,
    functions: Arc<Vec<String>>,
    spill_folder: PathBuf,
    text: String,
}

impl Told {
    fn translate(&self, error: DataFusionError, is_running: bool) -> QueryError {
        let context = Context {
            text: &self.text,
            fields: &|| self.field_names(),
            functions: &self.functions,
            spill_folder: &self.spill_folder,
            is_running,
        };
        context.translate(error)
    }

    /// Documented fields and those that were seen.
    fn field_names(&self) -> Vec<String> {
        let mut names: Vec<String> = fields::FIELDS.iter().map(|f| f.path.to_owned()).collect();
        names.extend([fields::EVENT_JSON, fields::EVENT_JSON_CHECKSUM].map(str::to_owned));
        if let Ok(store) = self.source.find_store(&self.store) {
            names.extend(self.source.observed_fields(store, &self.accounts));
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine_tests::records::Records;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_reads_everything_first_goes_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 64 << 20,
            threads: 2,
            spill_dir: folder.path().join("tmp"),
        });
        let engine = engine.expect("starts");
        let goes_behind = async |text: &str| {
            let source = Records::new(&[r#"{"eventTime":"2024-01-01T00:00:00Z","eventName":"A"}"#]);
            let request = QueryRequest::new(text, 0);
            let compiled = engine.compile(source, &request).expect(text);
            let physical = compiled.physical_plan().await.expect(text);
            takes_all(physical.as_ref())
        };
        for short in [
            "SELECT eventName FROM events WHERE eventID = '1'",
            "SELECT eventName FROM events ORDER BY eventTime DESC LIMIT 100",
            "SELECT upper(eventName) AS n FROM events WHERE eventName LIKE '%a%' LIMIT 5",
            "fields @timestamp, eventName | filter errorCode like /Denied/ | limit 50",
            "fields eventName | sort @timestamp desc | limit 100",
        ] {
            assert!(!goes_behind(short).await, "{short}");
        }
        for long in [
            "SELECT eventName, count(*) AS n FROM events GROUP BY 1",
            "stats count(*) by bin(1h)",
            "SELECT eventName FROM events ORDER BY eventName",
            "SELECT a.eventName FROM events a JOIN events b ON a.eventID = b.eventID",
            "SELECT lag(eventName) OVER (ORDER BY eventName) AS n FROM events",
        ] {
            assert!(goes_behind(long).await, "{long}");
        }
    }
}
