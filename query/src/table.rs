//! The events of a store as a table of DataFusion. It describes; `exec` reads.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use tarn_store::{Access, AccountScope, Cancel, Predicate, ScanRequest, StoreId, TimeRange};

use crate::columns::Columns;
use crate::exec::EventScanExec;
use crate::pushdown;
use crate::source::EventSource;

/// What all scans of one query share: whose events, from when, and who stops them.
#[derive(Debug, Clone)]
pub struct QueryScope {
    pub source: Arc<dyn EventSource>,
    pub accounts: AccountScope,
    pub time: TimeRange,
    pub access: Access,
    pub cancel: Cancel,
}

/// The events of one store within a query's scope.
#[derive(Debug, Clone)]
pub struct EventTable {
    scope: QueryScope,
    store: StoreId,
    columns: Arc<Columns>,
}

impl EventTable {
    pub fn new(scope: QueryScope, store: StoreId, columns: Arc<Columns>) -> Self {
        Self {
            scope,
            store,
            columns,
        }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The same events with other columns.
    pub fn with_columns(&self, columns: Arc<Columns>) -> Self {
        Self {
            columns,
            ..self.clone()
        }
    }

    fn request(
        &self,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<ScanRequest> {
        let mut parts = Vec::with_capacity(filters.len());
        for filter in filters {
            let Some(part) = pushdown::predicate(filter, &self.columns) else {
                return internal_err!(
                    "a filter was pushed that the scan does not decide: {filter}"
                );
            };
            parts.push(part);
        }
        let (range, predicate) = pushdown::split_time(Predicate::and(parts));
        let list = self.columns.list();
        let columns = match projection {
            Some(indices) => indices
                .iter()
                .filter_map(|i| list.get(*i))
                .cloned()
                .collect(),
            None => list.to_vec(),
        };
        Ok(ScanRequest {
            store: self.store,
            scope: self.scope.accounts.clone(),
            time: self.scope.time.and(&range),
            predicate,
            columns,
            order: None,
            limit,
            with_ties: false,
            partitions: 1,
            batch_rows: 0,
            access: self.scope.access,
        })
    }
}

#[async_trait]
impl TableProvider for EventTable {
    fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let decide = |filter: &&Expr| match pushdown::predicate(filter, &self.columns) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(decide).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut request = self.request(projection, filters, limit)?;
        request.partitions = state.config().target_partitions().max(1);
        request.batch_rows = state.config().batch_size();
        let scan = EventScanExec::plan(self.scope.clone(), request)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Arc::new(scan))
    }
}
