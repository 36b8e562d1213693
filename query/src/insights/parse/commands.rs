//! Commands: from the parts of each command's match to its variant of the tree.

use super::literals::{
    alias, field, lags, literal, name, names, period, string, time_modifier, whole_number,
};
use super::{Builder, Pair, Parts, Result, Rule, span};
use crate::insights::ast::{
    Accum, AddTotals, AppendCols, AutoRegress, CidrLookup, CommandKind, DiffAgainst, Direction,
    Fill, Join, JoinKind, JsonField, Limit, Lookup, LookupKey, LookupOutput, Name, Number, Outlier,
    OutlierAction, Parse, ParseMethod, RelevantFields, SelectorArgument, SelectorValue, Sessionize,
    SortKey, Source, SourceItem, Stats, Unnest,
};
use crate::search::FieldRef;
use crate::span::Spanned;
use crate::syntax::SyntaxError;

impl Builder {
    pub(super) fn command(&mut self, pair: Pair<'_>) -> Result<CommandKind> {
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        Ok(match rule {
            Rule::source => CommandKind::Source(source(parts)?),
            Rule::search | Rule::bare_search => CommandKind::Search(self.search(parts.need())?),
            Rule::filter => CommandKind::Filter(self.expr(parts.need())?),
            Rule::filter_index => CommandKind::FilterIndex(self.expr(parts.need())?),

            Rule::fields => CommandKind::Fields(self.all(parts, Builder::projection)?),
            Rule::display => CommandKind::Display(self.all(parts, Builder::projection)?),
            Rule::unmask => CommandKind::Unmask(self.all(parts, Builder::projection)?),
            Rule::parse => CommandKind::Parse(self.parse(parts)?),
            Rule::json_field => CommandKind::JsonField(JsonField {
                input: field(parts.need()),
                path: spanned_string(&parts.need()),
                name: name(parts.need()),
            }),

            Rule::stats => CommandKind::Stats(self.stats(parts)?),
            Rule::sort => CommandKind::Sort(self.all(parts, Builder::sort_key)?),
            Rule::limit => CommandKind::Limit(limit(parts)?),
            Rule::dedup => CommandKind::Dedup(parts.map(field).collect()),
            Rule::unnest => CommandKind::Unnest(Unnest {
                list: self.expr(parts.need())?,
                name: name(parts.need()),
            }),
            Rule::expand => CommandKind::Expand(field(parts.need())),

            Rule::join => CommandKind::Join(self.join(parts)?),
            Rule::lookup => CommandKind::Lookup(lookup(parts)),
            Rule::cidr_lookup => CommandKind::CidrLookup(CidrLookup {
                table: name(parts.need()),
                address: field(parts.need()),
                network_column: parts.optional(Rule::alias).map(alias),
                output: lookup_output(parts.need()),
            }),
            Rule::append_cols => CommandKind::AppendCols(self.append_cols(parts)?),

            Rule::pattern => CommandKind::Pattern(self.expr(parts.need())?),
            Rule::anomaly => CommandKind::Anomaly,
            Rule::diff => CommandKind::Diff(parts.next().map(|against| match against.as_rule() {
                Rule::previous_week => DiffAgainst::PreviousWeek,
                Rule::previous_month => DiffAgainst::PreviousMonth,
                _ => DiffAgainst::PreviousDay,
            })),
            Rule::log_compare => CommandKind::LogCompare(period(parts.need())?),
            Rule::relevant_fields => CommandKind::RelevantFields(RelevantFields {
                fields: field_list(&mut parts),
                condition: self.expr(parts.need())?,
            }),
            Rule::count_frequent => CommandKind::CountFrequent(parts.map(field).collect()),
            Rule::outlier => CommandKind::Outlier(outlier(parts)?),

            Rule::sessionize => CommandKind::Sessionize(Sessionize {
                keys: field_list(&mut parts),
                max_span: parts.optional(Rule::period).map(period).transpose()?,
                name: parts.optional(Rule::alias).map(alias),
            }),
            Rule::auto_regress => CommandKind::AutoRegress(AutoRegress {
                field: field(parts.need()),
                name: parts.optional(Rule::alias).map(alias),
                lags: parts.optional(Rule::lags).map(lags).transpose()?,
            }),
            Rule::accum => CommandKind::Accum(Accum {
                field: field(parts.need()),
                name: parts.optional(Rule::alias).map(alias),
            }),
            Rule::fill_down => CommandKind::FillDown(
                parts
                    .map(|glob| Spanned::new(glob.as_str().to_string(), span(&glob)))
                    .collect(),
            ),
            Rule::fill_missing => CommandKind::FillMissing(parts.map(fill).collect()),
            Rule::add_totals => CommandKind::AddTotals(add_totals(parts)?),
            _ => CommandKind::Estimate,
        })
    }

