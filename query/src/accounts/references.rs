//! From what people call accounts to the accounts whose events they ask for.
//!
//! An id needs no list of accounts: what is all digits is one, and so is whatever stands
//! as an account in the catalogue. A name means one account, a unit all accounts that are
//! in it or below it. Case does not count. What can be read in two ways is refused and
//! not guessed at: whoever asks about some accounts is to know which.

use std::collections::BTreeSet;

use tarn_store::accounts::{Account, OU_SEPARATOR};
use tarn_store::{AccountScope, Snapshot};

use crate::error::{Code, QueryError};
use crate::suggest;

/// Before the path of an organizational unit, where it is to be nothing else.
const OU_PREFIX: &str = "ou:";

/// So many are named in a hint.
const SHOWN_MAX: usize = 5;

/// The accounts that references mean, each an id, a name, or an organizational unit
/// (`Root/Prod`, `ou:Prod`, or what its path ends with); all accounts where there is no
/// reference. The empty one means events without an account.
///
/// **Errors**: a reference means nothing that is known, or more than one thing.
/// **Cost**: reads the list of accounts, unless all are ids.
pub fn scope(snapshot: &Snapshot, references: &[String]) -> Result<AccountScope, QueryError> {
    if references.is_empty() {
        return Ok(AccountScope::All);
    }
    let is_plain_id = |reference: &String| reference.bytes().all(|b| b.is_ascii_digit());
    if references.iter().all(is_plain_id) {
        return Ok(AccountScope::Only(references.iter().cloned().collect()));
    }
    let known = snapshot.accounts().map_err(|error| {
        QueryError::new(Code::Scan, "the list of accounts cannot be read").caused_by(error)
    })?;
    let with_events = snapshot.accounts_of_events();
    let mut meant = BTreeSet::new();
    for reference in references {
        match is_plain_id(reference) || with_events.contains(reference.as_str()) {
            true => {
                meant.insert(reference.clone());
            }
            false => meant.extend(named(&known, reference)?),
        }
    }
    Ok(AccountScope::Only(meant))
}

/// The accounts that a name or a unit means: one at least.
fn named(known: &[Account], reference: &str) -> Result<Vec<String>, QueryError> {
    let asked = reference.trim();
    let unit_only = asked
        .get(..OU_PREFIX.len())
        .filter(|prefix| prefix.eq_ignore_ascii_case(OU_PREFIX))
        .and_then(|_| asked.get(OU_PREFIX.len()..));
    let of_name: Vec<&Account> = match unit_only {
        Some(_) => Vec::new(),
        None => {
            let is_named = |account: &&Account| same(&account.name, asked);
            known.iter().filter(is_named).collect()
        }
    };
    let units = units_meant(known, unit_only.unwrap_or(asked));
    match (of_name.as_slice(), units.as_slice()) {
        ([account], []) => Ok(vec![account.id.clone()]),
        ([], [unit]) => {
            let members = known.iter().filter(|account| is_in(account, unit));
            Ok(members.map(|account| account.id.clone()).collect())
        }
        ([], []) => Err(unknown(known, reference)),
        (accounts, units) => Err(ambiguous(reference, accounts, units)),
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// The paths of the units that an account is in, the nearest last.
fn units_of(account: &Account) -> impl Iterator<Item = &str> {
    let path = account.ou.as_deref().unwrap_or_default();
    let ends = path.match_indices(OU_SEPARATOR).map(|(at, _)| at);
    let above = ends.filter_map(move |end| path.get(..end));
    above.chain((!path.is_empty()).then_some(path))
}

fn is_in(account: &Account, unit: &str) -> bool {
    units_of(account).any(|path| same(path, unit))
}

/// The paths of all units, each once whatever its case.
fn units(known: &[Account]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let paths = known.iter().flat_map(units_of);
    paths
        .filter(|path| seen.insert(path.to_lowercase()))
        .collect()
}

/// The unit of the path; else those whose paths end with it.
fn units_meant<'k>(known: &'k [Account], reference: &str) -> Vec<&'k str> {
    let path = reference.trim_matches(OU_SEPARATOR).to_lowercase();
    if path.is_empty() {
        return Vec::new();
    }
    let units = units(known);
    if let Some(unit) = units.iter().find(|unit| unit.to_lowercase() == path) {
        return vec![*unit];
    }
    let end = format!("{OU_SEPARATOR}{path}");
    let ends_so = |unit: &&str| unit.to_lowercase().ends_with(&end);
    units.into_iter().filter(ends_so).collect()
}

fn ambiguous(reference: &str, accounts: &[&Account], units: &[&str]) -> QueryError {
    let by_id = accounts
        .iter()
        .map(|account| format!("{} (account {:?})", account.id, account.name));
    let by_path = units.iter().map(|unit| format!("{OU_PREFIX}{unit}"));
    let all: Vec<String> = by_id.chain(by_path).collect();
    let shown = all.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>();
    let more = match all.len() > SHOWN_MAX {
        true => ", …",
        false => "",
    };
    let message = format!("`{reference}` means {} things", all.len());
    QueryError::new(Code::AmbiguousAccount, message)
        .hint(format!("say which: {}{more}", shown.join(", ")))
}

