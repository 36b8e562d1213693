//! `accountName`: a field that no event has, told from the account of the event.
//!
//! Both languages take it for a field like any other, down to the scan. There a test of
//! the name becomes a test of the account, which prunes as such a test does, and a column
//! of names is read as a column of accounts. An account whose name is not known has none.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewBuilder,
};
use datafusion::arrow::error::ArrowError;
use tarn_store::accounts::Account;
use tarn_store::groups::{Aggregate, GroupKey, GroupRequest, GroupTable, Grouping};
use tarn_store::path::{Arrays, FieldPath, Step};
use tarn_store::{ColumnSource, Field, FieldTest, Matcher, Predicate, ScanColumn, ScanRequest};

use crate::error::{Code, QueryError};
use crate::source::{EventSource, Partition};
use crate::span::Span;
use crate::syntax::Warning;

/// The field's name; SQL takes it in any case.
pub const ACCOUNT_NAME: &str = "accountName";

/// The column of names that SQL's tables have where a query asks for one.
pub fn column() -> ScanColumn {
    let path = FieldPath::of_keys([ACCOUNT_NAME]);
    ScanColumn {
        name: ACCOUNT_NAME.to_lowercase(),
        source: ColumnSource::Text(Field::path(path, Arrays::Exact)),
    }
}

/// Whether a field is the account's name.
pub fn is_account_name(field: &Field) -> bool {
    match field {
        Field::Path { path, .. } => {
            matches!(path.steps(), [Step::Key(key)] if key == ACCOUNT_NAME)
        }
        _ => false,
    }
}

/// That names are asked for and none are known.
pub fn no_names(span: Span) -> Warning {
    Warning {
        span,
        reason: format!(
            "no account is known by name, so that `{ACCOUNT_NAME}` is missing in all events"
        ),
        hint: Some("load the names: tarn accounts load FILE".to_owned()),
    }
}

/// The doubt of a search that tests names where none are known.
pub fn doubt(predicate: &Predicate, source: &dyn EventSource) -> Option<Warning> {
    let is_vain = are_tested(predicate) && source.accounts().is_empty();
    is_vain.then(|| no_names(Span::default()))
}

/// Whether a scan needs the list of accounts.
pub fn are_asked_for(request: &ScanRequest) -> bool {
    let in_column = |column: &ScanColumn| match &column.source {
        ColumnSource::Text(field) => is_account_name(field),
        ColumnSource::Matches(predicate) => are_tested(predicate),
        _ => false,
    };
    are_tested(&request.predicate) || request.columns.iter().any(in_column)
}

fn are_tested(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(are_tested),
        Predicate::Not(inner) => are_tested(inner),
        Predicate::Field(test) => is_account_name(&test.field),
        Predicate::True | Predicate::False | Predicate::Text(_) => false,
    }
}

/// The names that are known, by account.
#[derive(Debug, Default)]
pub struct AccountNames {
    by_id: HashMap<String, String>,
}

impl AccountNames {
    pub fn new(accounts: Vec<Account>) -> Self {
        let by_id = accounts
            .into_iter()
            .map(|account| (account.id, account.name));
        Self {
            by_id: by_id.collect(),
        }
    }

    /// What the store is asked: the same with accounts in the place of names. The columns
    /// keep their names.
    pub fn asked_of_store(&self, request: &ScanRequest) -> ScanRequest {
        let column = |column: &ScanColumn| ScanColumn {
            name: column.name.clone(),
            source: match &column.source {
                ColumnSource::Text(field) if is_account_name(field) => {
                    ColumnSource::Text(Field::Account)
                }
                ColumnSource::Matches(predicate) => {
                    ColumnSource::Matches(Box::new(self.of_accounts(predicate)))
                }
                other => other.clone(),
            },
        };
        ScanRequest {
            predicate: self.of_accounts(&request.predicate),
            columns: request.columns.iter().map(column).collect(),
            ..request.clone()
        }
    }

    fn of_accounts(&self, predicate: &Predicate) -> Predicate {
        match predicate {
            Predicate::And(parts) => Predicate::and(parts.iter().map(|p| self.of_accounts(p))),
            Predicate::Or(parts) => Predicate::or(parts.iter().map(|p| self.of_accounts(p))),
            Predicate::Not(inner) => self.of_accounts(inner).negate(),
            Predicate::Field(test) if is_account_name(&test.field) => self.accounts_passing(test),
            other => other.clone(),
        }
    }

    /// There are so few names that each is tested here: what is left is which accounts.
    fn accounts_passing(&self, test: &FieldTest) -> Predicate {
        let chosen = |wanted: bool| -> BTreeSet<String> {
            let tested = self.by_id.iter();
            let chosen = tested.filter(|(_, name)| test.matcher.matches(name) == wanted);
            chosen.map(|(id, _)| id.clone()).collect()
        };
        let is_one_of = |accounts: BTreeSet<String>| match accounts.is_empty() {
            true => Predicate::False,
            false => Predicate::Field(FieldTest {
                field: Field::Account,
                matcher: Matcher::OneOf(accounts),
                when_missing: false,
            }),
        };
        match test.when_missing {
            false => is_one_of(chosen(true)),
            true => is_one_of(chosen(false)).negate(),
        }
    }

