//! Which members of a record a scan looks into: reading a record costs by what
//! is read of it.

use hashbrown::HashSet;

use super::predicate::{Field, Predicate};
use super::request::{ColumnSource, ScanColumn};
use crate::fields;
use crate::path::{FieldPath, Step};

/// Members of the record, a JSON object, by their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Members {
    All,
    Only(HashSet<String>),
}

impl Members {
    /// What the columns are made of.
    pub fn of_columns(columns: &[ScanColumn]) -> Self {
        let mut members = Self::none();
        for column in columns {
            members.add_column(&column.source);
        }
        members
    }

    /// What the predicate asks about.
    pub fn of_predicate(predicate: &Predicate) -> Self {
        let mut members = Self::none();
        members.add_predicate(predicate);
        members
    }

    fn none() -> Self {
        Self::Only(HashSet::new())
    }

    fn add(&mut self, key: &str) {
        if let Self::Only(keys) = self {
            keys.insert(key.to_owned());
        }
    }

    fn add_column(&mut self, source: &ColumnSource) {
        match source {
            ColumnSource::Text(field)
            | ColumnSource::Boolean(field)
            | ColumnSource::Timestamp(field) => self.add_field(field),
            ColumnSource::Scalar { path, .. } => self.add_path(path),
            ColumnSource::Matches(predicate) => self.add_predicate(predicate),
            ColumnSource::Lake(index) => {
                let schema = fields::lake_schema();
                let name = schema.fields().get(*index).map(|f| f.name().as_str());
                if let Some(key) = name.and_then(fields::spelled) {
                    self.add(key);
                }
            }
        }
    }

    fn add_predicate(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::And(parts) | Predicate::Or(parts) => {
                for part in parts {
                    self.add_predicate(part);
                }
            }
            Predicate::Not(inner) => self.add_predicate(inner),
            Predicate::Field(test) => self.add_field(&test.field),
            Predicate::Text(_) => *self = Self::All,
        }
    }

    fn add_field(&mut self, field: &Field) {
        if let Field::Path { path, .. } = field {
            self.add_path(path);
        }
    }

    fn add_path(&mut self, path: &FieldPath) {
        // The empty path is the record's own text, and a position leads nowhere
        // in an object: neither looks into a member.
        if let Some(Step::Key(key)) = path.steps().first() {
            self.add(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Arrays, FieldPath};
    use crate::scan::predicate::{FieldTest, Matcher, TextTest};

    #[test]
    fn members_are_the_first_steps() {
        let column = |name: &str, source| ScanColumn {
            name: name.into(),
            source,
        };
        let path = |path: &str| Field::path(FieldPath::parse(path), Arrays::Any);
        let user_identity = fields::lake_schema()
            .index_of("useridentity")
            .expect("listed");
        let test = Predicate::Field(FieldTest {
            field: path("d.0.e"),
            matcher: Matcher::Present,
            when_missing: false,
        });
        let members = Members::of_columns(&[
            column("a", ColumnSource::Text(path("a.b"))),
            column("root", ColumnSource::Text(path(""))),
            column("time", ColumnSource::Timestamp(Field::Time)),
            column("lake", ColumnSource::Lake(user_identity)),
            column(
                "test",
                ColumnSource::Matches(Box::new(test.clone().negate())),
            ),
        ]);
        let wanted = ["a", "userIdentity", "d"].map(String::from);
        assert_eq!(members, Members::Only(wanted.into_iter().collect()));
        let text = Predicate::Text(TextTest::Phrase("x".into()));
        assert_eq!(
            Members::of_predicate(&Predicate::Or(vec![test, text])),
            Members::All
        );
    }
}
