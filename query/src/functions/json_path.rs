//! JSONPath as Trino's `json_extract` reads it, and what it reaches in a value.
//!
//! The subset in use on CloudTrail: members by dot or bracket, positions, and `*`. A
//! name without quotes runs to the next dot or bracket, so `$.AWS:ComplianceItem.x`
//! needs no quoting. A path without `*` is read by the store's own resolver, so that it
//! means the same value here and in a scan.

use datafusion::common::Result;
use tarn_store::json::{Json, Kind};
use tarn_store::path::{Arrays, FieldPath, Step};
use tarn_store::resolve;

use super::call::{Call, Texts};

/// A path ready to be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath {
    steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep {
    /// A member; of an array, the element at that position where it is a number.
    Key(String),
    /// Every member or element.
    Every,
}

impl JsonPath {
    /// Reads a path. The leading `$` may be left out, as Trino allows.
    ///
    /// **Errors**: why the text is no path, as a clause.
    pub fn parse(text: &str) -> Result<JsonPath, String> {
        let trimmed = text.trim();
        let mut rest = match trimmed.strip_prefix('$') {
            Some(rest) => rest,
            None if trimmed.is_empty() => return Err("the path is empty".to_owned()),
            None if trimmed.starts_with(['.', '[']) => trimmed,
            None => {
                let (key, rest) = bare_key(trimmed);
                return continue_from(vec![key], rest, text);
            }
        };
        if rest.starts_with("..") {
            return Err(format!("`..` in {text:?} is not supported"));
        }
        rest = rest.trim_start();
        continue_from(Vec::new(), rest, text)
    }

    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// The path in the store's form, where each step is one member or position.
    pub fn field_path(&self) -> Option<FieldPath> {
        let steps: Option<Vec<Step>> = self
            .steps
            .iter()
            .map(|step| match step {
                PathStep::Key(key) => Some(Step::Key(key.clone())),
                PathStep::Every => None,
            })
            .collect();
        steps.map(FieldPath::new)
    }

    /// This path without its first `n` steps.
    pub fn after(&self, n: usize) -> JsonPath {
        JsonPath {
            steps: self.steps.iter().skip(n).cloned().collect(),
        }
    }

    /// What the path leads to: one value, or with `*` any number.
    pub fn reach<'j, 'a>(&self, root: &'j Json<'a>) -> Reached<'j, 'a> {
        if let Some(path) = self.field_path() {
            return match resolve::reached(root, &path, Arrays::Exact).first() {
                Some(value) => Reached::One(value),
                None => Reached::Nothing,
            };
        }
        let mut values = vec![root];
        for step in &self.steps {
            values = values.into_iter().flat_map(|v| next(v, step)).collect();
        }
        Reached::Several(values)
    }
}

/// What a path leads to.
pub(crate) enum Reached<'j, 'a> {
    Nothing,
    One(&'j Json<'a>),
    /// Of a path with `*`.
    Several(Vec<&'j Json<'a>>),
}

fn next<'j, 'a>(value: &'j Json<'a>, step: &PathStep) -> Vec<&'j Json<'a>> {
    match (step, &value.kind) {
        (PathStep::Every, Kind::Array(elements)) => elements.iter().collect(),
        (PathStep::Every, Kind::Object(members)) => members.iter().map(|(_, v)| v).collect(),
        (PathStep::Every, _) => Vec::new(),
        (PathStep::Key(key), _) => {
            let path = FieldPath::of_keys([key.as_str()]);
            resolve::reached(value, &path, Arrays::Exact)
        }
    }
}

