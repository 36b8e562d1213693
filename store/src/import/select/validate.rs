//! What may be written in an event data store's selectors.
//!
//! One table says which fields each category has, and with which operators and
//! values. **Source**: the user guide's pages on filtering data events and on
//! network activity events; AdvancedFieldSelector in the API reference; quotas.

use std::collections::HashSet;

use super::{AdvancedEventSelector, FieldSelector, Operator};

/// Selectors of one store.
const SELECTORS_MAX: usize = 5;
/// Values of all its conditions.
const VALUES_MAX: usize = 500;
const NAME_CHARS_MAX: usize = 1000;
const VALUE_CHARS_MAX: usize = 2048;

/// Why selectors are refused. Selectors and their conditions are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    #[error("{found} selectors: an event data store has at most {SELECTORS_MAX}")]
    TooManySelectors { found: usize },
    #[error("{found} values in all selectors together: at most {VALUES_MAX} are allowed")]
    TooManyValues { found: usize },
    #[error(
        "{selector}: its category {found} is of another kind than {first} of the first selector; \
         an event data store holds CloudTrail events (Management, Data, NetworkActivity) or one \
         other category"
    )]
    MixedCategories {
        selector: String,
        found: String,
        first: String,
    },
    #[error("{selector}: {problem}")]
    Selector { selector: String, problem: String },
    #[error("{selector}, field {field}: {problem}")]
    Field {
        selector: String,
        field: String,
        problem: String,
    },
}

/// What a field may be tested by.
#[derive(Debug, Clone, Copy)]
enum Test {
    /// Every operator, any values.
    Any,
    /// `Equals` and one value of the list; any value where the list is empty.
    EqualsOne(&'static [&'static str]),
    /// `Equals` or `NotEquals` and one value of the list.
    IsOrIsNot(&'static [&'static str]),
}

/// A field that a selector of a category may name.
struct Field {
    name: &'static str,
    test: Test,
    is_required: bool,
}

const fn may(name: &'static str, test: Test) -> Field {
    Field {
        name,
        test,
        is_required: false,
    }
}

const fn must(name: &'static str, test: Test) -> Field {
    Field {
        name,
        test,
        is_required: true,
    }
}

const READ_ONLY: Field = may("readOnly", Test::EqualsOne(&["true", "false"]));
const FROM_CONSOLE: Field = may("sessionCredentialFromConsole", Test::IsOrIsNot(&["true"]));

const MANAGEMENT: &[Field] = &[
    may("eventName", Test::Any),
    may("eventSource", Test::Any),
    may("eventType", Test::Any),
    READ_ONLY,
    FROM_CONSOLE,
    may("userIdentity.arn", Test::Any),
];

const DATA: &[Field] = &[
    must("resources.type", Test::EqualsOne(&[])),
    may("resources.ARN", Test::Any),
    may("eventName", Test::Any),
    may("eventSource", Test::Any),
    may("eventType", Test::Any),
    READ_ONLY,
    FROM_CONSOLE,
    may("userIdentity.arn", Test::Any),
];

const NETWORK_ACTIVITY: &[Field] = &[
    must("eventSource", Test::EqualsOne(&[])),
    may("eventName", Test::Any),
    may("errorCode", Test::EqualsOne(&["VpceAccessDenied"])),
    may("vpcEndpointId", Test::Any),
];

/// The categories, which of them one store can hold together, and their fields
/// besides `eventCategory`.
const CATEGORIES: &[(&str, Family, &[Field])] = &[
    ("Management", Family::CloudTrail, MANAGEMENT),
    ("Data", Family::CloudTrail, DATA),
    ("NetworkActivity", Family::CloudTrail, NETWORK_ACTIVITY),
    ("Insight", Family::Insight, &[]),
    ("ConfigurationItem", Family::Configuration, &[]),
    ("Evidence", Family::Evidence, &[]),
    ("ActivityAuditLog", Family::Activity, &[]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    CloudTrail,
    Insight,
    Configuration,
    Evidence,
    Activity,
}

/// Checks the selectors of one store against CloudTrail's rules. No selectors
/// are good: the store takes everything.
///
/// **Errors**: the first rule broken, with the selector, the field and what is
/// allowed.
pub fn validate(selectors: &[AdvancedEventSelector]) -> Result<(), SelectorError> {
    if selectors.len() > SELECTORS_MAX {
        return Err(SelectorError::TooManySelectors {
            found: selectors.len(),
        });
    }
    let conditions = selectors.iter().flat_map(|s| &s.field_selectors);
    let n_values: usize = conditions
        .flat_map(|c| Operator::ALL.map(|op| c.operands(op).len()))
        .sum();
    if n_values > VALUES_MAX {
        return Err(SelectorError::TooManyValues { found: n_values });
    }
    let mut first: Option<(&str, Family)> = None;
    for (i, selector) in selectors.iter().enumerate() {
        let checked = Checked {
            selector,
            label: match selector.name.as_str() {
                "" => format!("selector {}", i + 1),
                name => format!("selector {} ({name:?})", i + 1),
            },
        };
        let (category, family) = checked.check()?;
        let (first_category, first_family) = *first.get_or_insert((category, family));
        if family != first_family {
            return Err(SelectorError::MixedCategories {
                selector: checked.label,
                found: category.to_owned(),
                first: first_category.to_owned(),
            });
        }
    }
    Ok(())
}

/// A selector and what to call it in errors.
struct Checked<'s> {
    selector: &'s AdvancedEventSelector,
    label: String,
}

