//! Search expressions: words and tests of fields, and the time bounds between them.

use super::literals::{bare_regex, segment, string, time_modifier};
use super::{Builder, Pair, Parts, Result, Rule, span};
use crate::insights::diagnose;
use crate::search::{
    Bound, Cidr, Comparison, FieldRef, FieldTest, Node, NodeKind, Search, Term, TimeModifier,
};
use crate::span::{Span, Spanned};
use crate::syntax::SyntaxError;

/// `not not not …` is as deep as it is long.
const MAX_NEGATIONS: usize = 8;

impl Builder {
    pub(super) fn search(&mut self, pair: Pair<'_>) -> Result<Search> {
        let mut time = Vec::new();
        let any_of = Parts::of(pair).need();
        let terms = any(any_of, None, &mut Some(&mut time))?;
        Ok(Search { terms, time })
    }
}

/// The field that `field:(…)` has opened, if any.
type Around<'a> = Option<&'a Spanned<FieldRef>>;

/// Where time bounds go: they hold for the whole query, so inside parentheses there is
/// no such place.
type Times<'a> = Option<&'a mut Vec<Spanned<TimeModifier>>>;

/// None when nothing but time bounds stands there.
fn any(pair: Pair<'_>, around: Around<'_>, times: &mut Times<'_>) -> Result<Option<Node>> {
    let mut parts = Vec::new();
    let whole = span(&pair);
    let mut without_terms = None;
    for all_of in Parts::of(pair).filter(|part| part.as_rule() == Rule::all_of) {
        let all_span = span(&all_of);
        match all(all_of, around, times)? {
            Some(node) => parts.push(node),
            None => without_terms = Some(all_span),
        }
    }
    if let (Some(bound), false) = (without_terms, parts.is_empty()) {
        return Err(time_bound_inside(bound));
    }
    Ok(joined(parts, whole, NodeKind::Or))
}

fn all(pair: Pair<'_>, around: Around<'_>, times: &mut Times<'_>) -> Result<Option<Node>> {
    let whole = span(&pair);
    let mut parts = Vec::new();
    for part in Parts::of(pair) {
        match part.as_rule() {
            Rule::time_modifier => match times {
                Some(times) => times.push(time_modifier(part)?),
                None => return Err(time_bound_inside(span(&part))),
            },
            Rule::negation => parts.push(negation(part, around)?),
            _ => {}
        }
    }
    Ok(joined(parts, whole, NodeKind::And))
}

fn time_bound_inside(span: Span) -> SyntaxError {
    SyntaxError::new(span, "a time bound holds for the whole query")
        .hint("take it out of the parentheses, `or` and `not`")
}

fn joined(mut parts: Vec<Node>, whole: Span, kind: fn(Vec<Node>) -> NodeKind) -> Option<Node> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Spanned::new(kind(parts), whole)),
    }
}

fn negation(pair: Pair<'_>, around: Around<'_>) -> Result<Node> {
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    let mut starts = Vec::new();
    while let Some(sign) = parts
        .optional(Rule::search_not)
        .or_else(|| parts.optional(Rule::minus))
    {
        starts.push(span(&sign).start);
    }
    if starts.len() > MAX_NEGATIONS {
        return Err(SyntaxError::new(whole, "too many `not` in a row"));
    }
    let mut node = atom(parts.need(), around)?;
    for start in starts.into_iter().rev() {
        let span = Span::new(start, node.span.end);
        node = Spanned::new(NodeKind::Not(Box::new(node)), span);
    }
    Ok(node)
}

/// A test as the grammar has it, where `field:` may be before it or around it.
enum Found {
    Everything,
    Test(FieldTest),
}

fn atom(pair: Pair<'_>, around: Around<'_>) -> Result<Node> {
    let whole = span(&pair);
    let found = match pair.as_rule() {
        Rule::search_group => {
            let group = any(Parts::of(pair).need(), around, &mut None)?;
            return group.ok_or_else(|| time_bound_inside(whole));
        }
        Rule::fielded => return fielded(pair, around),
        Rule::search_range => Found::Test(range(pair)),
        Rule::search_compare => Found::Test(comparison(pair)?),
        Rule::search_regex => Found::Test(FieldTest::Is(Term::Regex(
            bare_regex(&Parts::of(pair).need()).node,
        ))),
        Rule::search_phrase => Found::Test(FieldTest::Is(Term::Phrase(string(&pair)))),
        _ => {
            if around.is_none() {
                check_bare_word(pair.as_str(), whole)?;
            }
            word(pair.as_str())
        }
    };
    let kind = match (found, around) {
        (Found::Everything, None) => NodeKind::Everything,
        (Found::Everything, Some(field)) => NodeKind::Field {
            field: field.clone(),
            test: FieldTest::Exists,
        },
        (Found::Test(test), Some(field)) => NodeKind::Field {
            field: field.clone(),
            test,
        },
        (Found::Test(FieldTest::Is(term)), None) => NodeKind::Anywhere(term),
        (Found::Test(_), None) => {
            return Err(SyntaxError::new(whole, "this test needs a field to look at")
                .hint("write `field:>=5` or `field:[a TO b]`, or ask in a filter: `filter field >= 5`"));
        }
    };
    Ok(Spanned::new(kind, whole))
}

