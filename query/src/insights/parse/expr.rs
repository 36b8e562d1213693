//! Expressions: the Pratt parser that shapes the grammar's flat list of operands.

use std::sync::LazyLock;

use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::{Builder, Pair, Parts, Result, Rule, literals, span};
use crate::insights::ast::{
    Arguments, ArithmeticOp, Call, CompareOp, Expr, ExprKind, Literal, NamedExpr, Pattern,
    Projection, Set,
};
use crate::search::Regex;
use crate::span::{Span, Spanned};
use crate::syntax::SyntaxError;

/// From the weakest to the strongest.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(Op::prefix(Rule::not))
        .op(left(Rule::compare)
            | Op::postfix(Rule::in_set)
            | Op::postfix(Rule::like)
            | Op::postfix(Rule::match_regex)
            | Op::postfix(Rule::is_null))
        .op(left(Rule::add) | left(Rule::subtract))
        .op(left(Rule::multiply) | left(Rule::divide) | left(Rule::modulo))
        .op(Op::infix(Rule::power, Assoc::Right))
        .op(Op::prefix(Rule::negate))
});

/// How many levels of operators a tree may have. Everything that walks a tree recurses,
/// so this bounds its stack; `and` and `or` over any number of parts are one level.
const MAX_DEPTH: usize = 256;

/// A finished part of an expression.
struct Operand {
    expr: Expr,
    /// It stood in parentheses, so that an `and` in it is not part of the `and` around.
    grouped: bool,
    depth: usize,
}

impl Operand {
    fn leaf(kind: ExprKind, span: Span) -> Operand {
        Operand {
            expr: Spanned::new(kind, span),
            grouped: false,
            depth: 1,
        }
    }

    /// A part made of others; the deepest of them is `inner_depth` levels high.
    fn over(inner_depth: usize, kind: ExprKind, span: Span) -> Result<Operand> {
        if inner_depth >= MAX_DEPTH {
            return Err(SyntaxError::new(
                span,
                format!("this expression has more than {MAX_DEPTH} levels of operators"),
            )
            .hint("split it into several filters or fields"));
        }
        Ok(Operand {
            expr: Spanned::new(kind, span),
            grouped: false,
            depth: inner_depth + 1,
        })
    }
}

impl Builder {
    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Result<Expr> {
        Ok(self.operand(pair)?.expr)
    }

    /// `expr as name`.
    pub(super) fn named_expr(&mut self, pair: Pair<'_>) -> Result<NamedExpr> {
        let mut parts = Parts::of(pair);
        Ok(NamedExpr {
            expr: self.expr(parts.need())?,
            alias: parts.optional(Rule::alias).map(literals::alias),
        })
    }

    /// `*` or `expr as name`.
    pub(super) fn projection(&mut self, pair: Pair<'_>) -> Result<Projection> {
        match pair.as_rule() {
            Rule::star => Ok(Projection::All),
            _ => Ok(Projection::Expr(self.named_expr(pair)?)),
        }
    }

    fn operand(&mut self, pair: Pair<'_>) -> Result<Operand> {
        check_recursion(&pair)?;
        let pairs = pair.into_inner();
        // The three closures take turns, never at once, but each must hold the builder.
        let builder = std::cell::RefCell::new(self);
        PRECEDENCE
            .map_primary(|pair| builder.borrow_mut().primary(pair))
            .map_prefix(|op, right| prefix(&op, right?))
            .map_postfix(|left, test| builder.borrow_mut().test(left?, test))
            .map_infix(|left, op, right| infix(left?, &op, right?))
            .parse(pairs)
    }

    fn primary(&mut self, pair: Pair<'_>) -> Result<Operand> {
        let whole = span(&pair);
        let kind = match pair.as_rule() {
            Rule::group => {
                let inner = self.operand(Parts::of(pair).need())?;
                return Ok(Operand {
                    expr: Spanned::new(inner.expr.node, whole),
                    grouped: true,
                    depth: inner.depth,
                });
            }
            Rule::call => return self.call(pair),
            // An argument or a member of a list arrives as a whole expression.
            Rule::expr => return self.operand(pair),
            Rule::period | Rule::spaced_period => ExprKind::Period(literals::period(pair)?.node),
            Rule::number | Rule::string | Rule::boolean | Rule::null => {
                ExprKind::Literal(literals::literal(&pair).node)
            }
            Rule::parameter => ExprKind::Parameter(Parts::of(pair).need().as_str().to_string()),
            _ => ExprKind::Field(literals::field(pair).node),
        };
        Ok(Operand::leaf(kind, whole))
    }