    /// Every part by the same function.
    fn all<'t, T>(
        &mut self,
        parts: Parts<'t>,
        build: impl Fn(&mut Builder, Pair<'t>) -> Result<T>,
    ) -> Result<Vec<T>> {
        parts.map(|part| build(self, part)).collect()
    }

    fn parse(&mut self, mut parts: Parts<'_>) -> Result<Parse> {
        let input = parts.optional(Rule::field).map(field);
        let method = parts.need();
        let rule = method.as_rule();
        let mut parts = Parts::of(method);
        let method = match rule {
            Rule::parse_glob => {
                let pattern = spanned_string(&parts.need());
                let names = names(parts.need());
                check_stars(&pattern, &names)?;
                ParseMethod::Glob { pattern, names }
            }
            Rule::parse_regex => ParseMethod::Regex {
                pattern: self.regex(parts.need()),
                names: parts.optional(Rule::names).map(names).unwrap_or_default(),
                multi: parts.has(Rule::multi),
            },
            Rule::parse_logfmt => ParseMethod::Logfmt {
                name: name(parts.need()),
            },
            _ => ParseMethod::Csv {
                names: names(parts.need()),
            },
        };
        Ok(Parse { input, method })
    }

    fn stats(&mut self, mut parts: Parts<'_>) -> Result<Stats> {
        let mut aggregates = Vec::new();
        while let Some(aggregate) = parts.optional(Rule::named_expr) {
            aggregates.push(self.named_expr(aggregate)?);
        }
        let by = match parts.optional(Rule::group_by) {
            Some(keys) => self.all(Parts::of(keys), Builder::named_expr)?,
            None => Vec::new(),
        };
        let offset = parts.optional(Rule::period).map(period).transpose()?;
        Ok(Stats {
            aggregates,
            by,
            offset,
        })
    }

    fn sort_key(&mut self, pair: Pair<'_>) -> Result<SortKey> {
        let mut parts = Parts::of(pair);
        Ok(SortKey {
            expr: self.expr(parts.need())?,
            direction: if parts.has(Rule::descending) {
                Direction::Descending
            } else {
                Direction::Ascending
            },
        })
    }

    fn join(&mut self, mut parts: Parts<'_>) -> Result<Join> {
        let mut options = Options::of(&mut parts)?;
        let kind = options.choice(
            "type",
            &[("inner", JoinKind::Inner), ("left", JoinKind::Left)],
        )?;
        let join = Join {
            kind: kind.unwrap_or(JoinKind::Inner),
            left: options.text("left"),
            right: options.text("right"),
            condition: self.expr(parts.need())?,
            other: self.subquery(parts.need())?,
        };
        options.finish()?;
        Ok(join)
    }

    fn append_cols(&mut self, mut parts: Parts<'_>) -> Result<AppendCols> {
        let mut options = Options::of(&mut parts)?;
        let append_cols = AppendCols {
            overwrite: options.switch("override")?.unwrap_or(false),
            rows_max: options.whole_number("max")?,
            other: self.subquery(parts.need())?,
        };
        options.finish()?;
        Ok(append_cols)
    }
}