impl Checked<'_> {
    /// Checks one selector and says what it selects.
    fn check(&self) -> Result<(&'static str, Family), SelectorError> {
        if self.selector.name.chars().count() > NAME_CHARS_MAX {
            return Err(self.wrong(format!(
                "its name has more than {NAME_CHARS_MAX} characters"
            )));
        }
        if self.selector.field_selectors.is_empty() {
            return Err(self.wrong("it has no field selectors".to_owned()));
        }
        for condition in &self.selector.field_selectors {
            self.check_values(condition)?;
        }
        let (category, family, fields) = self.category()?;
        for condition in &self.selector.field_selectors {
            if condition.field == "eventCategory" {
                continue;
            }
            match fields.iter().find(|f| f.name == condition.field) {
                Some(field) => self.check_test(condition, field.test)?,
                None => return Err(self.unknown_field(condition, category, fields)),
            }
        }
        for field in fields {
            // Of two conditions with one value each, an event meets one at most.
            let is_single = matches!(field.test, Test::EqualsOne(_));
            match self.conditions_on(field.name).count() {
                0 if field.is_required => {
                    let name = field.name;
                    return Err(self.wrong(format!(
                        "a selector of {category} events needs the field {name} with Equals"
                    )));
                }
                2.. if is_single => {
                    return Err(self.wrong_field(field.name, "it can be given once".to_owned()));
                }
                _ => {}
            }
        }
        Ok((category, family))
    }

    fn conditions_on<'f>(&'f self, field: &'f str) -> impl Iterator<Item = &'f FieldSelector> {
        let all = self.selector.field_selectors.iter();
        all.filter(move |c| c.field == field)
    }

    /// The rules for the values of any field.
    fn check_values(&self, condition: &FieldSelector) -> Result<(), SelectorError> {
        let field = &condition.field;
        let mut has_values = false;
        for operator in Operator::ALL {
            let mut seen = HashSet::new();
            for value in condition.operands(operator) {
                has_values = true;
                let name = operator.name();
                if value.is_empty() || value.chars().count() > VALUE_CHARS_MAX {
                    return Err(self.wrong_field(
                        field,
                        format!("a value of {name} has 1 to {VALUE_CHARS_MAX} characters"),
                    ));
                }
                if !seen.insert(value) {
                    let problem = format!("{name} has the value {value:?} twice");
                    return Err(self.wrong_field(field, problem));
                }
            }
        }
        match has_values {
            true => Ok(()),
            false => {
                let names = Operator::ALL.map(Operator::name).join(", ");
                let problem = format!("it has no operator with values; there are {names}");
                Err(self.wrong_field(field, problem))
            }
        }
    }

    /// The row of the table that the selector's `eventCategory` names.
    fn category(&self) -> Result<(&'static str, Family, &'static [Field]), SelectorError> {
        let names: Vec<_> = CATEGORIES.iter().map(|(name, _, _)| *name).collect();
        let allowed = format!("Equals with one of {}", names.join(", "));
        let mut conditions = self.conditions_on("eventCategory");
        let Some(condition) = conditions.next() else {
            return Err(self.wrong(format!("it needs the field eventCategory, {allowed}")));
        };
        if conditions.next().is_some() {
            return Err(self.wrong_field("eventCategory", "it can be given once".to_owned()));
        }
        let value = match condition.equals.as_slice() {
            [value] if uses_only(condition, &[Operator::Equals]) => value,
            _ => return Err(self.wrong_field("eventCategory", format!("it takes {allowed}"))),
        };
        match CATEGORIES.iter().find(|(name, _, _)| name == value) {
            Some(row) => Ok(*row),
            None => {
                let problem = format!("{value:?} is no category; it takes {allowed}");
                Err(self.wrong_field("eventCategory", problem))
            }
        }
    }

    /// The rules for the operators and values of one field.
    fn check_test(&self, condition: &FieldSelector, test: Test) -> Result<(), SelectorError> {
        let (operators, values): (&[Operator], &[&str]) = match test {
            Test::Any => return Ok(()),
            Test::EqualsOne(values) => (&[Operator::Equals], values),
            Test::IsOrIsNot(values) => (&[Operator::Equals, Operator::NotEquals], values),
        };
        let names = operators.iter().map(|op| op.name()).collect::<Vec<_>>();
        let values_allowed = match values {
            [] => "one value".to_owned(),
            values => values.join(" or "),
        };
        let allowed = format!("it takes {} with {values_allowed}", names.join(" or "));
        let wrong = |problem: String| self.wrong_field(&condition.field, problem);
        if let Some(other) = Operator::ALL
            .into_iter()
            .find(|op| !operators.contains(op) && !condition.operands(*op).is_empty())
        {
            return Err(wrong(format!("{} is not allowed; {allowed}", other.name())));
        }
        let given: Vec<&String> = operators
            .iter()
            .flat_map(|op| condition.operands(*op))
            .collect();
        let [value] = given.as_slice() else {
            return Err(wrong(format!("it has {} values; {allowed}", given.len())));
        };
        match values.is_empty() || values.contains(&value.as_str()) {
            true => Ok(()),
            false => Err(wrong(format!("{value:?} is not allowed; {allowed}"))),
        }
    }

    fn unknown_field(
        &self,
        condition: &FieldSelector,
        category: &str,
        fields: &[Field],
    ) -> SelectorError {
        let names: Vec<_> = fields.iter().map(|f| f.name).collect();
        let same = names
            .iter()
            .find(|n| n.eq_ignore_ascii_case(&condition.field));
        let allowed = match (same, names.is_empty()) {
            (Some(name), _) => format!("; it is written {name}"),
            (None, true) => ": they are selected by eventCategory alone".to_owned(),
            (None, false) => format!("; there are eventCategory, {}", names.join(", ")),
        };
        self.wrong_field(
            &condition.field,
            format!("{category} events cannot be selected by it{allowed}"),
        )
    }

    fn wrong(&self, problem: String) -> SelectorError {
        SelectorError::Selector {
            selector: self.label.clone(),
            problem,
        }
    }

    fn wrong_field(&self, field: &str, problem: String) -> SelectorError {
        SelectorError::Field {
            selector: self.label.clone(),
            field: field.to_owned(),
            problem,
        }
    }
}

