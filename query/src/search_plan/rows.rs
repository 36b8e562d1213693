//! A search on its own: the events that it finds, as delivered, newest first.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;

use super::lower;
use crate::accounts::names;
use crate::error::QueryError;
use crate::leaves::LeafSet;
use crate::planned::{CHOSEN_STORE, Planned, Planning};
use crate::request::Stage;
use crate::search;

/// Compiles a search.
///
/// **Shape**: `@timestamp`, `@message`.
pub fn plan(planning: &Planning<'_>) -> Result<Planned, DataFusionError> {
    let external = |error: QueryError| DataFusionError::External(Box::new(error));
    let parsed = search::parse(planning.text).map_err(|error| external(error.into()))?;
    let lowered = lower(&parsed, planning.clock()).map_err(external)?;
    let mut warnings = lowered.warnings;
    let source = planning.scope.source.as_ref();
    warnings.extend(names::doubt(&lowered.predicate, source));
    let [events, _] = CHOSEN_STORE;
    let store = planning.store(events).map_err(external)?;
    let mut leaves = LeafSet::new();
    let columns = [leaves.timestamp(), leaves.text(Default::default())];
    let found = leaves.matches(lowered.predicate);
    let table = leaves.into_table(planning.scope.clone(), store);
    let source = provider_as_source(Arc::new(table));
    let plan = LogicalPlanBuilder::scan(events, source, None)?
        .filter(found)?
        .project(columns)?
        .build()?;
    let parameters = planning.request.parameters.iter();
    Ok(Planned {
        names: plan
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect(),
        plan,
        warnings,
        unused_parameters: parameters.map(|(name, _)| name.clone()).collect(),
        stages: vec![Stage::new("syntax", parsed)],
        is_explain: false,
    })
}