fn fill(pair: Pair<'_>) -> Fill {
    let mut parts = Parts::of(pair);
    Fill {
        value: literal(&parts.need()),
        fields: parts.map(field).collect(),
    }
}

fn spanned_string(pair: &Pair<'_>) -> Spanned<String> {
    Spanned::new(string(pair), span(pair))
}

/// The fields at the front.
fn field_list(parts: &mut Parts<'_>) -> Vec<Spanned<FieldRef>> {
    std::iter::from_fn(|| parts.optional(Rule::field).map(field)).collect()
}

/// Each star of a glob is the value of one name.
fn check_stars(pattern: &Spanned<String>, names: &[Name]) -> Result<()> {
    let n_stars = pattern.matches('*').count();
    if n_stars == names.len() {
        return Ok(());
    }
    let count = |n: usize, noun: &str| match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    };
    let (stars, names) = (count(n_stars, "star"), count(names.len(), "name"));
    Err(
        SyntaxError::new(pattern.span, format!("the pattern has {stars} for {names}"))
            .hint("give each `*` a name after `as`, and no more"),
    )
}

fn limit(mut parts: Parts<'_>) -> Result<Limit> {
    let any = parts.has(Rule::any);
    let rows = whole_number(&parts.need())?;
    Ok(Limit { rows, any })
}

fn lookup(mut parts: Parts<'_>) -> Lookup {
    let table = name(parts.need());
    let keys = std::iter::from_fn(|| parts.optional(Rule::lookup_key))
        .map(|key| {
            let mut parts = Parts::of(key);
            LookupKey {
                column: name(parts.need()),
                field: parts.next().map(field),
            }
        })
        .collect();
    Lookup {
        table,
        keys,
        output: lookup_output(parts.need()),
    }
}

fn lookup_output(pair: Pair<'_>) -> LookupOutput {
    let mut parts = Parts::of(pair);
    let only_new = parts.need().as_rule() == Rule::output_new;
    let columns = parts
        .map(|column| {
            let mut parts = Parts::of(column);
            (name(parts.need()), parts.optional(Rule::alias).map(alias))
        })
        .collect();
    LookupOutput { only_new, columns }
}

fn outlier(mut parts: Parts<'_>) -> Result<Outlier> {
    let mut options = Options::of(&mut parts)?;
    let actions = [
        ("transform", OutlierAction::Transform),
        ("remove", OutlierAction::Remove),
    ];
    let outlier = Outlier {
        action: options
            .choice("action", &actions)?
            .unwrap_or(OutlierAction::Transform),
        range_factor: options.number("param")?,
        use_lower: options.switch("uselower")?.unwrap_or(false),
        mark: options.switch("mark")?.unwrap_or(false),
        fields: parts.map(field).collect(),
    };
    options.finish()?;
    Ok(outlier)
}

fn add_totals(mut parts: Parts<'_>) -> Result<AddTotals> {
    let mut options = Options::of(&mut parts)?;
    let add_totals = AddTotals {
        name: options.text("fieldname"),
        row: options.switch("row")?.unwrap_or(true),
        column: options.switch("col")?.unwrap_or(false),
        fields: parts.map(field).collect(),
    };
    options.finish()?;
    Ok(add_totals)
}

fn source(parts: Parts<'_>) -> Result<Source> {
    let mut source = Source {
        items: Vec::new(),
        time: Vec::new(),
    };
    for part in parts {
        let whole = span(&part);
        match part.as_rule() {
            Rule::time_modifier => source.time.push(time_modifier(part)?),
            Rule::string => {
                let store = Spanned::new(string(&part), whole);
                source.items.push(SourceItem::Store(store));
            }
            Rule::source_selector => source.items.push(selector(part)),
            _ => {
                let store = Spanned::new(part.as_str().to_string(), whole);
                source.items.push(SourceItem::Store(store));
            }
        }
    }
    Ok(source)
}

