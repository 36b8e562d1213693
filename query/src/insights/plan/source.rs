//! `SOURCE`: which stores, and when.

use tarn_store::TimeRange;

use super::condition::Truth;
use super::{Lowering, not_available};
use crate::error::QueryError;
use crate::insights::ast::{Source, SourceItem};
use crate::pushdown;
use crate::search::TimeModifier;
use crate::search_plan::time_predicate;
use crate::span::Spanned;
use tarn_store::Predicate;

impl Lowering<'_> {
    pub(super) fn source(&mut self, source: &Source) -> Result<(), QueryError> {
        for item in &source.items {
            match item {
                SourceItem::Store(name) => {
                    let text = self.parameters.filled(name, name.span, str::to_owned)?;
                    let found = self.planning.store(&text);
                    let store = found.map_err(|error| error.at(name.span))?;
                    if !self.stores.contains(&store) {
                        self.stores.push(store);
                    }
                }
                SourceItem::Selector { function, .. } => {
                    let what = format!("choosing log groups by `{}`", function.node);
                    return Err(not_available(&what, function.span)
                        .hint("name event data stores: SOURCE default start=-7d"));
                }
            }
        }
        let times = self.narrow(&source.time)?;
        self.keep(Truth::Store(times));
        Ok(())
    }

    /// Narrows the time that functions tell of; the predicate keeps the events within.
    pub(super) fn narrow(
        &mut self,
        modifiers: &[Spanned<TimeModifier>],
    ) -> Result<Predicate, QueryError> {
        let mut parts = Vec::with_capacity(modifiers.len());
        for modifier in modifiers {
            parts.push(time_predicate(modifier, self.clock)?);
        }
        let times = Predicate::and(parts);
        let (range, _): (TimeRange, _) = pushdown::split_time(times.clone());
        self.range = self.range.and(&range);
        Ok(times)
    }
}