    /// Several expressions, and the depth of the deepest.
    fn list<'t>(&mut self, pairs: impl Iterator<Item = Pair<'t>>) -> Result<(Vec<Expr>, usize)> {
        let mut list = Vec::new();
        let mut depth = 0;
        for pair in pairs {
            let operand = self.primary(pair)?;
            depth = depth.max(operand.depth);
            list.push(operand.expr);
        }
        Ok((list, depth))
    }

    fn call(&mut self, pair: Pair<'_>) -> Result<Operand> {
        let whole = span(&pair);
        let mut accessors = Parts::of(pair);
        let call = accessors.need();
        let call_span = span(&call);
        let mut parts = Parts::of(call);
        let name = parts.need();
        let function = Spanned::new(name.as_str().to_string(), span(&name));
        let (arguments, depth) = if parts.has(Rule::star) {
            (Arguments::Star, 0)
        } else {
            let list = parts
                .optional(Rule::arguments)
                .into_iter()
                .flat_map(Parts::of);
            let (list, depth) = self.list(list)?;
            (Arguments::List(list), depth)
        };
        let path: Vec<_> = accessors
            .map(|accessor| literals::segment(Parts::of(accessor).need()))
            .collect();
        let call = ExprKind::Call(Call {
            function,
            arguments,
        });
        if path.is_empty() {
            return Operand::over(depth, call, whole);
        }
        let base = Box::new(Spanned::new(call, call_span));
        Operand::over(depth + 1, ExprKind::Access { base, path }, whole)
    }

    /// `in`, `like`, `=~` and `is null`, behind what they test.
    fn test(&mut self, left: Operand, pair: Pair<'_>) -> Result<Operand> {
        let whole = left.expr.span.join(span(&pair));
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        let negated = parts.has(Rule::negated);
        let value = Box::new(left.expr);
        let mut depth = left.depth;
        let kind = match rule {
            Rule::in_set => {
                let set = parts.need();
                let set = if set.as_rule() == Rule::subquery {
                    Set::Subquery(self.subquery(set)?)
                } else {
                    let (list, list_depth) = self.list(Parts::of(set))?;
                    depth = depth.max(list_depth);
                    Set::List(list)
                };
                ExprKind::In {
                    value,
                    negated,
                    set,
                }
            }
            Rule::like => {
                let pattern = parts.need();
                let pattern = if pattern.as_rule() == Rule::regex {
                    Pattern::Regex(self.regex(pattern))
                } else {
                    let text = self.primary(pattern)?;
                    depth = depth.max(text.depth);
                    self.warn_of_wildcards(&text.expr);
                    Pattern::Substring(Box::new(text.expr))
                };
                ExprKind::Like {
                    value,
                    negated,
                    pattern,
                }
            }
            Rule::match_regex => {
                let negated = parts.need().as_rule() == Rule::matches_not;
                let regex = parts.need();
                let regex = match regex.as_rule() {
                    Rule::string => {
                        Spanned::new(Regex::new(&literals::string(&regex)), span(&regex))
                    }
                    _ => self.regex(regex),
                };
                ExprKind::Like {
                    value,
                    negated,
                    pattern: Pattern::Regex(regex),
                }
            }
            _ => ExprKind::IsNull { value, negated },
        };
        Operand::over(depth, kind, whole)
    }

    pub(super) fn regex(&mut self, pair: Pair<'_>) -> Spanned<Regex> {
        let (regex, ignores_case) = literals::regex(pair);
        if ignores_case {
            self.warn(
                regex.span,
                "CloudWatch does not know letters behind a regex",
                format!("write `{}`", regex.node),
            );
        }
        regex
    }

    fn warn_of_wildcards(&mut self, pattern: &Expr) {
        let ExprKind::Literal(Literal::Text(text)) = &pattern.node else {
            return;
        };
        let core = text.trim_matches('%');
        if core.len() == text.len() {
            return;
        }
        let mut regex = regex::escape(core).replace('/', r"\/");
        if !text.starts_with('%') {
            regex.insert(0, '^');
        }
        if !text.ends_with('%') {
            regex.push('$');
        }
        self.warn(
            pattern.span,
            "`like` looks for the text as it stands: here `%` is no wildcard",
            format!("write `like /{regex}/`, or `like \"{core}\"` for any value that holds it"),
        );
    }
}

