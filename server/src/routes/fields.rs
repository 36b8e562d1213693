//! `GET /v1/fields`: what can be asked of the events that are there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tarn_query::field_list;
use tarn_query::{Priority, QueryError, QueryRequest};
use tarn_store::{Snapshot, TimeRange};

use crate::answer;
use crate::error::Problem;
use crate::params::Params;
use crate::scope;
use crate::state::{ServerState, blocking};
use crate::wire::{Field, ProblemDetails};

/// So many values of a field are told at most.
const VALUES_MAX: usize = 1_000;

/// The fields that events have, with their types and how many events have each; with
/// `values` their most frequent values too.
#[utoipa::path(get, path = "/v1/fields", tag = "events", operation_id = "listFields",
    params(
        ("pattern" = Option<String>, Query, description = "a part of the name, or a glob", example = "*bucket*"),
        ("store" = Option<String>, Query, description = "name, UUID or ARN of the event data store", example = "default"),
        ("account" = Option<Vec<String>>, Query, description = "only events of this account: an id, a name or an organizational unit; repeatable"),
        ("values" = Option<usize>, Query, description = "how many values of each field to tell", minimum = 1, maximum = 1000),
    ),
    responses(
    (status = 200, description = "the fields by name", body = Vec<Field>),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 408, description = "it took too long, or waited too long for its turn", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<Vec<Field>>, Problem> {
    params.only(&["pattern", "store", "account", "values"])?;
    let n_values: Option<usize> = params.number("values")?;
    if n_values.is_some_and(|n| !(1..=VALUES_MAX).contains(&n)) {
        return Err(Problem::bad_request(format!(
            "values is a number from 1 to {VALUES_MAX}"
        )));
    }
    let pattern = params.one("pattern")?;
    let (store, snapshot) = scope::of_store(&state, params.one("store")?).await?;
    let settings = state.settings();
    let request = QueryRequest {
        store,
        time: TimeRange::ALL,
        scope: scope::of_accounts(&state, params.all("account")).await?,
        timeout: Some(settings.timeout_max),
        ..QueryRequest::new("", (settings.clock)())
    };
    let turn = answer::turn(&state, &request).await?;
    let listed = listed(&state, &snapshot, &request, pattern, n_values).await;
    turn.end(listed.as_ref().map(|_| ()));
    listed
        .map(Json)
        .map_err(|error| Problem::of_query(&error, ""))
}

async fn listed(
    state: &ServerState,
    snapshot: &Arc<Snapshot>,
    request: &QueryRequest,
    pattern: Option<String>,
    n_values: Option<usize>,
) -> Result<Vec<Field>, QueryError> {
    let fields = {
        let (snapshot, request) = (Arc::clone(snapshot), request.clone());
        blocking(move || {
            let store = &request.store;
            field_list::listed(&snapshot, store, &request.scope, pattern.as_deref())
        })
        .await?
    };
    let mut listed = Vec::with_capacity(fields.len());
    for field in fields {
        let n_values = n_values.filter(|_| field.has_values);
        let values = match n_values {
            None => None,
            Some(n) => {
                let engine = state.engine();
                let asked =
                    field_list::values(engine, snapshot, request, &field, n, Priority::Attended);
                Some(asked.await?)
            }
        };
        listed.push(Field::of(&field, values));
    }
    Ok(listed)
}
