//! `/v1/accounts`: names and organizational units of accounts.

use axum::Json;
use axum::extract::State;
use tarn_query::{Priority, QueryRequest, accounts};

use crate::answer;
use crate::body::JsonBody;
use crate::error::Problem;
use crate::params::Params;
use crate::scope;
use crate::state::ServerState;
use crate::wire::{Account, AccountCount, ListedAccount, ProblemDetails};

/// Every account that is known, and every other one that has events in the store.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", operation_id = "listAccounts",
    params(("store" = Option<String>, Query, description = "the event data store whose events are counted: name, UUID or ARN", example = "default")),
    responses(
    (status = 200, description = "the accounts by id; the events that belong to none come last", body = Vec<ListedAccount>),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 408, description = "counting took too long, or waited too long for its turn", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<Vec<ListedAccount>>, Problem> {
    params.only(&["store"])?;
    let settings = state.settings();
    let (store, snapshot) = scope::of_store(&state, params.one("store")?).await?;
    let request = QueryRequest {
        timeout: Some(settings.timeout_max),
        ..accounts::events_by_account(&store, (settings.clock)())
    };
    let turn = answer::turn(&state, &request).await?;
    let listed = accounts::listed(state.engine(), &snapshot, &request, Priority::Attended).await;
    turn.end(listed.as_ref().map(|_| ()));
    let listed = listed.map_err(|error| Problem::of_query(&error, &request.text))?;
    Ok(Json(listed.into_iter().map(ListedAccount::of).collect()))
}

/// Puts a list of accounts in the place of the one before.
#[utoipa::path(put, path = "/v1/accounts", tag = "accounts", operation_id = "putAccounts",
    request_body = Vec<Account>, responses(
    (status = 200, description = "they are known", body = AccountCount),
    (status = 413, description = "the list is too long", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "an account of the list cannot be so; the list before stays", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn put(
    State(state): State<ServerState>,
    params: Params,
    JsonBody(accounts): JsonBody<Vec<Account>>,
) -> Result<Json<AccountCount>, Problem> {
    params.only(&[])?;
    let n_accounts = accounts.len() as u64;
    let accounts = accounts.into_iter().map(Into::into).collect();
    let put = state.write(move |session| session.put_accounts(accounts));
    put.await.map_err(|error| Problem::of_session(&error))?;
    Ok(Json(AccountCount {
        accounts: n_accounts,
    }))
}
