//! parse(print(tree)) = tree, over trees that nobody typed.
//!
//! The trees come from a small generator with fixed seeds. It makes every command and
//! every kind of expression, with names and texts chosen to be misread: keywords,
//! brackets, quotes, escapes, commands' names.

use super::ast::*;
use super::parse;
use crate::search::{
    self, Bound, Cidr, FieldRef, FieldTest, Node, NodeKind, Period, Regex, Search, Segment, Term,
    TimeModifier, TimePoint, TimeStep, TimeUnit,
};
use crate::span::{Span, Spanned};

/// xorshift64*: enough to choose with, and the same on every machine.
struct Generator {
    state: u64,
}

fn at<T>(node: T) -> Spanned<T> {
    Spanned::new(node, Span::default())
}

impl Generator {
    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let bits = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(bits).expect("31 bits fit") % n
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len());
        choices
            .get(index)
            .expect("an index below the length")
            .clone()
    }

    fn some<T>(&mut self, least: usize, make: impl Fn(&mut Generator) -> T) -> Vec<T> {
        let n = least + self.below(3);
        (0..n).map(|_| make(self)).collect()
    }

    fn maybe<T>(&mut self, make: impl Fn(&mut Generator) -> T) -> Option<T> {
        self.yes().then(|| make(self))
    }

    fn text(&mut self) -> String {
        self.one(&[
            "",
            "a b",
            "it's",
            "say \"no\"",
            "back\\slash\\",
            "\\\"",
            "x | y",
            "# no",
            "(((",
            "été",
            "/slash/",
            "*",
            "arn:aws:iam::1:user/x",
            "line\nend",
            "-",
            "{{x}}",
            "`",
        ])
        .to_string()
    }

    fn odd_name(&mut self) -> String {
        self.one(&[
            "a b", "x-y", "by", "a.b", "`", "5", "@", "null", "é:/", "a\nb", "@@x y",
        ])
        .to_string()
    }

    fn plain_name(&mut self) -> String {
        self.one(&[
            "a",
            "eventName",
            "_x",
            "count",
            "stats",
            "filter",
            "desc",
            "source",
            "p",
            "été",
            "arn",
            "AROAEXAMPLEID1234567",
        ])
        .to_string()
    }

    fn name(&mut self) -> Name {
        at(match self.below(4) {
            0 => self.odd_name(),
            1 => format!("@{}", self.plain_name()),
            2 => format!("{}.0.{}", self.plain_name(), self.plain_name()),
            _ => self.plain_name(),
        })
    }

    fn segment(&mut self) -> Segment {
        match self.below(4) {
            0 => Segment::quoted(self.odd_name()),
            1 => Segment::Index(self.below(100)),
            2 => Segment::key(self.one(&["0", "5xx", "by", "in", "x@y"])),
            _ => Segment::key(self.plain_name()),
        }
    }

    fn field(&mut self) -> Spanned<FieldRef> {
        let head = match self.below(5) {
            0 => Segment::quoted(self.odd_name().replace('\n', " ")),
            1 => Segment::key(format!("@{}", self.plain_name())),
            2 => Segment::key("@@x"),
            _ => Segment::key(self.plain_name()),
        };
        let mut segments = vec![head];
        while self.below(3) == 0 {
            segments.push(self.segment());
        }
        at(FieldRef::new(segments))
    }

    fn period(&mut self) -> Period {
        let units = [
            TimeUnit::Millisecond,
            TimeUnit::Second,
            TimeUnit::Minute,
            TimeUnit::Hour,
            TimeUnit::Day,
            TimeUnit::Week,
            TimeUnit::Month,
            TimeUnit::Quarter,
            TimeUnit::Year,
        ];
        let count = self.one(&[0, 1, 5, 4_000_000_000]);
        let unit = self.one(&units);
        Period { count, unit }
    }

    fn number(&mut self) -> Number {
        Number::new(self.one(&[
            "0",
            "012",
            "1.5",
            ".5",
            "1e9",
            "2E-3",
            "12345678901234567890123",
        ]))
    }

    fn literal(&mut self) -> Literal {
        match self.below(5) {
            0 => Literal::Number(self.number()),
            1 => Literal::Boolean(self.yes()),
            2 => Literal::Null,
            _ => Literal::Text(self.text()),
        }
    }

    fn regex(&mut self) -> Spanned<Regex> {
        at(Regex::new(self.one(&[
            "a", r"a/b", r"\/", r"\\", r"[^/]+$", "(?i)x y", r"\d{2}\|", "#", "'", "\"(", "a\nb",
            "",
        ])))
    }

    fn call(&mut self, depth: usize) -> Call {
        let function = self.one(&["count", "pct", "isPresent", "bin", "if", "MAX"]);
        let arguments = if self.below(4) == 0 {
            Arguments::Star
        } else {
            Arguments::List(self.some(0, |g| g.expr(depth)))
        };
        Call {
            function: at(function.to_string()),
            arguments,
        }
    }

    fn expr(&mut self, depth: usize) -> Expr {
        let Some(below) = depth.checked_sub(1) else {
            return at(match self.below(5) {
                0 => ExprKind::Period(self.period()),
                1 => ExprKind::Parameter(self.one(&["x", "a-b", "1"]).to_string()),
                2 => ExprKind::Literal(self.literal()),
                _ => ExprKind::Field(self.field().node),
            });
        };
        let inner = |g: &mut Generator| Box::new(g.expr(below));
        at(match self.below(13) {
            0 => ExprKind::And(self.some(2, |g| g.expr(below))),
            1 => ExprKind::Or(self.some(2, |g| g.expr(below))),
            2 => ExprKind::Not(inner(self)),
            3 => ExprKind::Negate(inner(self)),
            4 | 5 => {
                let op = self.one(&[
                    ArithmeticOp::Add,
                    ArithmeticOp::Subtract,
                    ArithmeticOp::Multiply,
                    ArithmeticOp::Divide,
                    ArithmeticOp::Modulo,
                    ArithmeticOp::Power,
                ]);
                let (left, right) = (inner(self), inner(self));
                ExprKind::Arithmetic { op, left, right }
            }
            6 | 7 => {
                let op = self.one(&[
                    CompareOp::Equal,
                    CompareOp::NotEqual,
                    CompareOp::Less,
                    CompareOp::LessOrEqual,
                    CompareOp::Greater,
                    CompareOp::GreaterOrEqual,
                ]);
                let (left, right) = (inner(self), inner(self));
                ExprKind::Compare { op, left, right }
            }
            8 => ExprKind::Like {
                value: inner(self),
                negated: self.yes(),
                pattern: if self.yes() {
                    Pattern::Regex(self.regex())
                } else {
                    Pattern::Substring(inner(self))
                },
            },
            9 => ExprKind::In {
                value: inner(self),
                negated: self.yes(),
                set: if self.below(4) == 0 {
                    Set::Subquery(Box::new(self.pipeline(below)))
                } else {
                    Set::List(self.some(0, |g| g.expr(below)))
                },
            },
            10 => ExprKind::IsNull {
                value: inner(self),
                negated: self.yes(),
            },
            11 => ExprKind::Access {
                base: Box::new(at(ExprKind::Call(self.call(below)))),
                path: self.some(1, Generator::segment),
            },
            _ => ExprKind::Call(self.call(below)),
        })
    }

    fn named(&mut self, depth: usize) -> NamedExpr {
        NamedExpr {
            expr: self.expr(depth),
            alias: self.maybe(Generator::name),
        }
    }

    fn projections(&mut self, depth: usize) -> Vec<Projection> {
        self.some(1, |g| match g.below(5) {
            0 => Projection::All,
            _ => Projection::Expr(g.named(depth)),
        })
    }

    fn fields(&mut self) -> Vec<Spanned<FieldRef>> {
        self.some(1, Generator::field)
    }

    // ------------------------------------------------------------------------- search

    fn time_point(&mut self) -> Spanned<TimePoint> {
        let absolute = [
            "2026-01-31",
            "2026-01-31 12:00",
            "1700000000",
            "2026-01-31T01:02:03+02:00",
        ];
        at(if self.yes() {
            TimePoint::Absolute(self.one(&absolute).to_string())
        } else {
            TimePoint::Relative(self.some(0, |g| match g.below(3) {
                0 => TimeStep::Snap(g.one(&[TimeUnit::Hour, TimeUnit::Week, TimeUnit::Month])),
                1 => TimeStep::SnapWeekday(g.one(&[0, 6])),
                _ => TimeStep::Shift {
                    back: g.yes(),
                    by: g.period(),
                },
            }))
        })
    }

    fn time(&mut self) -> Vec<Spanned<TimeModifier>> {
        self.some(0, |g| {
            at(match g.below(3) {
                0 => TimeModifier::Last(g.period()),
                1 => TimeModifier::Earliest(g.time_point()),
                _ => TimeModifier::Latest(g.time_point()),
            })
        })
    }

    fn term_text(&mut self) -> String {
        self.one(&[
            "AKIAIOSFODNN7EXAMPLE",
            "a b",
            "x:y",
            "arn:aws:iam::1:user/x",
            "https://a.b/c?d=e",
            "-x",
            "a-b",
            "it's",
            "'",
            "\"",
            "\\",
            "a\\b",
            "(x)",
            "[",
            "a,",
            "a=b",
            "a<",
            "#x",
            "a#b",
            "/x/",
            "x/",
            "last",
            "7d",
            "1",
            "<5",
            "fe80::1",
            "x;",
            "été",
            "--",
            "limit",
            "a|b",
            "*",
        ])
        .to_string()
    }

    fn term(&mut self) -> Term {
        match self.below(6) {
            0 => Term::Phrase(self.text()),
            1 => Term::Prefix(self.term_text()),
            2 => {
                let mut parts = self.some(2, Generator::term_text);
                if self.yes() {
                    parts.insert(0, String::new());
                }
                Term::Wildcard(parts)
            }
            3 => {
                let network = self.one(&["10.0.0.0/8", "2001:db8::/32", "fe80::1/128"]);
                Term::Cidr(Cidr::parse(network).expect("a network"))
            }
            4 => Term::Regex(self.regex().node),
            _ => Term::Word(self.term_text()),
        }
    }

    fn bound(&mut self) -> Bound {
        match self.below(3) {
            0 => Bound::Open,
            1 => Bound::Inclusive(self.text()),
            _ => Bound::Exclusive(self.one(&["1", "a", "x y"]).to_string()),
        }
    }

    fn node(&mut self, depth: usize) -> Node {
        let below = depth.saturating_sub(1);
        at(match self.below(if depth == 0 { 3 } else { 7 }) {
            0 => NodeKind::Anywhere(self.term()),
            1 => NodeKind::Everything,
            2 => NodeKind::Field {
                field: self.field(),
                test: match self.below(4) {
                    0 => FieldTest::Exists,
                    1 => FieldTest::Range {
                        low: self.bound(),
                        high: self.bound(),
                    },
                    2 => FieldTest::Compare {
                        op: self
                            .one(&[search::Comparison::Less, search::Comparison::GreaterOrEqual]),
                        value: self.text(),
                    },
                    _ => FieldTest::Is(self.term()),
                },
            },
            3 => NodeKind::Not(Box::new(self.node(below))),
            4 => NodeKind::Or(self.some(2, |g| g.node(below))),
            _ => NodeKind::And(self.some(2, |g| g.node(below))),
        })
    }

    fn search(&mut self, depth: usize) -> Search {
        let mut time = self.time();
        let terms = self.maybe(|g| g.node(depth));
        if terms.is_none() && time.is_empty() {
            time.push(at(TimeModifier::Last(self.period())));
        }
        Search { terms, time }
    }

    // ----------------------------------------------------------------------- commands

    fn source(&mut self) -> Source {
        Source {
            items: self.some(1, |g| match g.below(3) {
                0 => SourceItem::Selector {
                    function: at("logGroups".to_string()),
                    arguments: g.some(0, |g| SelectorArgument {
                        name: g.maybe(|_| at("namePrefix".to_string())),
                        value: g.selector_value(2),
                    }),
                },
                _ => SourceItem::Store(g.name()),
            }),
            time: self.time(),
        }
    }

    fn selector_value(&mut self, depth: usize) -> Spanned<SelectorValue> {
        let below = depth.saturating_sub(1);
        at(match self.below(if depth == 0 { 1 } else { 3 }) {
            0 => SelectorValue::Literal(self.literal()),
            1 => SelectorValue::List(self.some(0, |g| g.selector_value(below))),
            _ => SelectorValue::Object(self.some(0, |g| (at(g.text()), g.selector_value(below)))),
        })
    }

    fn output(&mut self) -> LookupOutput {
        LookupOutput {
            only_new: self.yes(),
            columns: self.some(1, |g| (g.name(), g.maybe(Generator::name))),
        }
    }

    fn parse(&mut self) -> Parse {
        let names = |g: &mut Generator| g.some(1, Generator::name);
        let method = match self.below(4) {
            0 => {
                let names = names(self);
                let pattern = names
                    .iter()
                    .fold(self.text().replace('*', ""), |p, _| p + "*\"'");
                let pattern = at(pattern);
                ParseMethod::Glob { pattern, names }
            }
            1 => ParseMethod::Logfmt { name: self.name() },
            2 => ParseMethod::Csv { names: names(self) },
            _ => ParseMethod::Regex {
                pattern: self.regex(),
                names: self.some(0, Generator::name),
                multi: self.yes(),
            },
        };
        Parse {
            input: self.maybe(Generator::field),
            method,
        }
    }

    fn command(&mut self, depth: usize) -> CommandKind {
        let plain = |g: &mut Generator| at(g.one(&["a", "b_1", "x"]).to_string());
        match self.below(29) {
            0 => CommandKind::Filter(self.expr(depth)),
            1 => CommandKind::FilterIndex(self.expr(depth)),
            2 => CommandKind::Fields(self.projections(depth)),
            3 => CommandKind::Display(self.projections(depth)),
            4 => CommandKind::Unmask(self.projections(depth)),
            5 => CommandKind::Parse(self.parse()),
            6 => CommandKind::JsonField(JsonField {
                input: self.field(),
                path: at(self.text()),
                name: self.name(),
            }),
            7 | 8 => CommandKind::Stats(Stats {
                aggregates: self.some(1, |g| g.named(depth)),
                by: self.some(0, |g| g.named(depth)),
                offset: self.maybe(|g| at(g.period())),
            }),
            9 => CommandKind::Sort(self.some(1, |g| SortKey {
                expr: g.expr(depth),
                direction: g.one(&[Direction::Ascending, Direction::Descending]),
            })),
            10 => CommandKind::Limit(Limit {
                rows: at(self.one(&[0, 5, u64::MAX])),
                any: self.yes(),
            }),
            11 => CommandKind::Dedup(self.fields()),
            12 => CommandKind::Unnest(Unnest {
                list: self.expr(depth),
                name: self.name(),
            }),
            13 => CommandKind::Expand(self.field()),
            14 => CommandKind::Join(Join {
                kind: self.one(&[JoinKind::Inner, JoinKind::Left]),
                left: self.maybe(plain),
                right: self.maybe(plain),
                condition: self.expr(depth),
                other: Box::new(self.pipeline(depth.saturating_sub(1))),
            }),
            15 => CommandKind::Lookup(Lookup {
                table: self.name(),
                keys: self.some(1, |g| LookupKey {
                    column: g.name(),
                    field: g.maybe(Generator::field),
                }),
                output: self.output(),
            }),
            16 => CommandKind::CidrLookup(CidrLookup {
                table: self.name(),
                address: self.field(),
                network_column: self.maybe(Generator::name),
                output: self.output(),
            }),
            17 => CommandKind::AppendCols(AppendCols {
                overwrite: self.yes(),
                rows_max: self.maybe(|_| at(7)),
                other: Box::new(self.pipeline(depth.saturating_sub(1))),
            }),
            18 => CommandKind::Pattern(self.expr(depth)),
            19 => self.one(&[
                CommandKind::Anomaly,
                CommandKind::Estimate,
                CommandKind::Diff(None),
                CommandKind::Diff(Some(DiffAgainst::PreviousWeek)),
            ]),
            20 => CommandKind::LogCompare(at(self.period())),
            21 => CommandKind::RelevantFields(RelevantFields {
                fields: self.some(0, Generator::field),
                condition: self.expr(depth),
            }),
            22 => CommandKind::CountFrequent(self.fields()),
            23 => CommandKind::Outlier(Outlier {
                action: self.one(&[OutlierAction::Transform, OutlierAction::Remove]),
                range_factor: self.maybe(|_| at(Number::new("2.5"))),
                use_lower: self.yes(),
                mark: self.yes(),
                fields: self.fields(),
            }),
            24 => CommandKind::Sessionize(Sessionize {
                keys: self.fields(),
                max_span: self.maybe(|g| at(g.period())),
                name: self.maybe(Generator::name),
            }),
            25 => CommandKind::AutoRegress(AutoRegress {
                field: self.field(),
                name: self.maybe(Generator::name),
                lags: self.maybe(|g| at(g.one(&[(1, 1), (2, 5)]))),
            }),
            26 => CommandKind::Accum(Accum {
                field: self.field(),
                name: self.maybe(Generator::name),
            }),
            27 => CommandKind::FillMissing(self.some(0, |g| Fill {
                value: at(g.literal()),
                fields: g.fields(),
            })),
            _ => CommandKind::AddTotals(AddTotals {
                name: self.maybe(plain),
                row: self.yes(),
                column: self.yes(),
                fields: self.some(0, Generator::field),
            }),
        }
    }

    fn pipeline(&mut self, depth: usize) -> Pipeline {
        let mut commands = Vec::new();
        if self.below(4) == 0 {
            commands.push(at(CommandKind::Source(self.source())));
        }
        if self.below(4) == 0 {
            commands.push(at(CommandKind::Search(self.search(depth))));
        }
        commands.extend(self.some(1, |g| at(g.command(depth))));
        Pipeline { commands }
    }
}

#[test]
fn a_printed_pipeline_reads_as_itself() {
    for seed in 1..=4_000u64 {
        let mut generator = Generator { state: seed };
        let pipeline = generator.pipeline(2);
        for text in [format!("{pipeline}"), format!("{pipeline:#}")] {
            match parse(&text) {
                Ok(parsed) => assert_eq!(parsed.pipeline, pipeline, "seed {seed}:\n{text}"),
                Err(error) => panic!("seed {seed}: {error} at {:?} in\n{text}", error.span),
            }
        }
    }
}

#[test]
fn a_printed_search_reads_as_itself() {
    for seed in 1..=10_000u64 {
        let mut generator = Generator { state: seed };
        let search = generator.search(3);
        let text = search.to_string();
        match search::parse(&text) {
            Ok(parsed) => assert_eq!(parsed, search, "seed {seed}:\n{text}"),
            Err(error) => panic!("seed {seed}: {error} at {:?} in\n{text}", error.span),
        }
    }
}
