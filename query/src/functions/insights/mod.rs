//! The functions of Logs Insights QL, and those that its plans are made of.
//!
//! One family, one file. None of them fails on a value: what a function makes nothing of
//! is null, as documented for values of the wrong kind. So a plan may evaluate them on
//! any row. In plans their names carry a prefix, because SQL's functions of the same
//! names count and fail otherwise.
//!
//! **Source**: "Functions that you can use in Logs Insights QL" of the CloudWatch Logs
//! user guide.

mod captures;
mod convert;
mod hash;
mod json;
mod numeric;
mod order;
mod spread;
mod text;
mod text_test;
mod time;

use datafusion::logical_expr::Expr;

use super::call::{Function, Kind, Returns};

pub(crate) use captures::{capture, captures, captures_all};
pub(crate) use convert::{
    lenient_number, list_text, number, number_text, time_of_number, time_of_text, time_text,
};
pub(crate) use json::{elements, value_at};
pub(crate) use order::{sort_key, sortable, sortable_text, timed, timed_text};
pub(crate) use spread::{ceiling, floor};
pub(crate) use text_test::{TextTest, test};

/// What a value is, as far as the language tells values apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// `Utf8View`: whatever a field holds, JSON of maps and lists among it.
    Text,
    /// `Int64`.
    Integer,
    /// `Float64`.
    Double,
    Boolean,
    /// `Timestamp(Millisecond)`, in UTC.
    Time,
    /// `List<Utf8View>`, which only aggregates give.
    List,
}

/// A function that a query may call on the values of a row.
pub(crate) struct Scalar {
    /// How it is called, for messages.
    pub usage: &'static str,
    function: Function,
    /// Says what is wrong with a constant argument, counted from 0.
    check: fn(usize, &str) -> Result<(), String>,
}

impl Scalar {
    const fn new(usage: &'static str, function: Function) -> Scalar {
        Scalar {
            usage,
            function,
            check: |_, _| Ok(()),
        }
    }

    const fn checked(self, check: fn(usize, &str) -> Result<(), String>) -> Scalar {
        Scalar { check, ..self }
    }

    /// The name in the documentation's spelling.
    pub fn name(&self) -> &'static str {
        let end = self.usage.find('(').unwrap_or(self.usage.len());
        self.usage.split_at(end).0
    }

    pub fn takes_so_many(&self, n: usize) -> bool {
        (self.function.arguments_min..=self.function.arguments_max).contains(&n)
    }

    /// What the argument at a place is taken as.
    pub fn takes(&self, i: usize) -> Type {
        match self.function.kinds.get(i).or(self.function.kinds.last()) {
            Some(Kind::Integer) => Type::Integer,
            Some(Kind::Double) => Type::Double,
            Some(Kind::Time) => Type::Time,
            _ => Type::Text,
        }
    }

    pub fn gives(&self) -> Type {
        match self.function.returns {
            Returns::Integer => Type::Integer,
            Returns::Double => Type::Double,
            Returns::Boolean => Type::Boolean,
            Returns::Time => Type::Time,
            _ => Type::Text,
        }
    }

    /// Says what is wrong with a constant argument, counted from 0.
    pub fn check(&self, i: usize, constant: &str) -> Result<(), String> {
        (self.check)(i, constant)
    }

    /// The call on arguments of the types that it [`takes`](Self::takes).
    pub fn call(&self, arguments: Vec<Expr>) -> Expr {
        self.function.udf().call(arguments)
    }
}

const FAMILIES: &[&[Scalar]] = &[
    numeric::FUNCTIONS,
    text::FUNCTIONS,
    hash::FUNCTIONS,
    json::FUNCTIONS,
    time::FUNCTIONS,
];

/// Other names of functions: older, or of other languages, and meant nonetheless.
const ALIASES: [(&str, &str); 14] = [
    ("lower", "tolower"),
    ("upper", "toupper"),
    ("length", "strlen"),
    ("substring", "substr"),
    ("power", "pow"),
    ("strftime", "formatDate"),
    ("ceiling", "ceil"),
    ("url_encode", "urlencode"),
    ("url_decode", "urldecode"),
    ("base64_encode", "base64encode"),
    ("base64_decode", "base64decode"),
    ("date_format", "formatDate"),
    ("regex_replace", "regexReplace"),
    ("to_number", "toNumber"),
];

/// The function of a name, in any case.
pub(crate) fn scalar(name: &str) -> Option<&'static Scalar> {
    let alias = ALIASES.iter().find(|(a, _)| a.eq_ignore_ascii_case(name));
    let name = alias.map_or(name, |(_, name)| name);
    all().find(|f| f.name().eq_ignore_ascii_case(name))
}

/// The names of all functions of this kind, for suggestions.
pub(crate) fn scalar_names() -> impl Iterator<Item = &'static str> {
    all().map(Scalar::name)
}

fn all() -> impl Iterator<Item = &'static Scalar> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// What is left of a function's name in a plan when the prefix is taken off.
#[cfg(test)]
fn plain_name(function: &Function) -> &'static str {
    function.name.trim_start_matches("insights::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_once_and_aliases_lead_to_them() {
        let mut names: Vec<String> = scalar_names().map(str::to_lowercase).collect();
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
        for function in all() {
            assert_eq!(function.name(), plain_name(&function.function));
        }
        for (alias, name) in ALIASES {
            assert_eq!(scalar(alias).map(Scalar::name), Some(name));
        }
    }
}
