//! Which events a store wants: CloudTrail's advanced event selectors.
//!
//! A selector is a list of conditions on fields, all of which must hold; a store
//! takes an event that any of its selectors takes, and a store without selectors
//! takes everything. The rules of what may be written are AWS's, so that a
//! definition moves between CloudTrail Lake and Tarn unchanged.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html>
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>

mod validate;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use validate::{SelectorError, validate};

/// One way for an event to be wanted, in the API's JSON spelling (`Name`,
/// `FieldSelectors`, …).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AdvancedEventSelector {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub field_selectors: Vec<FieldSelector>,
}

/// A condition on one field. Operators that are empty say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FieldSelector {
    pub field: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_equals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_starts_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_ends_with: Vec<String>,
}

/// The six operators, in the API's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    StartsWith,
    EndsWith,
    NotEquals,
    NotStartsWith,
    NotEndsWith,
}

impl Operator {
    const ALL: [Self; 6] = [
        Self::Equals,
        Self::StartsWith,
        Self::EndsWith,
        Self::NotEquals,
        Self::NotStartsWith,
        Self::NotEndsWith,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Equals => "Equals",
            Self::StartsWith => "StartsWith",
            Self::EndsWith => "EndsWith",
            Self::NotEquals => "NotEquals",
            Self::NotStartsWith => "NotStartsWith",
            Self::NotEndsWith => "NotEndsWith",
        }
    }

    /// Whether it drops events instead of taking them.
    fn deselects(self) -> bool {
        matches!(
            self,
            Self::NotEquals | Self::NotStartsWith | Self::NotEndsWith
        )
    }

    /// Whether a value is hit, before any negation. Compares bytes, and case.
    fn hits(self, value: &str, operand: &str) -> bool {
        match self {
            Self::Equals | Self::NotEquals => value == operand,
            Self::StartsWith | Self::NotStartsWith => value.starts_with(operand),
            Self::EndsWith | Self::NotEndsWith => value.ends_with(operand),
        }
    }
}

impl FieldSelector {
    fn operands(&self, operator: Operator) -> &[String] {
        match operator {
            Operator::Equals => &self.equals,
            Operator::StartsWith => &self.starts_with,
            Operator::EndsWith => &self.ends_with,
            Operator::NotEquals => &self.not_equals,
            Operator::NotStartsWith => &self.not_starts_with,
            Operator::NotEndsWith => &self.not_ends_with,
        }
    }

    /// Whether the field's values satisfy the condition.
    ///
    /// Of the operators that take, any hit on any value is enough; of those that
    /// drop, any hit on any value drops. So an event without the field is not
    /// taken where one of the former is given, and is not dropped by the latter.
    fn matches(&self, values: &[Cow<'_, str>]) -> bool {
        let is_hit = |operator: Operator| {
            self.operands(operator)
                .iter()
                .any(|operand| values.iter().any(|value| operator.hits(value, operand)))
        };
        let (drop, take): (Vec<_>, Vec<_>) = Operator::ALL
            .into_iter()
            .filter(|op| !self.operands(*op).is_empty())
            .partition(|op| op.deselects());
        (take.is_empty() || take.into_iter().any(is_hit)) && !drop.into_iter().any(is_hit)
    }
}

/// A store's selectors, ready to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selectors(Vec<AdvancedEventSelector>);

impl Selectors {
    /// What is not [`validate`]d is still applied as it is written.
    pub fn new(selectors: &[AdvancedEventSelector]) -> Self {
        Self(selectors.to_vec())
    }

    /// Nothing is asked: every event is wanted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an event is wanted.
    ///
    /// `field` gives the values of a field of the event as text: none where it is
    /// missing or null, several for `resources.type` and `resources.ARN` (any
    /// element counts), `true` and `false` for booleans. An event without
    /// `eventCategory` has the one of [`event_category`].
    pub fn matches<'v>(&self, field: &dyn Fn(&str) -> Vec<Cow<'v, str>>) -> bool {
        let values = |name: &str| {
            let values = field(name);
            match name {
                "eventCategory" if values.is_empty() => vec![event_category(field).into()],
                _ => values,
            }
        };
        let takes = |selector: &AdvancedEventSelector| {
            let mut conditions = selector.field_selectors.iter();
            conditions.all(|condition| condition.matches(&values(&condition.field)))
        };
        self.is_empty() || self.0.iter().any(takes)
    }
}