fn fielded(pair: Pair<'_>, around: Around<'_>) -> Result<Node> {
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    let name = parts.need();
    let name_span = span(&name);
    if around.is_some() {
        return Err(
            SyntaxError::new(name_span, "one field is named inside another")
                .hint("in quotes a colon is a part of the text"),
        );
    }
    let path = Parts::of(name).need();
    let field = Spanned::new(
        field_ref(path).node,
        Span::new(name_span.start, name_span.end - 1),
    );
    let node = atom(parts.need(), Some(&field))?;
    // A group keeps the places of its own parts.
    Ok(match node.node {
        kind @ NodeKind::Field { .. } => Spanned::new(kind, whole),
        kind => Spanned::new(kind, node.span),
    })
}

fn field_ref(path: Pair<'_>) -> Spanned<FieldRef> {
    let whole = span(&path);
    let segments = Parts::of(path).map(segment).collect();
    Spanned::new(FieldRef::new(segments), whole)
}

/// Refuses words that only look like one, because something else was meant.
fn check_bare_word(raw: &str, whole: Span) -> Result<()> {
    if raw.ends_with(',') && !raw.ends_with(r"\,") {
        let end = Span::new(whole.end - 1, whole.end);
        return Err(SyntaxError::new(end, "a search has no commas").hint(
            "for a list of fields begin with `fields`; words side by side must all be there",
        ));
    }
    // What a name and a sign open was meant for a filter.
    let name_end = raw
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '.' | '-')))
        .unwrap_or(raw.len());
    let (name, rest) = raw.split_at(name_end);
    let compares = ["=", "!=", "<", ">"]
        .iter()
        .any(|sign| rest.starts_with(sign));
    if name.is_empty() || !compares || is_base64(raw) {
        return Ok(());
    }
    let sign = Span::new(whole.start + name_end, whole.start + name_end + 1);
    let bounds = ["earliest", "latest", "start", "end"];
    if bounds.iter().any(|bound| bound.eq_ignore_ascii_case(name)) {
        let value = Span::new(sign.end, whole.end);
        return Err(SyntaxError::new(value, "this is not a time").hint(diagnose::TIME_FORMS));
    }
    Err(
        SyntaxError::new(sign, "a search compares with `:`, as in `field:value`").hint(format!(
            "write `{name}:…`, or `filter {name} = \"…\"`, or put the text in quotes"
        )),
    )
}

/// Many ids end in the padding of base64. A digit tells them from a name with its `=`.
fn is_base64(raw: &str) -> bool {
    let body = raw.trim_end_matches('=');
    raw.len() - body.len() <= 2
        && raw.len().is_multiple_of(4)
        && body.bytes().any(|b| b.is_ascii_digit())
        && body.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// What a word looks for: its stars and networks found, its escapes taken off.
fn word(raw: &str) -> Found {
    if let Some(cidr) = Cidr::parse(raw) {
        return Found::Test(FieldTest::Is(Term::Cidr(cidr)));
    }
    let mut parts = vec![String::new()];
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        let last = parts.last_mut().expect("there is always a part");
        match c {
            '*' => parts.push(String::new()),
            '\\' => match chars.next() {
                // Before a letter it stands for itself, as in `DOMAIN\user`.
                Some(next) if next.is_alphanumeric() => last.extend(['\\', next]),
                Some(next) => last.push(next),
                None => last.push('\\'),
            },
            c => last.push(c),
        }
    }
    // `a**b` is `a*b`.
    let n_parts = parts.len();
    let mut index = 0;
    parts.retain(|part| {
        index += 1;
        index == 1 || index == n_parts || !part.is_empty()
    });
    if parts.len() > 1 && parts.iter().all(String::is_empty) {
        return Found::Everything;
    }
    let ends_open = parts.last().is_some_and(String::is_empty);
    let term = match parts.len() {
        1 => Term::Word(parts.remove(0)),
        2 if ends_open => Term::Prefix(parts.remove(0)),
        _ => Term::Wildcard(parts),
    };
    Found::Test(FieldTest::Is(term))
}

/// A text in quotes or bare, without stars.
fn plain_text(pair: &Pair<'_>) -> String {
    match pair.as_rule() {
        Rule::string | Rule::search_phrase => string(pair),
        _ => pair.as_str().to_string(),
    }
}

fn comparison(pair: Pair<'_>) -> Result<FieldTest> {
    let mut parts = Parts::of(pair);
    let op_pair = parts.need();
    let op = match op_pair.as_str() {
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        sign => {
            return Err(SyntaxError::new(
                span(&op_pair),
                format!("a search compares with `:`, not with `{sign}`"),
            )
            .hint("write `field:value`, `not field:value`, or ask in a filter: `filter field = \"value\"`"));
        }
    };
    let value = plain_text(&parts.need());
    Ok(FieldTest::Compare { op, value })
}

fn range(pair: Pair<'_>) -> FieldTest {
    let mut parts = Parts::of(pair);
    let low_counts = parts.need().as_str() == "[";
    let (low, high) = (parts.need(), parts.need());
    let high_counts = parts.need().as_str() == "]";
    FieldTest::Range {
        low: bound(low, low_counts),
        high: bound(high, high_counts),
    }
}

fn bound(pair: Pair<'_>, counts: bool) -> Bound {
    let inner = Parts::of(pair).need();
    match inner.as_str() {
        "*" => Bound::Open,
        _ if counts => Bound::Inclusive(plain_text(&inner)),
        _ => Bound::Exclusive(plain_text(&inner)),
    }
}