    /// The names in the place of accounts.
    fn names_of(&self, accounts: &ArrayRef) -> Result<ArrayRef, QueryError> {
        let Some(accounts) = accounts.as_string_view_opt() else {
            return Err(QueryError::new(
                Code::Internal,
                "a column of accounts is no text",
            ));
        };
        let mut names = StringViewBuilder::with_capacity(accounts.len()).with_deduplicate_strings();
        for account in accounts {
            names.append_option(account.and_then(|id| self.by_id.get(id)));
        }
        Ok(Arc::new(names.finish()))
    }
}

/// A part of a scan whose columns of accounts are to be names.
pub struct NamingPartition {
    partition: Box<dyn Partition>,
    names: Arc<AccountNames>,
    /// The places of columns of names.
    places: Arc<[usize]>,
}

impl NamingPartition {
    /// The parts of a scan as `request` asked for them.
    pub fn all(
        partitions: Vec<Box<dyn Partition>>,
        request: &ScanRequest,
        names: &Arc<AccountNames>,
    ) -> Vec<Box<dyn Partition>> {
        let is_name = |(_, column): &(usize, &ScanColumn)| matches!(&column.source, ColumnSource::Text(field) if is_account_name(field));
        let columns = request.columns.iter().enumerate();
        let places: Arc<[usize]> = columns.filter(is_name).map(|(place, _)| place).collect();
        if places.is_empty() {
            return partitions;
        }
        let naming = |partition| {
            Box::new(Self {
                partition,
                names: Arc::clone(names),
                places: Arc::clone(&places),
            }) as Box<dyn Partition>
        };
        partitions.into_iter().map(naming).collect()
    }

    fn named(&self, batch: &RecordBatch) -> Result<RecordBatch, QueryError> {
        let mut columns = batch.columns().to_vec();
        for place in self.places.iter() {
            if let Some(column) = columns.get_mut(*place) {
                *column = self.names.names_of(column)?;
            }
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(batch.schema(), columns, &rows).map_err(internal)
    }
}

fn internal(error: ArrowError) -> QueryError {
    QueryError::new(Code::Internal, "names do not fit their accounts").caused_by(error)
}

impl Partition for NamingPartition {
    fn run(&self, emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>) -> Result<(), QueryError> {
        let mut failed = None;
        self.partition.run(&mut |batch| match self.named(&batch) {
            Ok(batch) => emit(batch),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Accounts of one name are one group, which the store does not know.
    fn grouping(&self, wanted: GroupRequest) -> Option<Grouping> {
        let is_name = |place: &usize| self.places.contains(place);
        let by_name = wanted
            .keys
            .iter()
            .any(|key| matches!(key, GroupKey::Value(place) if is_name(place)));
        let of_names = wanted.aggregates.iter().any(|aggregate| {
            matches!(aggregate, Aggregate::Values(place) | Aggregate::Distinct(place) if is_name(place))
        });
        match by_name || of_names {
            true => None,
            false => self.partition.grouping(wanted),
        }
    }

    fn group(
        &self,
        grouping: &Grouping,
        reserve: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<GroupTable>, QueryError> {
        self.partition.group(grouping, reserve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> AccountNames {
        let account = |id: &str, name: &str| Account {
            id: id.to_owned(),
            name: name.to_owned(),
            ou: None,
            email: None,
            status: None,
        };
        AccountNames::new(vec![
            account("1", "shop-prod"),
            account("2", "shop-dev"),
            account("3", "shop-dev"),
        ])
    }

    fn test(matcher: Matcher, when_missing: bool) -> Predicate {
        let ColumnSource::Text(field) = column().source else {
            panic!("a text");
        };
        Predicate::Field(FieldTest {
            field,
            matcher,
            when_missing,
        })
    }

    #[test]
    fn tests_of_names_are_tests_of_accounts() {
        let equals = |name: &str| Matcher::Equals(name.to_owned());
        for (predicate, expected) in [
            (test(equals("shop-dev"), false), r#"@account in {"2", "3"}"#),
            (test(equals("shop-dev"), true), r#"not @account in {"1"}"#),
            (test(equals("nobody"), false), "nothing"),
            (test(Matcher::Present, true), "everything"),
            (
                test(Matcher::Present, false).negate(),
                r#"not @account in {"1", "2", "3"}"#,
            ),
            (
                Predicate::And(vec![
                    Predicate::Not(Box::new(test(equals("nobody"), false))),
                    test(Matcher::EndsWith("prod".to_owned()), false),
                ]),
                r#"@account in {"1"}"#,
            ),
        ] {
            assert!(are_tested(&predicate), "{predicate}");
            assert_eq!(names().of_accounts(&predicate).to_string(), expected);
        }
        let other = Predicate::Field(FieldTest {
            field: Field::path(FieldPath::parse("a.accountName"), Arrays::Any),
            matcher: Matcher::Present,
            when_missing: false,
        });
        assert!(!are_tested(&other));
        assert_eq!(names().of_accounts(&other), other);
    }
}