/// The category of an event that does not tell it: `eventCategory` came with
/// eventVersion 1.07, `managementEvent` with 1.06, and events before both were
/// told apart by their type only.
pub fn event_category<'v>(field: &dyn Fn(&str) -> Vec<Cow<'v, str>>) -> &'static str {
    let is = |name: &str, expected: &str| field(name).iter().any(|v| v == expected);
    let by_type = [
        ("AwsCloudTrailInsight", "Insight"),
        ("AwsConfigurationItem", "ConfigurationItem"),
        ("AwsAuditManagerEvidence", "Evidence"),
        ("ActivityLog", "ActivityAuditLog"),
        ("AwsVpceEvent", "NetworkActivity"),
        ("AwsVpceEvents", "NetworkActivity"),
    ];
    let known = by_type.into_iter().find(|(kind, _)| is("eventType", kind));
    match known {
        Some((_, category)) => category,
        None if is("managementEvent", "false") => "Data",
        None => "Management",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selectors(json: &str) -> Selectors {
        Selectors::new(&serde_json::from_str::<Vec<_>>(json).expect("selectors"))
    }

    /// Whether an event of these fields is taken.
    fn takes(selectors: &Selectors, event: &[(&str, &str)]) -> bool {
        selectors.matches(&|name| {
            let named = event.iter().filter(|(field, _)| *field == name);
            named.map(|(_, value)| Cow::Borrowed(*value)).collect()
        })
    }

    fn on_name(operators: &str) -> Selectors {
        selectors(&format!(
            r#"[{{"FieldSelectors":[{{"Field":"eventName",{operators}}}]}}]"#
        ))
    }

    #[test]
    fn every_operator() {
        // Operator and operands; the names of three events, or none.
        for (operators, get, get_all, put, none) in [
            (r#""Equals":["Get"]"#, true, false, false, false),
            (r#""Equals":["Get","Put"]"#, true, false, true, false),
            (r#""Equals":["get"]"#, false, false, false, false),
            (r#""StartsWith":["Get"]"#, true, true, false, false),
            (r#""EndsWith":["et","ut"]"#, true, false, true, false),
            (r#""NotEquals":["Get"]"#, false, true, true, true),
            (r#""NotEquals":["Get","Put"]"#, false, true, false, true),
            (r#""NotStartsWith":["Get"]"#, false, false, true, true),
            (r#""NotEndsWith":["t"]"#, false, true, false, true),
            (
                r#""Equals":["Put"],"StartsWith":["GetA"]"#,
                false,
                true,
                true,
                false,
            ),
            (
                r#""StartsWith":["Get"],"NotEndsWith":["All"]"#,
                true,
                false,
                false,
                false,
            ),
            (
                r#""NotEquals":["Put"],"NotEndsWith":["All"]"#,
                true,
                false,
                false,
                true,
            ),
            (
                r#""Equals":["Get"],"NotEquals":["Get"]"#,
                false,
                false,
                false,
                false,
            ),
        ] {
            let selectors = on_name(operators);
            let found = [
                takes(&selectors, &[("eventName", "Get")]),
                takes(&selectors, &[("eventName", "GetAll")]),
                takes(&selectors, &[("eventName", "Put")]),
                takes(&selectors, &[]),
            ];
            assert_eq!(found, [get, get_all, put, none], "{operators}");
        }
    }

    #[test]
    fn all_conditions_of_any_selector() {
        let writes_or_s3 = selectors(
            r#"[{"Name": "writes", "FieldSelectors": [
                   {"Field": "eventCategory", "Equals": ["Management"]},
                   {"Field": "readOnly", "Equals": ["false"]}]},
                {"FieldSelectors": [
                   {"Field": "eventCategory", "Equals": ["Data"]},
                   {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                   {"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::logs/"]}]}]"#,
        );
        let management = |read_only| {
            takes(
                &writes_or_s3,
                &[("eventCategory", "Management"), ("readOnly", read_only)],
            )
        };
        assert!(management("false"));
        assert!(!management("true"));
        let data = |arns: &[&'static str]| {
            let mut event = vec![
                ("eventCategory", "Data"),
                ("resources.type", "AWS::S3::Bucket"),
                ("resources.type", "AWS::S3::Object"),
            ];
            event.extend(arns.iter().map(|arn| ("resources.ARN", *arn)));
            takes(&writes_or_s3, &event)
        };
        assert!(data(&["arn:aws:s3:::data/x"]));
        assert!(!data(&["arn:aws:s3:::data/x", "arn:aws:s3:::logs/x"]));
        assert!(data(&[]));
        assert!(takes(&Selectors::default(), &[]));
    }

    #[test]
    fn events_before_there_were_categories() {
        for (event, category) in [
            (&[("eventType", "AwsApiCall")][..], "Management"),
            (&[], "Management"),
            (&[("managementEvent", "true")], "Management"),
            (&[("managementEvent", "false")], "Data"),
            (&[("eventType", "AwsCloudTrailInsight")], "Insight"),
            (
                &[("eventType", "AwsVpceEvent"), ("managementEvent", "false")],
                "NetworkActivity",
            ),
            (&[("eventType", "ActivityLog")], "ActivityAuditLog"),
            (
                &[("eventCategory", "Data"), ("eventType", "AwsApiCall")],
                "Data",
            ),
        ] {
            for other in [
                "Management",
                "Data",
                "Insight",
                "NetworkActivity",
                "ActivityAuditLog",
            ] {
                let json = format!(
                    r#"[{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["{other}"]}}]}}]"#
                );
                assert_eq!(
                    takes(&selectors(&json), event),
                    other == category,
                    "{event:?}"
                );
            }
        }
    }

    #[test]
    fn json_is_the_api_s() {
        let json = r#"[{"Name":"n","FieldSelectors":[{"Field":"eventName","StartsWith":["a"],"NotEndsWith":["b"]}]}]"#;
        let read: Vec<AdvancedEventSelector> = serde_json::from_str(json).expect("selectors");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), json);
        let typo = r#"[{"FieldSelectors":[{"Field":"eventName","StartWith":["a"]}]}]"#;
        let error = serde_json::from_str::<Vec<AdvancedEventSelector>>(typo).expect_err("a typo");
        assert!(error.to_string().contains("StartWith"));
    }
}
