//! What is known of AWS accounts beside their events: names, and where in the
//! organization they are.
//!
//! The list is replaced as a whole: it is one export of an organization, and an
//! account that left it is not to stay.

mod file;

use std::collections::BTreeSet;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

pub use file::{FILE_BYTES_MAX, FileError, Place, WrongRow, read};

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

impl Account {
    /// What keeps it out of a list; none where it is well.
    pub fn fault(&self) -> Option<AccountFault> {
        let id = self.id.as_str();
        let is_id = id.len() == ID_DIGITS && id.bytes().all(|b| b.is_ascii_digit());
        let has_empty_part = |ou: &String| {
            ou.split(OU_SEPARATOR)
                .any(|part| part.trim() != part || part.is_empty())
        };
        if id.is_empty() {
            return Some(AccountFault::NoId);
        }
        if !is_id {
            return Some(AccountFault::BadId { id: id.to_owned() });
        }
        if self.name.trim().is_empty() {
            return Some(AccountFault::NoName { id: id.to_owned() });
        }
        self.ou
            .clone()
            .filter(has_empty_part)
            .map(|ou| AccountFault::BadOu { ou })
    }
}

/// What is between the names of an organizational unit and of those that it is in.
pub const OU_SEPARATOR: char = '/';

const ID_DIGITS: usize = 12;

/// What is wrong with an account of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountFault {
    #[error("there is no id")]
    NoId,
    #[error(
        "{id:?} is no id of an account: it has {ID_DIGITS} digits, those at its front that are 0 among them"
    )]
    BadId { id: String },
    #[error("the account {id} has no name")]
    NoName { id: String },
    #[error("{ou:?} is no organizational unit: write its path like Root/Prod, no part of it empty")]
    BadOu { ou: String },
    #[error("the account {id} is in the list twice")]
    Twice { id: String },
}

/// Why the accounts are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// `place` is counted from 1.
    #[error("account {place} of the list: {fault}")]
    Wrong { place: usize, fault: AccountFault },
    #[error(transparent)]
    Kv(#[from] KvError),
}

/// The first account of a list that cannot be in it, by its place from 0.
fn first_fault<'a>(
    accounts: impl IntoIterator<Item = &'a Account>,
) -> Option<(usize, AccountFault)> {
    let mut ids = HashSet::new();
    let fault = |account: &'a Account| {
        let id = account.id.as_str();
        let twice = (!ids.insert(id)).then(|| AccountFault::Twice { id: id.to_owned() });
        account.fault().or(twice)
    };
    let mut faults = accounts.into_iter().map(fault).enumerate();
    faults.find_map(|(place, fault)| fault.map(|fault| (place, fault)))
}

impl Snapshot {
    /// The accounts that are known, in the order of their ids.
    ///
    /// **Cost**: reads the list.
    pub fn accounts(&self) -> Result<Vec<Account>, KvError> {
        let accounts = self.db().entries::<Account>(Column::Accounts)?;
        Ok(accounts.into_iter().map(|(_, account)| account).collect())
    }

    /// The accounts that events of any store belong to, as far as the catalogue tells:
    /// without those of batches that no split holds.
    pub fn accounts_of_events(&self) -> BTreeSet<&str> {
        let in_splits = self
            .splits()
            .iter()
            .flat_map(|split| split.entry.accounts.keys());
        let pushed = self.pushed().map(|pushed| pushed.event.account.as_str());
        in_splits.map(String::as_str).chain(pushed).collect()
    }
}

/// Puts the accounts in the place of those that were known, in one write.
pub(crate) fn replace(core: &Core, accounts: &[Account]) -> Result<(), AccountsError> {
    if let Some((place, fault)) = first_fault(accounts) {
        let place = place + 1;
        return Err(AccountsError::Wrong { place, fault });
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

        let well = || account("111111111111", "a");
        let badly_placed = Account {
            ou: Some("Root//Prod".to_owned()),
            ..well()
        };
        for (wrong, why) in [
            (
                well(),
                "account 2 of the list: the account 111111111111 is in the list twice",
            ),
            (account("", "b"), "account 2 of the list: there is no id"),
            (account("12345678901", "b"), "\"12345678901\" is no id"),
            (account("２２２２２２２２２２２２", "b"), "is no id"),
            (
                account("222222222222", " "),
                "the account 222222222222 has no name",
            ),
            (badly_placed, "\"Root//Prod\" is no organizational unit"),
        ] {
            let refused = session.put_accounts(vec![well(), wrong]).expect_err(why);
            assert!(refused.is_usage(), "{refused}");
            assert!(refused.to_string().contains(why), "{refused}");
        }
        assert_eq!(known(), ["b2", "c"]);
        let guest = Session::open(&scene.data(), &options).expect("opened");
        assert!(guest.is_guest());
        guest
            .put_accounts(vec![account("444444444444", "g")])
            .expect("saved");
        assert_eq!(known(), ["g"]);
        session.put_accounts(Vec::new()).expect("saved");
        assert!(known().is_empty());
    }
}
