//! `GET /openapi.json`: every route described, from the list that routes them.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::description::described;

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "health", operation_id = "openapi", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"),
))]
pub async fn describe() -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (content_type, described().json.as_str()).into_response()
}
