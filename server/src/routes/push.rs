//! `POST /v1/events`: events that are sent a few at a time.

use axum::Json;
use axum::extract::{Request, State};
use tarn_store::import::push::{EXPANDED_BYTES_MAX, PushRequest};

use crate::body;
use crate::error::Problem;
use crate::params::Params;
use crate::spool::check_name;
use crate::state::ServerState;
use crate::wire::{ProblemDetails, PushAnswer};

/// What events are told to come from where a push does not say.
const NAME: &str = "push";
/// No gzip stream unpacks to more than so many times itself.
const EXPANSION_MAX: usize = 1_032;

/// Takes events in any accepted shape, gzip or plain: trail log files, NDJSON, JSON
/// arrays, single events, output of lookup-events, EventBridge envelopes, CloudWatch
/// Logs subscription records, and result CSVs with an eventJson column.
///
/// When it is answered, what is counted as stored is on the disk, and every query of
/// every process sees it. A push that was sent twice is stored once.
#[utoipa::path(post, path = "/v1/events", tag = "events", operation_id = "pushEvents",
    params(
        ("store" = Option<String>, Query, description = "name, UUID or ARN of the event data store", example = "default"),
        ("name" = Option<String>, Query, description = "what `@source` tells of these events", example = "firehose"),
    ),
    request_body(description = "events", content(
        (Value = "application/json", example = json!({"eventVersion": "1.11", "eventTime": "2026-10-21T03:28:44Z", "eventID": "1b0e5e2c-6f1b-4f6e-9b0a-4d8c7c1f2a33", "eventName": "StopLogging", "recipientAccountId": "111122223333"})),
        (String = "application/x-ndjson"),
        (String = "application/gzip"),
        (String = "application/octet-stream"),
        (String = "text/csv"),
    )),
    responses(
        (status = 200, description = "stored", body = PushAnswer),
        (status = "4XX", description = "nothing was taken", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn push(
    State(state): State<ServerState>,
    params: Params,
    request: Request,
) -> Result<Json<PushAnswer>, Problem> {
    let pushed = take(&state, &params, request).await;
    let result = match &pushed {
        Ok(_) => "ok",
        Err(problem) if problem.is_of_server() => "failed",
        Err(_) => "refused",
    };
    state.metrics().ingest.push_ended(result);
    pushed.map(Json)
}

async fn take(
    state: &ServerState,
    params: &Params,
    request: Request,
) -> Result<PushAnswer, Problem> {
    params.only(&["store", "name"])?;
    let settings = state.settings();
    let push = PushRequest {
        store: params
            .one("store")?
            .unwrap_or_else(|| settings.store.clone()),
        name: params.one("name")?.unwrap_or_else(|| NAME.to_owned()),
    };
    check_name(&push.name)?;
    let limits = &settings.limits;
    let body = request.into_body();
    // One of an unknown length may be as long as any; a longer one is not held.
    let declared = axum::body::HttpBody::size_hint(&body).exact();
    let held = declared.and_then(|n| usize::try_from(n).ok());
    let held = held.unwrap_or(limits.push_bytes).min(limits.push_bytes);

    let _turn = state.turns().pushes.take().await?;
    let _bodies = state.turns().bodies.take(held).await;
    let body = body::whole(body, limits.push_bytes, limits).await?;
    let is_gzip = body.starts_with(&[0x1f, 0x8b]);
    let unpacked = match is_gzip {
        true => body.len().saturating_mul(EXPANSION_MAX),
        false => body.len(),
    };
    let unpacked_max = usize::try_from(EXPANDED_BYTES_MAX).unwrap_or(usize::MAX);
    let _unpacked = state
        .turns()
        .unpacked
        .take(unpacked.min(unpacked_max))
        .await;
    let pushed = state.write(move |session| session.push(&push, &body)).await;
    let pushed = pushed.map_err(|error| Problem::of_session(&error))?;
    Ok(pushed.into())
}
