//! Accounts, as they are put and listed.

use serde::{Deserialize, Serialize};
use tarn_query::accounts;
use tarn_query::time::iso;
use utoipa::ToSchema;

/// What is known of an AWS account beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "id": "111122223333",
    "name": "shop-prod",
    "ou": "Root/Prod",
    "email": "aws+shop-prod@example.com",
    "status": "ACTIVE",
}))]
pub struct Account {
    #[schema(pattern = "^[0-9]{12}$")]
    pub id: String,
    #[schema(min_length = 1)]
    pub name: String,
    /// The organizational unit, as names from the root down.
    #[serde(default)]
    pub ou: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    /// As Organizations says it: `ACTIVE`, `SUSPENDED`, …
    #[serde(default)]
    pub status: Option<String>,
}

/// An account that is known, has events, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedAccount {
    /// Null for the events that belong to no account.
    pub id: Option<String>,
    /// Null where the account is not in the list.
    pub name: Option<String>,
    /// The organizational unit, as names from the root down.
    pub ou: Option<String>,
    pub email: Option<String>,
    pub status: Option<String>,
    /// Its events in the store.
    pub events: u64,
    /// The time of the first of them.
    pub first: Option<String>,
    /// The time of the last of them.
    pub last: Option<String>,
}

/// How many accounts are known now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountCount {
    pub accounts: u64,
}

impl From<Account> for tarn_store::accounts::Account {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            name: account.name,
            ou: account.ou,
            email: account.email,
            status: account.status,
        }
    }
}

impl From<tarn_store::accounts::Account> for Account {
    fn from(account: tarn_store::accounts::Account) -> Self {
        Self {
            id: account.id,
            name: account.name,
            ou: account.ou,
            email: account.email,
            status: account.status,
        }
    }
}

impl ListedAccount {
    pub fn of(listed: accounts::ListedAccount) -> Self {
        let known = listed.known;
        let (name, ou, email, status) = match known {
            Some(known) => (Some(known.name), known.ou, known.email, known.status),
            None => (None, None, None, None),
        };
        Self {
            id: listed.id,
            name,
            ou,
            email,
            status,
            events: listed.events,
            first: listed.first_ms.map(iso),
            last: listed.last_ms.map(iso),
        }
    }
}
