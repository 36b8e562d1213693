//! From what a query writes to the field that it means, for both languages.
//!
//! Logs Insights QL and searches write names ([`field`]), SQL reaches into columns
//! ([`reach`]); both end at a [`FieldPath`] in CloudTrail's spelling.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;
use tarn_store::fields::{self, EVENT_JSON, FieldType, KnownField};
use tarn_store::path::{Arrays, FieldPath, Step, is_position};
use tarn_store::{ColumnSource, Field, ScanColumn};

use crate::columns::leaf_source;
use crate::functions::json_path::JsonPath;
use crate::search::{FieldRef, Segment};

/// The field that a name of Logs Insights QL or of a search means.
///
/// Names are exact. What stands in backticks is one key, except that a first segment that
/// opens with a documented field is a whole path: people quote `` `requestParameters.x-y` ``
/// because of the hyphen and not to name a key with a dot.
pub fn field(name: &FieldRef) -> Field {
    if let [Segment::Key { name, .. }] = name.segments.as_slice()
        && let Some(field) = system_field(name)
    {
        return field;
    }
    let mut steps = Vec::with_capacity(name.segments.len());
    for (i, segment) in name.segments.iter().enumerate() {
        match segment {
            Segment::Key { name, quoted: true } if i == 0 && is_dotted_path(name) => {
                steps.extend(name.split('.').map(|key| Step::Key(key.to_owned())));
            }
            Segment::Key { name, .. } => {
                // `@@name` is how Logs Insights QL shows a field that opens with `@`.
                let key = match i {
                    0 if name.starts_with("@@") => &name[1..],
                    _ => name,
                };
                steps.push(Step::Key(key.to_owned()));
            }
            Segment::Index(index) => steps.push(Step::Index(*index)),
        }
    }
    Field::path(FieldPath::new(steps), Arrays::Any)
}

/// The fields that Tarn, or CloudWatch Logs, makes. Names as in "Supported logs and
/// discovered fields" of the CloudWatch Logs user guide, where it has one.
pub const SYSTEM_FIELDS: [&str; 9] = [
    "@timestamp",
    "@message",
    "@ingestionTime",
    "@account",
    "@aws.account",
    "@aws.region",
    "@source",
    "@logStream",
    "@import",
];

/// The field of one of [`SYSTEM_FIELDS`].
pub fn system_field(name: &str) -> Option<Field> {
    Some(match name {
        "@timestamp" => Field::Time,
        "@message" => Field::path(FieldPath::default(), Arrays::Any),
        "@ingestionTime" => Field::IngestionTime,
        "@account" | "@aws.account" => Field::Account,
        "@aws.region" => Field::path(FieldPath::of_keys(["awsRegion"]), Arrays::Any),
        "@source" | "@logStream" => Field::Source,
        "@import" => Field::Import,
        _ => return None,
    })
}

fn is_dotted_path(name: &str) -> bool {
    name.split_once('.')
        .is_some_and(|(first, _)| fields::known(first).is_some())
}

/// The documented spelling of a path that differs from it in case alone; None for a path
/// that is spelled right or is not documented. No event has the field as it was typed.
pub fn respelled(path: &FieldPath) -> Option<String> {
    let mut keys = Vec::new();
    for step in path.steps() {
        match step {
            Step::Key(key) if !is_position(key) => keys.push(key.as_str()),
            _ => {}
        }
    }
    (1..=keys.len()).rev().find_map(|n| {
        let typed = keys.get(..n)?.join(".");
        let known = fields::FIELDS
            .iter()
            .find(|f| f.path.eq_ignore_ascii_case(&typed))?;
        (known.path != typed).then(|| {
            let rest = keys.get(n..).unwrap_or_default();
            [&[known.path], rest].concat().join(".")
        })
    })
}

/// A leaf that a SQL expression reaches for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// The column of the table that the expression begins with.
    pub column: Column,
    pub path: FieldPath,
    pub source: ColumnSource,
}

/// What `useridentity.arn`, `element_at(requestparameters, 'k')`, `m['k']` and
/// `resources[1].arn` lead to, if it is one value and the way there is constant.
///
/// **Shape**: the leaf column has in each row what the expression has. A key of digits in
/// a map is left alone: a path takes it for a position where the event has an array.
///
/// A JSON function that goes on from a map's value, or from the whole record, leads to a
/// leaf as well: see [`ColumnSource::Scalar`].
pub fn reach(expr: &Expr) -> Option<Reach> {
    if let Some(reach) = reach_by_json(expr) {
        return Some(reach);
    }
    let place = place(expr)?;
    let source = match place.at {
        At::Leaf => ColumnSource::Text(Field::path(place.path.clone(), Arrays::Exact)),
        At::Known(known) => leaf_source(&place.path, known.field_type)?,
        At::Element(_) => return None,
    };
    // A column of its own is no reach.
    (place.path.steps().len() > 1).then_some(Reach {
        column: place.column,
        path: place.path,
        source,
    })
}