fn continue_from(
    mut steps: Vec<PathStep>,
    mut rest: &str,
    whole: &str,
) -> Result<JsonPath, String> {
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            if after.starts_with('.') {
                return Err(format!("`..` in {whole:?} is not supported"));
            }
            let (key, after) = bare_key(after);
            if matches!(&key, PathStep::Key(k) if k.is_empty()) {
                return Err(format!("a name is missing after a dot in {whole:?}"));
            }
            steps.push(key);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (key, after) = bracketed(after).ok_or_else(|| {
                format!("a bracket of {whole:?} holds neither a quoted name nor a position")
            })?;
            steps.push(key);
            rest = after;
        } else {
            return Err(format!(
                "{rest:?} in {whole:?} follows neither a dot nor a bracket"
            ));
        }
    }
    Ok(JsonPath { steps })
}

/// A name up to the next dot or bracket.
fn bare_key(text: &str) -> (PathStep, &str) {
    if let Some(after) = text.strip_prefix('"')
        && let Some((key, after)) = quoted(after, '"')
    {
        return (PathStep::Key(key), after);
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let step = match key {
        "*" => PathStep::Every,
        key => PathStep::Key(key.to_owned()),
    };
    (step, rest)
}

fn bracketed(text: &str) -> Option<(PathStep, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next()?;
    if quote == '"' || quote == '\'' {
        let (key, after) = quoted(text.get(1..)?, quote)?;
        return Some((PathStep::Key(key), after.trim_start().strip_prefix(']')?));
    }
    let (inside, after) = text.split_once(']')?;
    match inside.trim() {
        "*" => Some((PathStep::Every, after)),
        digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some((PathStep::Key(digits.to_owned()), after))
        }
        _ => None,
    }
}

/// The text up to an unescaped quote, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            c if c == quote => return Some((key, text.get(i + c.len_utf8()..)?)),
            c => key.push(c),
        }
    }
    None
}

/// The paths of an argument, each read once: nearly always it is a constant.
pub(super) struct Paths {
    texts: Texts,
    last: Option<(String, Option<JsonPath>)>,
}

impl Paths {
    pub fn new(texts: Texts) -> Paths {
        Paths { texts, last: None }
    }

    /// The path of a row; none where it is null, or no path and the call is lenient.
    pub fn get(&mut self, row: usize, call: &Call) -> Result<Option<&JsonPath>> {
        let Some(text) = self.texts.get(row) else {
            return Ok(None);
        };
        if self.last.as_ref().is_none_or(|(last, _)| last != text) {
            let path = match JsonPath::parse(text) {
                Ok(path) => Some(path),
                Err(reason) => call.fail(|| format!("not a JSON path: {reason}"))?,
            };
            self.last = Some((text.to_owned(), path));
        }
        Ok(self.last.as_ref().and_then(|(_, path)| path.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let path = JsonPath::parse(text).expect("a path");
        path.steps
            .iter()
            .map(|s| match s {
                PathStep::Key(key) => key.clone(),
                PathStep::Every => "*".to_owned(),
            })
            .collect()
    }

    #[test]
    fn paths_are_read_in_every_spelling() {
        assert_eq!(keys("$.a.b[0].c"), ["a", "b", "0", "c"]);
        assert_eq!(keys("$['a.b'][\"c\"]"), ["a.b", "c"]);
        assert_eq!(keys("$.conf.AWS:Item.x-y"), ["conf", "AWS:Item", "x-y"]);
        assert_eq!(keys("$[*].a"), ["*", "a"]);
        assert_eq!(keys("$.\"x y\".z"), ["x y", "z"]);
        assert_eq!(keys("bucketName"), ["bucketName"]);
        assert_eq!(keys("$"), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "$..a", "$.a[", "$.a[x]", "$.a..b", "$x", "$.a."] {
            assert!(JsonPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_reaches_every_element() {
        let json = Json::parse(br#"{"a":[{"b":1},{"c":2},{"b":3}]}"#).expect("valid");
        let path = JsonPath::parse("$.a[*].b").expect("a path");
        let Reached::Several(found) = path.reach(&json) else {
            panic!("several")
        };
        assert_eq!(found.iter().map(|v| v.raw).collect::<Vec<_>>(), ["1", "3"]);
    }
}