fn unknown(known: &[Account], reference: &str) -> QueryError {
    let message = format!("there is no account or organizational unit `{reference}`");
    let error = QueryError::new(Code::UnknownAccount, message);
    if known.is_empty() {
        return error.hint(
            "names are known once they are loaded: tarn accounts load FILE; \
             an account's id is known without",
        );
    }
    let asked = reference.trim();
    let is_prefixed = |typed: &&str| {
        typed
            .get(..OU_PREFIX.len())
            .is_some_and(|p| same(p, OU_PREFIX))
    };
    let asked = match is_prefixed(&asked) {
        true => asked.get(OU_PREFIX.len()..).unwrap_or_default(),
        false => asked,
    };
    let units = units(known);
    let last_parts = units
        .iter()
        .filter_map(|unit| unit.rsplit(OU_SEPARATOR).next());
    let names = known.iter().map(|account| account.name.as_str());
    let all = names.chain(units.iter().copied()).chain(last_parts);
    let hint = suggest::did_you_mean(asked, all.clone())
        .or_else(|| suggest::holding(asked, all))
        .unwrap_or_else(|| "tarn accounts list shows them".to_owned());
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, name: &str, ou: &str) -> Account {
        Account {
            id: id.to_owned(),
            name: name.to_owned(),
            ou: Some(ou.to_owned()).filter(|ou| !ou.is_empty()),
            email: None,
            status: None,
        }
    }

    fn organization() -> Vec<Account> {
        vec![
            account("1", "Master", ""),
            account("2", "shop-prod", "Root/Prod"),
            account("3", "pay-prod", "Root/Prod/Pay"),
            account("4", "shop-dev", "Root/Dev"),
            account("5", "pay-dev", "Root/Dev/Pay"),
            account("6", "Sécurité", "root/Security"),
            account("7", "security", "root/Security"),
            account("8", "twin", "Root/Production"),
            account("9", "Twin", "Root/Production"),
        ]
    }

    fn means(reference: &str) -> String {
        match named(&organization(), reference) {
            Ok(ids) => ids.join(" "),
            Err(error) => format!(
                "{}: {}",
                error.code.as_str(),
                error.hint.unwrap_or_default()
            ),
        }
    }

    #[test]
    fn names_and_units() {
        for (reference, expected) in [
            ("shop-prod", "2"),
            ("SHOP-Prod", "2"),
            (" sécurité ", "6"),
            ("SÉCURITÉ", "6"),
            ("Root/Prod", "2 3"),
            ("/root/prod/", "2 3"),
            ("ou:Prod", "2 3"),
            ("OU:prod", "2 3"),
            ("prod", "2 3"),
            ("Prod/Pay", "3"),
            ("ou:Root", "2 3 4 5 6 7 8 9"),
            ("ou:security", "6 7"),
            ("Root/Dev/Pay", "5"),
        ] {
            assert_eq!(means(reference), expected, "{reference}");
        }
    }

    #[test]
    fn what_means_two_things_or_none_is_refused() {
        for (reference, expected) in [
            (
                "Pay",
                "ambiguous_account: say which: ou:Root/Prod/Pay, ou:Root/Dev/Pay",
            ),
            (
                "security",
                "ambiguous_account: say which: 7 (account \"security\"), ou:root/Security",
            ),
            (
                "twin",
                "ambiguous_account: say which: 8 (account \"twin\"), 9 (account \"Twin\")",
            ),
            ("shop-prd", "unknown_account: did you mean `shop-prod`?"),
            ("ou:Prd", "unknown_account: did you mean `Prod`?"),
            ("Root/Prd", "unknown_account: did you mean `Root/Prod`?"),
            ("shop", "unknown_account: there are: shop-prod, shop-dev"),
            ("rod", "unknown_account: did you mean `Prod`?"),
            ("zzzzzzzz", "unknown_account: tarn accounts list shows them"),
            ("ou:", "unknown_account: tarn accounts list shows them"),
            ("/", "unknown_account: tarn accounts list shows them"),
            (" ", "unknown_account: tarn accounts list shows them"),
        ] {
            assert_eq!(means(reference), expected, "{reference:?}");
        }
        let nothing_loaded = named(&[], "prod").expect_err("no list");
        assert!(
            nothing_loaded
                .hint
                .is_some_and(|hint| hint.contains("accounts load"))
        );
    }

    /// A unit is no unit whose name begins with its own.
    #[test]
    fn units_end_where_their_names_end() {
        assert_eq!(means("Root/Production"), "8 9");
        assert!(!means("Root/Prod").contains('8'));
    }
}
