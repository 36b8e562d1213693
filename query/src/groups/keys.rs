//! What an aggregation groups by, in the words of the store.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use tarn_store::ScanColumn;
use tarn_store::groups::{GroupKey, TimeBucket};

use crate::columns::event_time;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 1970-01-05, a Monday.
const MONDAY_MS: i64 = 4 * DAY_MS;

/// The keys of an aggregation over a scan with these columns.
pub struct Keys<'k> {
    exprs: &'k [(Arc<dyn PhysicalExpr>, String)],
    columns: &'k [ScanColumn],
}

impl<'k> Keys<'k> {
    pub fn of(exprs: &'k [(Arc<dyn PhysicalExpr>, String)], columns: &'k [ScanColumn]) -> Self {
        Self { exprs, columns }
    }

    fn is_time(&self, column: &Column) -> bool {
        let source = self.columns.get(column.index()).map(|c| &c.source);
        source == Some(&event_time())
    }

    /// The keys, where each is a column or the time rounded down.
    pub fn as_values(&self) -> Option<Vec<GroupKey>> {
        let key = |(expr, _): &(Arc<dyn PhysicalExpr>, String)| {
            if let Some(column) = expr.downcast_ref::<Column>() {
                return Some(match self.is_time(column) {
                    true => GroupKey::Time(TimeBucket::EXACT),
                    false => GroupKey::Value(column.index()),
                });
            }
            let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
            let rounding = Rounding::of(function)?;
            let is_rounded = rounding.is_start && self.is_time(&rounding.column);
            is_rounded.then_some(GroupKey::Time(rounding.bucket))
        };
        self.exprs.iter().map(key).collect()
    }

    /// What the keys are made of: columns of the scan, the time rounded so far down that
    /// each key can still be told from it.
    pub fn as_parts(&self) -> Option<Vec<(usize, GroupKey)>> {
        let mut parts: Vec<(usize, GroupKey)> = Vec::new();
        for (expr, _) in self.exprs {
            let mut is_known = true;
            let walked = expr.apply(|node| {
                let part = self.part(node);
                is_known &= !matches!(part, Part::Unknown);
                Ok(match part {
                    Part::Column(place, key) => {
                        add(&mut parts, place, key);
                        TreeNodeRecursion::Jump
                    }
                    Part::Made => TreeNodeRecursion::Continue,
                    Part::Unknown => TreeNodeRecursion::Stop,
                })
            });
            if walked.is_err() || !is_known {
                return None;
            }
        }
        Some(parts)
    }

    fn part(&self, expr: &Arc<dyn PhysicalExpr>) -> Part {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return match self.is_time(column) {
                // Nobody knows how much of the time the expression tells apart.
                true => Part::Unknown,
                false => Part::Column(column.index(), GroupKey::Value(column.index())),
            };
        }
        let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() else {
            return Part::Made;
        };
        if function.fun().signature().volatility == Volatility::Volatile {
            return Part::Unknown;
        }
        match Rounding::of(function) {
            Some(rounding) if self.is_time(&rounding.column) => {
                Part::Column(rounding.column.index(), GroupKey::Time(rounding.bucket))
            }
            _ => Part::Made,
        }
    }
}

enum Part {
    Column(usize, GroupKey),
    /// Of the expressions below it.
    Made,
    Unknown,
}

/// Notes a part; of two roundings of the time the finer.
fn add(parts: &mut Vec<(usize, GroupKey)>, place: usize, key: GroupKey) {
    let known = parts.iter_mut().find(|(known, _)| *known == place);
    match (known, key) {
        (None, key) => parts.push((place, key)),
        (Some((_, GroupKey::Time(known))), GroupKey::Time(bucket)) => {
            // Spans nest where one is a multiple of the other and they count from one time.
            let is_finer = bucket.width_ms < known.width_ms;
            let nests = (known.width_ms.max(bucket.width_ms))
                .checked_rem(known.width_ms.min(bucket.width_ms))
                == Some(0);
            *known = match (nests && known.offset_ms == bucket.offset_ms, is_finer) {
                (true, true) => bucket,
                (true, false) => *known,
                (false, _) => TimeBucket::EXACT,
            };
        }
        (Some(_), _) => {}
    }
}

