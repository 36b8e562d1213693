//! From a path to the values it means in one record: the only reader of paths.
//!
//! Every way in (SQL, Logs Insights QL, search, selectors, the plain path that
//! judges the indexes) asks here, so a path cannot mean two things.

use std::borrow::Cow;

use crate::json::{Json, Kind};
use crate::path::{Arrays, FieldPath, Step, is_position};

/// The values that a path leads to, null included, in the record's order.
///
/// **Shape**: none where the path leads nowhere; at most one unless `arrays`
/// is [`Arrays::Any`] and an array lies on the way.
pub fn reached<'j, 'a>(root: &'j Json<'a>, path: &FieldPath, arrays: Arrays) -> Vec<&'j Json<'a>> {
    let mut found = Vec::new();
    walk(root, path.steps(), arrays, &mut found);
    found
}

fn walk<'j, 'a>(
    value: &'j Json<'a>,
    steps: &[Step],
    arrays: Arrays,
    found: &mut Vec<&'j Json<'a>>,
) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (&value.kind, step) {
        (Kind::Object(_), Step::Key(key)) => {
            if let Some(member) = value.get(key) {
                walk(member, rest, arrays, found);
            }
        }
        (Kind::Array(elements), Step::Index(index)) => {
            if let Some(element) = elements.get(*index) {
                walk(element, rest, arrays, found);
            }
        }
        (Kind::Array(elements), Step::Key(key)) if is_position(key) => {
            if let Some(element) = key.parse::<usize>().ok().and_then(|i| elements.get(i)) {
                walk(element, rest, arrays, found);
            }
        }
        (Kind::Array(elements), Step::Key(_)) if arrays == Arrays::Any => {
            for element in elements {
                walk(element, steps, arrays, found);
            }
        }
        _ => {}
    }
}

/// The texts that a test on the path is put to.
///
/// With [`Arrays::Any`] an array at the end of the path stands for its
/// elements, however nested; null is no value. A container is its JSON text.
pub fn tested<'j>(root: &'j Json<'_>, path: &FieldPath, arrays: Arrays) -> Vec<&'j str> {
    let mut texts = Vec::new();
    for value in reached(root, path, arrays) {
        push_texts(value, arrays, &mut texts);
    }
    texts
}

fn push_texts<'j>(value: &'j Json<'_>, arrays: Arrays, texts: &mut Vec<&'j str>) {
    match &value.kind {
        Kind::Array(elements) if arrays == Arrays::Any => {
            for element in elements {
                push_texts(element, arrays, texts);
            }
        }
        _ => texts.extend(value.text()),
    }
}

/// Whether the path leads to anything but null. An empty array or object is
/// something.
pub fn is_present(root: &Json<'_>, path: &FieldPath, arrays: Arrays) -> bool {
    reached(root, path, arrays).iter().any(|v| !v.is_null())
}

/// The value of the path as a result shows it: one value as its text, several
/// (from elements of arrays) as a JSON array of them as delivered, none or
/// nothing but null as nothing.
pub fn shown<'j>(root: &'j Json<'_>, path: &FieldPath, arrays: Arrays) -> Option<Cow<'j, str>> {
    let values = reached(root, path, arrays);
    match values.as_slice() {
        [] => None,
        [one] => one.text().map(Cow::Borrowed),
        several if several.iter().all(|v| v.is_null()) => None,
        several => {
            let raws: Vec<&str> = several.iter().map(|v| v.raw).collect();
            Some(Cow::Owned(format!("[{}]", raws.join(","))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"resources":[{"ARN":"a"},{"ARN":"b","x":null},{"id":1}],
        "one":[{"k":"v"}],"names":["p",["q"],null],"empty":[],"none":null,"nulls":[{"k":null},{"k":null}],"o":{"0":"zero"}}"#;

    fn show(path: &str, arrays: Arrays) -> Option<String> {
        let json = Json::parse(RECORD.as_bytes()).expect("valid");
        shown(&json, &FieldPath::parse(path), arrays).map(Cow::into_owned)
    }

    #[test]
    fn any_element_and_positions() {
        assert_eq!(
            show("resources.ARN", Arrays::Any).as_deref(),
            Some(r#"["a","b"]"#)
        );
        assert_eq!(show("resources.ARN", Arrays::Exact), None);
        assert_eq!(show("resources.1.ARN", Arrays::Exact).as_deref(), Some("b"));
        assert_eq!(show("resources[0].ARN", Arrays::Any).as_deref(), Some("a"));
        assert_eq!(show("one.k", Arrays::Any).as_deref(), Some("v"));
        assert_eq!(show("o.0", Arrays::Exact).as_deref(), Some("zero"));
        assert_eq!(show("none", Arrays::Any), None);
        assert_eq!(show("nulls.k", Arrays::Any), None);
        assert_eq!(show("empty", Arrays::Any).as_deref(), Some("[]"));
    }

    #[test]
    fn tests_see_elements() {
        let json = Json::parse(RECORD.as_bytes()).expect("valid");
        let names = FieldPath::parse("names");
        assert_eq!(tested(&json, &names, Arrays::Any), ["p", "q"]);
        assert_eq!(
            tested(&json, &names, Arrays::Exact),
            [r#"["p",["q"],null]"#]
        );
        assert!(is_present(&json, &FieldPath::parse("empty"), Arrays::Any));
        assert!(tested(&json, &FieldPath::parse("empty"), Arrays::Any).is_empty());
        assert!(!is_present(&json, &FieldPath::parse("none"), Arrays::Any));
    }
}
