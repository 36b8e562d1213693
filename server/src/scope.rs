//! Whose events a request asks for.

use tarn_query::accounts;
use tarn_store::AccountScope;

use crate::error::Problem;
use crate::state::{ServerState, blocking};

/// The accounts that a request names, each by its id, its name or an organizational unit;
/// all where it names none.
pub async fn of_accounts(
    state: &ServerState,
    references: Vec<String>,
) -> Result<AccountScope, Problem> {
    if references.is_empty() {
        return Ok(AccountScope::All);
    }
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let scope = blocking(move || accounts::scope(&snapshot, &references)).await;
    scope.map_err(|error| Problem::of_query(&error, ""))
}