/// Refuses what would make the Pratt parser itself recurse too deep: prefixes and powers,
/// whose right side is parsed inside them. `and` and `or` end every such right side.
fn check_recursion(pair: &Pair<'_>) -> Result<()> {
    let mut open = 0;
    for part in pair.clone().into_inner() {
        match part.as_rule() {
            Rule::not | Rule::negate | Rule::power => open += 1,
            Rule::and | Rule::or => open = 0,
            _ => {}
        }
        if open > MAX_DEPTH {
            return Err(SyntaxError::new(
                span(&part),
                format!("this expression has more than {MAX_DEPTH} levels of operators"),
            ));
        }
    }
    Ok(())
}

fn prefix(op: &Pair<'_>, right: Operand) -> Result<Operand> {
    let whole = span(op).join(right.expr.span);
    let inner = Box::new(right.expr);
    let kind = match op.as_rule() {
        Rule::not => ExprKind::Not(inner),
        _ => ExprKind::Negate(inner),
    };
    Operand::over(right.depth, kind, whole)
}

fn infix(left: Operand, op: &Pair<'_>, right: Operand) -> Result<Operand> {
    if matches!(op.as_rule(), Rule::and | Rule::or) {
        return join(left, op.as_rule(), right);
    }
    let whole = left.expr.span.join(right.expr.span);
    let depth = left.depth.max(right.depth);
    let (left, right) = (Box::new(left.expr), Box::new(right.expr));
    let kind = match op.as_rule() {
        Rule::compare => ExprKind::Compare {
            op: compare_op(op.as_str()),
            left,
            right,
        },
        rule => ExprKind::Arithmetic {
            op: arithmetic_op(rule),
            left,
            right,
        },
    };
    Operand::over(depth, kind, whole)
}

/// `a and b and c` is one node of three parts, so that a filter of a thousand parts is
/// not a tree of a thousand levels.
fn join(left: Operand, op: Rule, right: Operand) -> Result<Operand> {
    let whole = left.expr.span.join(right.expr.span);
    let depth = left.depth.max(right.depth + 1);
    let parts = match (op, left.expr.node) {
        (Rule::and, ExprKind::And(mut parts)) | (Rule::or, ExprKind::Or(mut parts))
            if !left.grouped =>
        {
            parts.push(right.expr);
            // The node is there already, and counted.
            return Ok(Operand {
                expr: Spanned::new(joined(op, parts), whole),
                grouped: false,
                depth,
            });
        }
        (_, node) => vec![Spanned::new(node, left.expr.span), right.expr],
    };
    Operand::over(left.depth.max(right.depth), joined(op, parts), whole)
}

fn joined(op: Rule, parts: Vec<Expr>) -> ExprKind {
    match op {
        Rule::and => ExprKind::And(parts),
        _ => ExprKind::Or(parts),
    }
}

fn compare_op(text: &str) -> CompareOp {
    match text {
        "!=" => CompareOp::NotEqual,
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessOrEqual,
        ">" => CompareOp::Greater,
        ">=" => CompareOp::GreaterOrEqual,
        _ => CompareOp::Equal,
    }
}

fn arithmetic_op(rule: Rule) -> ArithmeticOp {
    match rule {
        Rule::add => ArithmeticOp::Add,
        Rule::subtract => ArithmeticOp::Subtract,
        Rule::multiply => ArithmeticOp::Multiply,
        Rule::divide => ArithmeticOp::Divide,
        Rule::modulo => ArithmeticOp::Modulo,
        _ => ArithmeticOp::Power,
    }
}
