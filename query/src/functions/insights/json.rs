//! Functions of JSON: maps and lists are their text, entered when asked for.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringViewBuilder};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Expr;
use tarn_store::json::{Json, Kind as JsonKind};
use tarn_store::path::{Arrays, FieldPath};
use tarn_store::resolve;

use super::super::call::{Call, Function, Kind, Returns};
use super::super::json::push_json_string;
use super::Scalar;

use Kind::Text;

pub(super) const FUNCTIONS: &[Scalar] = &[
    Scalar::new(
        "jsonParse(text)",
        Function::of("insights::jsonParse", &[Text], Returns::Text, |c| {
            of_text(c, |text| container(text).map(|_| text.trim().into()))
        }),
    ),
    Scalar::new(
        "jsonStringify(value)",
        Function::of("insights::jsonStringify", &[Text], Returns::Text, |c| {
            of_text(c, |text| Some(stringified(text)))
        }),
    ),
    Scalar::new(
        "jsonArraySize(list)",
        Function::of("insights::jsonArraySize", &[Text], Returns::Integer, |c| {
            let texts = c.text(0)?;
            c.integers(|row| {
                Ok(
                    match texts.get(row).and_then(container).map(|json| json.kind) {
                        Some(JsonKind::Array(elements)) => i64::try_from(elements.len()).ok(),
                        _ => None,
                    },
                )
            })
        }),
    ),
    Scalar::new(
        "split(text, delimiter)",
        Function::of("insights::split", &[Text, Text], Returns::Text, split),
    ),
];

/// The value that a path leads to in JSON text: of several, from elements of lists, a
/// list of them.
pub(crate) fn value_at(json: Expr, path: &FieldPath) -> Expr {
    const AT: Function = Function::of("insights::at", &[Text, Text], Returns::Text, at);
    let path = ScalarValue::Utf8View(Some(path.to_string()));
    AT.udf().call(vec![json, Expr::Literal(path, None)])
}

/// The elements of a JSON list; any other value is a list of itself.
pub(crate) fn elements(json: Expr) -> Expr {
    const ELEMENTS: Function = Function::of(
        "insights::elements",
        &[Text],
        Returns::Texts,
        list_of_elements,
    );
    ELEMENTS.udf().call(vec![json])
}

/// The map or list that a text is.
pub(super) fn container(text: &str) -> Option<Json<'_>> {
    let is_container = text.trim_start().starts_with(['{', '[']);
    is_container.then(|| Json::parse(text.as_bytes()).ok())?
}

fn of_text(
    call: &Call,
    function: impl for<'t> Fn(&'t str) -> Option<Cow<'t, str>>,
) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| Ok(texts.get(row).and_then(&function)))
}

/// Maps and lists as they are; any other text becomes a JSON string.
fn stringified(text: &str) -> Cow<'_, str> {
    if container(text).is_some() {
        return Cow::Borrowed(text);
    }
    let mut json = String::with_capacity(text.len() + 2);
    push_json_string(&mut json, text);
    Cow::Owned(json)
}

fn split(call: &Call) -> Result<ArrayRef> {
    let (texts, delimiters) = (call.text(0)?, call.text(1)?);
    call.texts(|row| {
        let (Some(text), Some(delimiter)) = (texts.get(row), delimiters.get(row)) else {
            return Ok(None);
        };
        let mut json = String::from("[");
        let mut push = |part: &str| {
            if json.len() > 1 {
                json.push(',');
            }
            push_json_string(&mut json, part);
        };
        match delimiter {
            "" => push(text),
            delimiter => text.split(delimiter).for_each(push),
        }
        json.push(']');
        Ok(Some(Cow::Owned(json)))
    })
}

fn at(call: &Call) -> Result<ArrayRef> {
    let (texts, paths) = (call.text(0)?, call.text(1)?);
    // Always a constant.
    let path = FieldPath::parse(paths.constant().unwrap_or_default());
    call.texts(|row| {
        let Some(json) = texts.get(row).and_then(container) else {
            return Ok(None);
        };
        let shown = resolve::shown(&json, &path, Arrays::Any);
        Ok(shown.map(|text| Cow::Owned(text.into_owned())))
    })
}

fn list_of_elements(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    for row in 0..call.rows {
        let Some(text) = texts.get(row) else {
            lists.append(false);
            continue;
        };
        match container(text).map(|json| json.kind) {
            Some(JsonKind::Array(elements)) => {
                for element in &elements {
                    lists.values().append_option(element.text());
                }
            }
            _ => lists.values().append_value(text),
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

#[cfg(test)]
mod tests {
    use super::super::super::call::testing::{call, one, text};
    use super::super::scalar;
    use super::*;

    fn result(name: &str, value: &str) -> Option<String> {
        one(call(
            scalar(name).expect("known").function,
            vec![text(value)],
        ))
    }

    #[test]
    fn json_is_its_text() {
        assert_eq!(
            result("jsonParse", " {\"a\":1} ").as_deref(),
            Some("{\"a\":1}")
        );
        assert_eq!(result("jsonParse", "{\"a\":"), None);
        assert_eq!(result("jsonParse", "17"), None);
        assert_eq!(
            result("jsonStringify", "a\"b").as_deref(),
            Some("\"a\\\"b\"")
        );
        assert_eq!(result("jsonStringify", "[1]").as_deref(), Some("[1]"));
        assert_eq!(result("jsonArraySize", "[1,[2]]").as_deref(), Some("2"));
        assert_eq!(result("jsonArraySize", "{}"), None);
        let split = scalar("split").expect("known").function;
        let parts = one(call(split, vec![text("a/\"/"), text("/")]));
        assert_eq!(parts.as_deref(), Some(r#"["a","\"",""]"#));
    }

    #[test]
    fn paths_lead_into_json() {
        const AT: Function = Function::of("at", &[Text, Text], Returns::Text, at);
        let at = |json, path| one(call(AT, vec![text(json), text(path)]));
        assert_eq!(
            at(r#"{"u":[{"a":1},{"a":2}]}"#, "u[1].a").as_deref(),
            Some("2")
        );
        assert_eq!(
            at(r#"{"u":[{"a":1},{"a":2}]}"#, "u.a").as_deref(),
            Some("[1,2]")
        );
        assert_eq!(at("plain", "u"), None);
    }

    #[test]
    fn anything_is_a_list() {
        const ELEMENTS: Function =
            Function::of("elements", &[Text], Returns::Texts, list_of_elements);
        let shown = |json| {
            let list = call(ELEMENTS, vec![text(json)]).expect("no error");
            crate::results::cell_text(list.as_ref(), 0).map(Cow::into_owned)
        };
        assert_eq!(
            shown(r#"["a",1,null,{"b":2}]"#).as_deref(),
            Some(r#"[a, 1, null, {"b":2}]"#)
        );
        assert_eq!(shown("x").as_deref(), Some("[x]"));
        assert_eq!(shown("[]").as_deref(), Some("[]"));
    }
}