fn selector(pair: Pair<'_>) -> SourceItem {
    let mut parts = Parts::of(pair);
    let function = parts.need();
    SourceItem::Selector {
        function: Spanned::new(function.as_str().to_string(), span(&function)),
        arguments: parts
            .map(|argument| {
                let mut parts = Parts::of(argument);
                let key = parts.optional(Rule::selector_key);
                SelectorArgument {
                    name: key.map(|key| Spanned::new(key.as_str().to_string(), span(&key))),
                    value: selector_value(parts.need()),
                }
            })
            .collect(),
    }
}

fn selector_value(pair: Pair<'_>) -> Spanned<SelectorValue> {
    let whole = span(&pair);
    let value = match pair.as_rule() {
        Rule::json_list => SelectorValue::List(Parts::of(pair).map(selector_value).collect()),
        Rule::json_object => SelectorValue::Object(
            Parts::of(pair)
                .map(|member| {
                    let mut parts = Parts::of(member);
                    (spanned_string(&parts.need()), selector_value(parts.need()))
                })
                .collect(),
        ),
        _ => SelectorValue::Literal(literal(&pair).node),
    };
    Spanned::new(value, whole)
}

/// The `key=value` parts of a command, each asked for by name.
struct Options {
    unread: Vec<(Name, Name)>,
    known: Vec<&'static str>,
}

impl Options {
    fn of(parts: &mut Parts<'_>) -> Result<Options> {
        let mut unread: Vec<(Name, Name)> = Vec::new();
        while let Some(option) = parts.optional(Rule::option) {
            let mut halves = Parts::of(option);
            let (key, value) = (halves.need(), halves.need());
            let key = Spanned::new(key.as_str().to_ascii_lowercase(), span(&key));
            let value = Spanned::new(value.as_str().to_string(), span(&value));
            if unread.iter().any(|(other, _)| other == &key) {
                let reason = format!("`{}` is given twice", key.node);
                return Err(SyntaxError::new(key.span, reason));
            }
            unread.push((key, value));
        }
        Ok(Options {
            unread,
            known: Vec::new(),
        })
    }

    fn text(&mut self, key: &'static str) -> Option<Name> {
        self.known.push(key);
        let at = self.unread.iter().position(|(name, _)| name.node == key)?;
        Some(self.unread.remove(at).1)
    }

    fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.text(key) else {
            return Ok(None);
        };
        choices
            .iter()
            .find(|(word, _)| value.eq_ignore_ascii_case(word))
            .map(|(_, choice)| Some(*choice))
            .ok_or_else(|| {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                SyntaxError::new(value.span, format!("`{}` is no {key}", value.node))
                    .hint(format!("{key} is one of {}", words.join(", ")))
            })
    }

    fn switch(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.choice(key, &[("true", true), ("false", false)])
    }

    fn whole_number(&mut self, key: &'static str) -> Result<Option<Spanned<u64>>> {
        self.text(key)
            .map(|value| {
                let number = value.parse().map_err(|_| {
                    let reason = format!("{key} is a whole number, not `{}`", value.node);
                    SyntaxError::new(value.span, reason)
                })?;
                Ok(Spanned::new(number, value.span))
            })
            .transpose()
    }

    fn number(&mut self, key: &'static str) -> Result<Option<Spanned<Number>>> {
        self.text(key)
            .map(|value| match value.parse::<f64>() {
                Ok(number) if number.is_finite() => {
                    Ok(Spanned::new(Number::new(&value), value.span))
                }
                _ => {
                    let reason = format!("{key} is a number, not `{}`", value.node);
                    Err(SyntaxError::new(value.span, reason))
                }
            })
            .transpose()
    }

    /// Refuses options that nobody asked for.
    fn finish(self) -> Result<()> {
        match self.unread.first() {
            None => Ok(()),
            Some((key, _)) => Err(SyntaxError::new(
                key.span,
                format!("there is no option `{}` here", key.node),
            )
            .hint(format!("the options are {}", self.known.join(", ")))),
        }
    }
}