/// A function of the event's time that is the same for all times of a span.
struct Rounding {
    column: Column,
    bucket: TimeBucket,
    /// Whether the function gives the start of the span.
    is_start: bool,
}

impl Rounding {
    fn of(function: &ScalarFunctionExpr) -> Option<Self> {
        let arguments = function.args();
        let text = |i: usize| {
            let literal = arguments.get(i)?.downcast_ref::<Literal>()?;
            literal.value().try_as_str().flatten()
        };
        let column = |i: usize| arguments.get(i)?.downcast_ref::<Column>().cloned();
        let spans = |width_ms| TimeBucket {
            width_ms,
            offset_ms: 0,
        };
        let weeks = TimeBucket {
            width_ms: 7 * DAY_MS,
            offset_ms: MONDAY_MS,
        };
        let keeps_time =
            *function.return_type() == DataType::Timestamp(TimeUnit::Millisecond, None);
        let (column, bucket, is_start) = match function.name() {
            "date_trunc" if keeps_time => {
                let (bucket, is_start) = match text(0)?.to_ascii_lowercase().as_str() {
                    "second" => (spans(SECOND_MS), true),
                    "minute" => (spans(MINUTE_MS), true),
                    "hour" => (spans(HOUR_MS), true),
                    "day" => (spans(DAY_MS), true),
                    "week" => (weeks, true),
                    "month" | "quarter" | "year" => (spans(DAY_MS), false),
                    _ => return None,
                };
                (column(1)?, bucket, is_start)
            }
            "insights::datefloor" if text(3)? == "UTC" => {
                let literal = arguments.get(1)?.downcast_ref::<Literal>()?;
                let count: i64 = literal.value().to_string().parse().ok()?;
                let of = |unit_ms: i64| count.checked_mul(unit_ms).filter(|width| *width > 0);
                let (bucket, is_start) = match text(2)? {
                    "s" => (spans(of(SECOND_MS)?), true),
                    "m" => (spans(of(MINUTE_MS)?), true),
                    "h" => (spans(of(HOUR_MS)?), true),
                    "d" => (spans(of(DAY_MS)?), true),
                    "w" if count == 1 => (weeks, true),
                    "w" | "mo" | "q" | "y" => (spans(DAY_MS), false),
                    _ => return None,
                };
                (column(0)?, bucket, is_start)
            }
            "year" | "quarter" | "month" | "week" | "year_of_week" | "day" | "day_of_week"
            | "day_of_year" => (column(0)?, spans(DAY_MS), false),
            "date" => (column(0)?, spans(DAY_MS), false),
            "hour" => (column(0)?, spans(HOUR_MS), false),
            "minute" => (column(0)?, spans(MINUTE_MS), false),
            "second" => (column(0)?, spans(SECOND_MS), false),
            _ => return None,
        };
        Some(Self {
            column,
            bucket,
            is_start,
        })
    }
}

/// The expression of an operator's input as one of what that is made of.
pub fn below(
    expr: &Arc<dyn PhysicalExpr>,
    columns: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn PhysicalExpr>> {
    Arc::clone(expr)
        .transform(|node| match node.downcast_ref::<Column>() {
            None => Ok(Transformed::no(node)),
            Some(column) => match columns.get(column.index()) {
                Some(made) => Ok(Transformed::new(
                    Arc::clone(made),
                    true,
                    TreeNodeRecursion::Jump,
                )),
                None => Err(internal_datafusion_err!("no column {column} below")),
            },
        })
        .data()
}

/// The expression of the scan's columns as one of groups by `parts`.
pub fn on_parts(
    expr: &Arc<dyn PhysicalExpr>,
    parts: &[(usize, GroupKey)],
    groups: &SchemaRef,
) -> Result<Arc<dyn PhysicalExpr>> {
    Arc::clone(expr)
        .transform(|node| match node.downcast_ref::<Column>() {
            None => Ok(Transformed::no(node)),
            Some(column) => {
                let at = parts.iter().position(|(place, _)| *place == column.index());
                match at.and_then(|at| Some((at, groups.fields().get(at)?))) {
                    Some((at, field)) => {
                        let of_groups = Arc::new(Column::new(field.name(), at));
                        Ok(Transformed::yes(of_groups as Arc<dyn PhysicalExpr>))
                    }
                    None => Err(internal_datafusion_err!("no part {column}")),
                }
            }
        })
        .data()
}
