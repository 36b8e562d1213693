//! SELECT lists: every item gets a name that is unique in its list.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, Value};
use tarn_store::fields;

use super::Rewriter;
use crate::sql::names::{name_of, unnamed};

impl Rewriter<'_> {
    /// Gives every item of a SELECT list a name that is unique in it.
    ///
    /// Plain columns stay as they are where they can. Of two items with one name neither
    /// can be referred to by it, as in Trino, unless they are one and the same column.
    pub(super) fn name_items(&mut self, select: &mut Select) {
        let has_star = select.projection.iter().any(|item| {
            matches!(
                item,
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _)
            )
        });
        let mut same_name: HashMap<String, SameName> = HashMap::new();
        for item in &select.projection {
            if let Some(name) = item_name(item) {
                let same = same_name.entry(name.to_lowercase()).or_default();
                same.items += 1;
                same.others += usize::from(!is_plain(item));
            }
        }
        for (at, item) in select.projection.iter_mut().enumerate() {
            let name = item_name(item).map_or_else(|| unnamed(at), str::to_lowercase);
            let is_plain = is_plain(item);
            let is_in_star = has_star && (is_plain || fields::spelled(&name).is_some());
            let is_repeated = same_name.get_mut(&name).is_some_and(|same| {
                let is_first = !std::mem::replace(&mut same.seen, true);
                same.items > 1 && !(is_first && same.others == 0)
            });
            let alias = if is_in_star || is_repeated {
                format!("{name} #{}", at + 1)
            } else {
                name.clone()
            };
            match item {
                SelectItem::UnnamedExpr(_) if is_plain && alias == name => {}
                SelectItem::UnnamedExpr(expr) => {
                    let expr = std::mem::replace(expr, Expr::value(Value::Null));
                    let alias = Ident::with_quote('"', alias);
                    *item = SelectItem::ExprWithAlias { expr, alias };
                }
                SelectItem::ExprWithAlias { alias: typed, .. } => {
                    self.spelled
                        .entry(name)
                        .or_insert_with(|| typed.value.clone());
                    *typed = Ident::with_quote('"', alias);
                }
                _ => {}
            }
        }
    }
}

/// The items of a SELECT list that have one name.
#[derive(Default)]
struct SameName {
    items: usize,
    /// Those of them that are no plain column.
    others: usize,
    seen: bool,
}

fn is_plain(item: &SelectItem) -> bool {
    matches!(item, SelectItem::UnnamedExpr(Expr::Identifier(_)))
}

fn item_name(item: &SelectItem) -> Option<&str> {
    match item {
        SelectItem::UnnamedExpr(expr) => name_of(expr).map(|name| name.value.as_str()),
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.as_str()),
        _ => None,
    }
}
