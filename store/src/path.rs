//! A path to a value inside an event, in CloudTrail's spelling.
//!
//! One path type serves SQL, Logs Insights QL, search, selectors and the
//! columns of splits, so that all of them mean the same value by the same
//! words. Keys may hold any character; the text form escapes what it must.

use std::fmt;

/// One step from a value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The member of an object. At an array a key of digits is a position
    /// (`items.0.instanceId`, as CloudWatch Logs spells it); any other key is
    /// looked up in each element where [`Arrays::Any`] holds, else leads nowhere.
    Key(String),
    /// The element of an array, counted from 0. Leads nowhere at an object.
    Index(usize),
}

/// What a step over an array without a position means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arrays {
    /// Every element is meant: a test holds when it holds for any of them
    /// (Logs Insights QL, search, selectors).
    Any,
    /// An array has no members: the path leads nowhere (SQL, JSONPath).
    Exact,
}

/// A path from the root of an event. The empty path is the event itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FieldPath {
    steps: Vec<Step>,
}

impl FieldPath {
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// A path of keys alone.
    pub fn of_keys<S: Into<String>>(keys: impl IntoIterator<Item = S>) -> Self {
        Self::new(keys.into_iter().map(|k| Step::Key(k.into())).collect())
    }

    /// Reads the text form that [`fmt::Display`] writes: keys parted by dots;
    /// a backslash takes the next character as it is, `\0` is NUL; `[n]` is a
    /// position.
    pub fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut key = String::new();
        let mut in_key = true;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('0') => key.push('\0'),
                    Some(other) => key.push(other),
                    None => key.push('\\'),
                },
                '.' => {
                    if in_key {
                        steps.push(Step::Key(std::mem::take(&mut key)));
                    }
                    in_key = true;
                }
                '[' => {
                    let digits: String =
                        std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
                    match (digits.parse::<usize>(), chars.peek()) {
                        (Ok(index), Some(']')) => {
                            chars.next();
                            if in_key {
                                steps.push(Step::Key(std::mem::take(&mut key)));
                            }
                            steps.push(Step::Index(index));
                            in_key = false;
                        }
                        _ => {
                            key.push('[');
                            key.push_str(&digits);
                        }
                    }
                }
                other => key.push(other),
            }
        }
        if in_key && !(steps.is_empty() && key.is_empty()) {
            steps.push(Step::Key(key));
        }
        Self { steps }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// This path with one more key.
    pub fn child(&self, key: impl Into<String>) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Key(key.into()));
        Self { steps }
    }

    /// The number of leading steps before the first one that may name a
    /// position in an array.
    pub fn steps_before_position(&self) -> usize {
        self.steps
            .iter()
            .position(|step| match step {
                Step::Index(_) => true,
                Step::Key(key) => is_position(key),
            })
            .unwrap_or(self.steps.len())
    }

    /// The path of the first `n` steps.
    pub fn prefix(&self, n: usize) -> Self {
        Self {
            steps: self.steps.iter().take(n).cloned().collect(),
        }
    }
}

/// Whether a key can name a position in an array.
pub fn is_position(key: &str) -> bool {
    !key.is_empty() && key.len() <= 9 && key.bytes().all(|b| b.is_ascii_digit())
}

/// Appends one key in the text form of a path.
pub fn push_escaped_key(out: &mut String, key: &str) {
    for c in key.chars() {
        match c {
            '.' | '\\' | '[' => {
                out.push('\\');
                out.push(c);
            }
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (i, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    if i > 0 {
                        text.push('.');
                    }
                    push_escaped_key(&mut text, key);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back() {
        let paths = [
            FieldPath::of_keys(["a", "b.c", "d\\e", "f[0]", "nul\0", "ключ", ""]),
            FieldPath::new(vec![
                Step::Key("items".into()),
                Step::Index(3),
                Step::Key("id".into()),
            ]),
            FieldPath::default(),
        ];
        for path in paths {
            assert_eq!(FieldPath::parse(&path.to_string()), path);
        }
    }

    #[test]
    fn positions_are_found() {
        let path = FieldPath::parse("requestParameters.items.0.id");
        assert_eq!(path.steps_before_position(), 2);
        assert_eq!(FieldPath::parse("a.b").steps_before_position(), 2);
    }
}