/// Whether a leaf column lies below the column of CloudTrail Lake's table.
pub fn begins_with(leaf: &ScanColumn, lake_column: &str) -> bool {
    let is_below = |path: &FieldPath| match path.steps().first() {
        Some(Step::Key(key)) => fields::spelled(lake_column) == Some(key.as_str()),
        _ => false,
    };
    let field = match &leaf.source {
        ColumnSource::Text(field)
        | ColumnSource::Boolean(field)
        | ColumnSource::Timestamp(field) => field,
        ColumnSource::Scalar { path, .. } => return is_below(path),
        ColumnSource::Matches(_) | ColumnSource::Lake(_) => return false,
    };
    match field {
        Field::Path { path, .. } => is_below(path),
        _ => false,
    }
}

/// What `json_extract_scalar(element_at(m, 'k'), '$.a.b')`,
/// `json_extract_scalar(m, '$.k.a.b')` and `json_extract_scalar(eventjson, '$.a.b')` lead
/// to, where every step is a key.
fn reach_by_json(expr: &Expr) -> Option<Reach> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let ("json_extract_scalar", [document, path]) = (call.func.name(), call.args.as_slice()) else {
        return None;
    };
    let Expr::Literal(path, _) = path else {
        return None;
    };
    let path = JsonPath::parse(path.try_as_str().flatten()?).ok()?;
    let below = path.field_path()?;
    // A map's values are text; below one, the text is read as JSON.
    let (column, start, base) = match document {
        Expr::Column(column) if fields::spelled(&column.name) == Some(EVENT_JSON) => {
            (column.clone(), FieldPath::default(), 0)
        }
        document => {
            let Place { column, path, at } = place(document)?;
            let n = path.steps().len();
            match at {
                At::Leaf => (column, path, n),
                At::Known(known) if known.field_type == FieldType::Map => (column, path, n + 1),
                At::Known(_) | At::Element(_) => return None,
            }
        }
    };
    let path = FieldPath::new([start.steps(), below.steps()].concat());
    let are_keys = path.steps_before_position() == path.steps().len();
    if below.is_root() || !are_keys {
        return None;
    }
    let source = match base == path.steps().len() {
        true => ColumnSource::Text(Field::path(path.clone(), Arrays::Exact)),
        false => ColumnSource::Scalar {
            path: path.clone(),
            base,
        },
    };
    Some(Reach {
        column,
        path,
        source,
    })
}

/// How far an expression has come.
struct Place {
    column: Column,
    path: FieldPath,
    at: At,
}

