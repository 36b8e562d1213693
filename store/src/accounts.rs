//! What is known of AWS accounts beside their events: names, and where in the
//! organization they are.
//!
//! The list is replaced as a whole: it is one export of an organization, and an
//! account that left it is not to stay.

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::kv::columns::Column;
use crate::kv::db::{Changes, KvError};
use crate::kv::keys::push_text;
use crate::snapshot::Snapshot;
use crate::writer::Core;

/// An AWS account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// As events spell it: 12 digits.
    pub id: String,
    pub name: String,
    /// The organizational unit, as names from the root down: `Root/Prod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ou: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// As Organizations says it: `ACTIVE`, `SUSPENDED`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Why the accounts are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    #[error("the account {name:?} has no id")]
    NoId { name: String },
    #[error("the account {id} is in the list twice")]
    Twice { id: String },
    #[error(transparent)]
    Kv(#[from] KvError),
}

impl Snapshot {
    /// The accounts that are known, in the order of their ids.
    ///
    /// **Cost**: reads the list.
    pub fn accounts(&self) -> Result<Vec<Account>, KvError> {
        let accounts = self.db().entries::<Account>(Column::Accounts)?;
        Ok(accounts.into_iter().map(|(_, account)| account).collect())
    }
}

/// Puts the accounts in the place of those that were known, in one write.
pub(crate) fn replace(core: &Core, accounts: &[Account]) -> Result<(), AccountsError> {
    let mut ids = HashSet::new();
    for Account { id, name, .. } in accounts {
        if id.trim().is_empty() {
            return Err(AccountsError::NoId { name: name.clone() });
        }
        if !ids.insert(id) {
            return Err(AccountsError::Twice { id: id.clone() });
        }
    }
    let _one_at_a_time = core.publishing.lock();
    let mut changes = Changes::default();
    for pair in core.db.range(Column::Accounts, &[], None) {
        let (key, _) = pair?;
        changes.delete(Column::Accounts, key);
    }
    // Deletes go first, so what is in both lists stays.
    for account in accounts {
        let mut key = Vec::new();
        push_text(&mut key, &account.id);
        changes.put_entry(Column::Accounts, key, account);
    }
    core.write(changes)?;
    core.step("accounts saved");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::Scene;
    use crate::owner::Session;
    use crate::reader::Reader;

    fn account(id: &str, name: &str) -> Account {
        Account {
            id: id.to_owned(),
            name: name.to_owned(),
            ou: Some("Root/Prod".to_owned()),
            email: None,
            status: None,
        }
    }

    #[test]
    fn a_list_takes_the_place_of_another() {
        let scene = Scene::new();
        let options = crate::check::tests::options();
        let session = Session::open(&scene.data(), &options).expect("opened");
        let reader = Reader::open(&scene.data()).expect("opened");
        let known = || {
            let accounts = reader.snapshot().expect("read").accounts();
            let names = accounts.expect("read").into_iter().map(|a| a.name);
            names.collect::<Vec<_>>()
        };
        assert!(known().is_empty());
        let first = vec![account("222222222222", "b"), account("111111111111", "a")];
        session.put_accounts(first).expect("saved");
        assert_eq!(known(), ["a", "b"]);
        let second = vec![account("222222222222", "b2"), account("333333333333", "c")];
        session.put_accounts(second).expect("saved");
        assert_eq!(known(), ["b2", "c"]);

        let twice = vec![account("1", "a"), account("1", "b")];
        let refused = session.put_accounts(twice).expect_err("one id");
        assert!(refused.is_usage(), "{refused}");
        let refused = session.put_accounts(vec![account(" ", "a")]);
        assert!(refused.expect_err("no id").is_usage());
        assert_eq!(known(), ["b2", "c"]);
        let guest = Session::open(&scene.data(), &options).expect("opened");
        assert!(guest.is_guest());
        guest.put_accounts(vec![account("1", "g")]).expect("saved");
        assert_eq!(known(), ["g"]);
        session.put_accounts(Vec::new()).expect("saved");
        assert!(known().is_empty());
    }
}