/// Whether a condition has values under these operators and no others.
fn uses_only(condition: &FieldSelector, operators: &[Operator]) -> bool {
    Operator::ALL
        .into_iter()
        .all(|op| condition.operands(op).is_empty() || operators.contains(&op))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A selector of a category with more conditions.
    fn of(category: &str, conditions: &str) -> String {
        format!(
            r#"{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["{category}"]}}{conditions}]}}"#
        )
    }

    fn check(selectors: &[String]) -> Result<(), String> {
        let json = format!("[{}]", selectors.join(","));
        let selectors: Vec<_> = serde_json::from_str(&json).expect("selectors");
        validate(&selectors).map_err(|e| e.to_string())
    }

    #[test]
    fn what_aws_allows() {
        let good = [
            of("Management", ""),
            of(
                "Management",
                r#",{"Field":"readOnly","Equals":["false"]},{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]},{"Field":"sessionCredentialFromConsole","NotEquals":["true"]},{"Field":"userIdentity.arn","NotStartsWith":["arn:"],"EndsWith":["x"]}"#,
            ),
            of(
                "Data",
                r#",{"Field":"resources.type","Equals":["AWS::S3::Object"]},{"Field":"resources.ARN","StartsWith":["a","b"]}"#,
            ),
            of(
                "NetworkActivity",
                r#",{"Field":"eventSource","Equals":["ec2.amazonaws.com"]},{"Field":"errorCode","Equals":["VpceAccessDenied"]},{"Field":"vpcEndpointId","StartsWith":["vpce-"]}"#,
            ),
        ];
        assert_eq!(check(&good), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for category in [
            "Insight",
            "ConfigurationItem",
            "Evidence",
            "ActivityAuditLog",
        ] {
            assert_eq!(check(&[of(category, "")]), Ok(()));
        }
    }

    #[test]
    fn what_aws_refuses() {
        let s3 = r#",{"Field":"resources.type","Equals":["AWS::S3::Object"]}"#;
        for (category, conditions, expected) in [
            ("Nonsense", "", "\"Nonsense\" is no category"),
            ("Data", "", "needs the field resources.type"),
            ("NetworkActivity", "", "needs the field eventSource"),
            (
                "Management",
                s3,
                "cannot be selected by it; there are eventCategory, eventName",
            ),
            ("Insight", s3, "by eventCategory alone"),
            (
                "Management",
                r#",{"Field":"eventname","Equals":["x"]}"#,
                "it is written eventName",
            ),
            (
                "Management",
                r#",{"Field":"readOnly","NotEquals":["true"]}"#,
                "NotEquals is not allowed; it takes Equals with true or false",
            ),
            (
                "Management",
                r#",{"Field":"readOnly","Equals":["yes"]}"#,
                "\"yes\" is not allowed",
            ),
            (
                "Management",
                r#",{"Field":"readOnly","Equals":["true","false"]}"#,
                "it has 2 values",
            ),
            (
                "Management",
                r#",{"Field":"readOnly","Equals":["true"]},{"Field":"readOnly","Equals":["false"]}"#,
                "given once",
            ),
            (
                "Management",
                r#",{"Field":"sessionCredentialFromConsole","StartsWith":["t"]}"#,
                "Equals or NotEquals with true",
            ),
            (
                "Management",
                r#",{"Field":"eventName"}"#,
                "no operator with values",
            ),
            (
                "Management",
                r#",{"Field":"eventName","Equals":[""]}"#,
                "1 to 2048 characters",
            ),
            (
                "Management",
                r#",{"Field":"eventName","Equals":["a","a"]}"#,
                "has the value \"a\" twice",
            ),
            (
                "Management",
                r#",{"Field":"eventCategory","Equals":["Data"]}"#,
                "given once",
            ),
            (
                "Data",
                r#",{"Field":"resources.type","Equals":["a","b"]}"#,
                "it has 2 values; it takes Equals with one value",
            ),
            (
                "Data",
                r#",{"Field":"resources.type","StartsWith":["AWS::"]}"#,
                "StartsWith is not allowed",
            ),
        ] {
            let error = check(&[of(category, conditions)]).expect_err(conditions);
            assert!(error.contains(expected), "{conditions}: {error}");
            assert!(error.starts_with("selector 1"), "{error}");
        }
        let error = check(&[
            r#"{"Name":"n","FieldSelectors":[{"Field":"eventName","Equals":["x"]}]}"#.into(),
        ]);
        assert!(
            error
                .expect_err("no category")
                .starts_with("selector 1 (\"n\"): it needs the field eventCategory")
        );
        let error = check(&[r#"{"FieldSelectors":[]}"#.into()]).expect_err("nothing");
        assert!(error.contains("no field selectors"));
        let error = check(&[
            r#"{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"],"NotEquals":["x"]}]}"#
                .into(),
        ]);
        assert!(
            error
                .expect_err("another operator")
                .contains("it takes Equals")
        );
    }

    #[test]
    fn limits_and_families() {
        let management = of("Management", "");
        let five = vec![management.clone(); 5];
        assert_eq!(check(&five), Ok(()));
        let six = vec![management.clone(); 6];
        assert!(check(&six).expect_err("six").contains("at most 5"));
        let values: Vec<_> = (0..500).map(|n| format!("\"{n}\"")).collect();
        let many = |n: usize| {
            let values = values[..n].join(",");
            of(
                "Management",
                &format!(r#",{{"Field":"eventName","Equals":[{values}]}}"#),
            )
        };
        assert_eq!(check(&[many(499)]), Ok(()), "with the category 500");
        assert!(
            check(&[many(500)])
                .expect_err("501")
                .contains("at most 500")
        );
        let mixed = check(&[management, of("Insight", "")]).expect_err("two kinds");
        assert!(
            mixed.starts_with("selector 2: its category Insight"),
            "{mixed}"
        );
    }
}
