//! `parse`: columns out of a text, by a glob or a regular expression.
//!
//! A star stands for as little as what follows it allows, and at the end for all that is
//! left; what a glob writes may stand anywhere in the text. Rows that do not match are
//! kept, and have none of the columns.

use datafusion::logical_expr::Expr as PlanExpr;
use regex::Regex;

use super::scope::Means;
use super::steps::{Computed, Step};
use super::{Lowering, not_available};
use crate::error::{Code, QueryError};
use crate::functions::insights::{self as functions, TextTest, Type};
use crate::insights::ast::{Name, Parse, ParseMethod};
use crate::search::{FieldRef, Segment};
use crate::span::{Span, Spanned};

impl Lowering<'_> {
    pub(super) fn parse(&mut self, parse: &Parse, command: Span) -> Result<(), QueryError> {
        let message = || FieldRef::new(vec![Segment::key("@message")]);
        let input = match &parse.input {
            Some(input) => input.clone(),
            None => Spanned::new(message(), command),
        };
        let reference = self.reference(&input)?;
        let text = self.value_of(reference).into_text();
        match &parse.method {
            ParseMethod::Glob { pattern, names } => {
                let filled = self
                    .parameters
                    .filled(pattern, pattern.span, str::to_owned)?;
                let regex = regex_of_glob(&filled);
                let groups = names.iter().cloned().zip(1..).collect();
                self.parsed(functions::captures(text, &regex), groups);
            }
            ParseMethod::Regex {
                pattern,
                names,
                multi,
            } => {
                let TextTest::Regex(regex) = self.regex_test(pattern)? else {
                    return Err(self.not_yet(command));
                };
                let groups = named_groups(&regex, names, pattern.span)?;
                if *multi {
                    let list = functions::captures_all(text, regex.as_str());
                    let column = self.fresh("parse");
                    self.steps.push(Step::Extend(vec![Computed {
                        expr: list,
                        column: column.clone(),
                    }]));
                    self.steps.push(Step::Unnest(column.clone()));
                    self.is_order_pending = !self.order.is_empty();
                    self.parsed(PlanExpr::Column(column), groups);
                } else {
                    self.parsed(functions::captures(text, regex.as_str()), groups);
                }
            }
            ParseMethod::Logfmt { .. } => {
                return Err(not_available("`parse … logfmt`", command));
            }
            ParseMethod::Csv { .. } => return Err(not_available("`parse … csv`", command)),
        }
        Ok(())
    }

    /// A column for each group of the captures.
    fn parsed(&mut self, captures: PlanExpr, groups: Vec<(Name, usize)>) {
        let columns: Vec<(Name, Computed)> = groups
            .into_iter()
            .map(|(name, group)| {
                let column = self.fresh(&name);
                let expr = functions::capture(captures.clone(), group);
                (name, Computed { expr, column })
            })
            .collect();
        let computed = columns.iter().map(|(_, computed)| computed.clone());
        self.steps.push(Step::Extend(computed.collect()));
        for (name, computed) in columns {
            self.name_created(&name, Means::Column(computed.column, Type::Text));
        }
    }
}

/// The names of the columns and the groups that they hold.
///
/// **Errors**: no group has a name, or there are fewer groups than names.
fn named_groups(
    regex: &Regex,
    names: &[Name],
    place: Span,
) -> Result<Vec<(Name, usize)>, QueryError> {
    let n_groups = regex.captures_len() - 1;
    if !names.is_empty() {
        if names.len() != n_groups {
            let reason = format!(
                "the expression has {n_groups} groups for {} names",
                names.len()
            );
            return Err(QueryError::new(Code::Syntax, reason)
                .at(place)
                .hint("put each part in parentheses, those without a name as (?:…)"));
        }
        return Ok(names.iter().cloned().zip(1..).collect());
    }
    let named: Vec<(Name, usize)> = regex
        .capture_names()
        .enumerate()
        .filter_map(|(group, name)| Some((Spanned::new(name?.to_owned(), place), group)))
        .collect();
    if named.is_empty() {
        return Err(
            QueryError::new(Code::Syntax, "no group of the expression has a name")
                .at(place)
                .hint("name what is wanted: /user=(?<user>\\S+)/"),
        );
    }
    Ok(named)
}

fn regex_of_glob(glob: &str) -> String {
    let parts: Vec<String> = glob.split('*').map(regex::escape).collect();
    let n_stars = parts.len() - 1;
    let mut regex = String::from("(?s)");
    for (i, part) in parts.iter().enumerate() {
        regex.push_str(part);
        let is_first = i == 0 && part.is_empty();
        let is_last = i + 1 == n_stars && parts.last().is_some_and(String::is_empty);
        if i == n_stars {
            break;
        }
        regex.push_str(match (is_first, is_last) {
            (true, true) => "^(.*)$",
            (true, false) => "^(.*?)",
            (false, true) => "(.*)$",
            (false, false) => "(.*?)",
        });
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let captured = |glob: &str, text: &str| -> Option<Vec<String>> {
            let regex = Regex::new(&regex_of_glob(glob)).expect("compiles");
            let captures = regex.captures(text)?;
            let groups = captures.iter().skip(1);
            Some(
                groups
                    .map(|g| g.map_or("", |g| g.as_str()).to_owned())
                    .collect(),
            )
        };
        let some = |parts: &[&str]| Some(parts.iter().map(|p| (*p).to_owned()).collect());
        assert_eq!(
            captured("user=*, role=*", "x user=bob, role=admin\nmore"),
            some(&["bob", "admin\nmore"])
        );
        assert_eq!(
            captured("*:user/*", "arn:aws:iam::1:user/a"),
            some(&["arn:aws:iam::1", "a"])
        );
        assert_eq!(captured("[*] *", "at [E] (x)"), some(&["E", "(x)"]));
        assert_eq!(captured("*", "all"), some(&["all"]));
        assert_eq!(captured("<*>", "no"), None);
    }
}