enum At {
    Known(&'static KnownField),
    /// An element of a list of structs.
    Element(&'static KnownField),
    /// A value of a map.
    Leaf,
}

fn place(expr: &Expr) -> Option<Place> {
    match expr {
        Expr::Column(column) => {
            let known = fields::known(fields::spelled(&column.name)?)?;
            Some(Place {
                column: column.clone(),
                path: FieldPath::of_keys([known.path]),
                at: At::Known(known),
            })
        }
        Expr::ScalarFunction(call) => {
            let (base, steps) = call.args.split_first()?;
            match call.func.name() {
                "get_field" | "element_at" | "array_element" if !steps.is_empty() => {}
                _ => return None,
            }
            steps
                .iter()
                .try_fold(place(base)?, |place, step| place.step(step))
        }
        _ => None,
    }
}

impl Place {
    fn step(self, step: &Expr) -> Option<Place> {
        let Expr::Literal(value, _) = step else {
            return None;
        };
        match (value.try_as_str().flatten(), &self.at) {
            (Some(key), At::Known(known)) if known.field_type == FieldType::Map => {
                (!is_position(key)).then(|| self.at_key(key.to_owned(), At::Leaf))
            }
            (Some(key), At::Known(known)) if known.field_type == FieldType::Struct => {
                self.member(known, key)
            }
            (Some(key), At::Element(known)) => self.member(known, key),
            (None, At::Known(known)) if known.field_type == FieldType::StructList => {
                // SQL counts from 1, and from the end below it.
                let index = usize::try_from(integer(value)?).ok()?.checked_sub(1)?;
                let mut steps = self.path.steps().to_vec();
                steps.push(Step::Index(index));
                Some(Place {
                    path: FieldPath::new(steps),
                    at: At::Element(known),
                    ..self
                })
            }
            _ => None,
        }
    }

    fn member(&self, known: &KnownField, lower: &str) -> Option<Place> {
        let member = fields::members(known.path).find(|m| m.key().to_lowercase() == lower)?;
        Some(self.at_key(member.key().to_owned(), At::Known(member)))
    }

    fn at_key(&self, key: String, at: At) -> Place {
        Place {
            column: self.column.clone(),
            path: self.path.child(key),
            at,
        }
    }
}

fn integer(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(value) => *value,
        ScalarValue::Int32(value) => value.map(i64::from),
        ScalarValue::UInt64(value) => value.and_then(|v| i64::try_from(v).ok()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::functions::core::expr_fn::get_field;
    use datafusion::functions_nested::expr_fn::array_element;
    use datafusion::logical_expr::lit;
    use datafusion::prelude::ident;

    use super::*;
    use crate::functions;

    fn named(segments: Vec<Segment>) -> String {
        field(&FieldRef { segments }).to_string()
    }

    #[test]
    fn names_are_fields() {
        assert_eq!(named(vec![Segment::key("@timestamp")]), "@timestamp");
        assert_eq!(named(vec![Segment::key("@message")]), "@message");
        assert_eq!(
            named(vec![Segment::quoted("requestParameters.x-amz-acl")]),
            "requestParameters.x-amz-acl"
        );
        assert_eq!(
            named(vec![
                Segment::key("requestParameters"),
                Segment::quoted("a.b")
            ]),
            "requestParameters.a\\.b"
        );
        assert_eq!(named(vec![Segment::quoted("odd.key")]), "odd\\.key");
        assert_eq!(
            named(vec![
                Segment::key("resources"),
                Segment::Index(0),
                Segment::key("ARN")
            ]),
            "resources[0].ARN"
        );
    }

    #[test]
    fn wrong_case_is_noticed() {
        let respelled = |text: &str| respelled(&FieldPath::parse(text));
        assert_eq!(respelled("eventname").as_deref(), Some("eventName"));
        assert_eq!(
            respelled("useridentity.ARN").as_deref(),
            Some("userIdentity.arn")
        );
        assert_eq!(
            respelled("requestparameters.bucketName").as_deref(),
            Some("requestParameters.bucketName")
        );
        assert_eq!(respelled("userIdentity.arn"), None);
        assert_eq!(respelled("whatever"), None);
    }

    fn reached(expr: Expr) -> Option<String> {
        reach(&expr).map(|reach| reach.path.to_string())
    }

    #[test]
    fn sql_reaches_leaves() {
        let identity = || ident("useridentity");
        assert_eq!(
            reached(get_field(identity(), "arn")).as_deref(),
            Some("userIdentity.arn")
        );
        let context = get_field(get_field(identity(), "sessioncontext"), "attributes");
        assert_eq!(reached(context.clone()), None, "a struct is no leaf");
        let date = reach(&get_field(context, "creationdate")).expect("a leaf");
        assert!(matches!(date.source, ColumnSource::Timestamp(_)));
        assert_eq!(
            reached(get_field(ident("requestparameters"), "bucketName")).as_deref(),
            Some("requestParameters.bucketName")
        );
        assert_eq!(reached(get_field(ident("requestparameters"), "0")), None);
        let first = array_element(ident("resources"), lit(1_i64));
        assert_eq!(
            reached(get_field(first, "arn")).as_deref(),
            Some("resources[0].ARN")
        );
        let last = array_element(ident("resources"), lit(-1_i64));
        assert_eq!(reached(get_field(last, "arn")), None);
        assert_eq!(reached(ident("eventname")), None, "a column already");
        assert_eq!(reached(get_field(ident("nosuch"), "arn")), None);
        assert_eq!(reached(get_field(identity(), "nosuch")), None);
    }

    #[test]
    fn json_functions_reach_leaves() {
        let json = |document: Expr, path: &str| {
            let function = functions::by_name("json_extract_scalar").expect("registered");
            reach(&function.call(vec![document, lit(path)]))
                .map(|reach| (reach.path.to_string(), reach.source))
        };
        let scalar = |path: &str, base| {
            let source = ColumnSource::Scalar {
                path: FieldPath::parse(path),
                base,
            };
            Some((path.to_owned(), source))
        };
        let map = || ident("responseelements");
        let credentials = || get_field(map(), "credentials");
        let path = "responseElements.credentials.accessKeyId";
        assert_eq!(json(credentials(), "$.accessKeyId"), scalar(path, 2));
        assert_eq!(json(map(), "$.credentials.accessKeyId"), scalar(path, 2));
        assert_eq!(json(ident("eventjson"), "$.a.b"), scalar("a.b", 0));
        let key = FieldPath::parse("responseElements.credentials");
        let value = ColumnSource::Text(Field::path(key.clone(), Arrays::Exact));
        assert_eq!(json(map(), "$.credentials"), Some((key.to_string(), value)));
        assert_eq!(json(map(), "$"), None, "the whole map");
        assert_eq!(json(map(), "$.credentials[0]"), None, "a position");
        assert_eq!(json(map(), "$.*.accessKeyId"), None, "any key");
        assert_eq!(json(ident("eventname"), "$.a"), None, "no map");
    }
}
