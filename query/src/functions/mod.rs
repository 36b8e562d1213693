//! Trino's functions where DataFusion has none, or others.
//!
//! One family, one file. [`scalar`] lists them all; the SQL front end calls a function
//! by its Trino name, the other languages by the same objects ([`by_name`]). A function
//! that can fail on a value has a twin `try_…` that gives null instead.

mod call;
pub(crate) mod casts;
mod compare;
mod datetime;
mod encoding;
pub(crate) mod insights;
mod json;
pub(crate) mod json_path;
pub(crate) mod json_type;
pub(crate) mod map_array;
mod regexp;
mod sized;
pub(crate) mod string;
mod time_format;
pub(crate) mod time_text;
mod url;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::registry::FunctionRegistry;

use call::Function;
pub(crate) use call::{is_text, time_type, try_name};

const FAMILIES: &[&[Function]] = &[
    json::FUNCTIONS,
    casts::FUNCTIONS,
    map_array::FUNCTIONS,
    datetime::FUNCTIONS,
    string::FUNCTIONS,
    regexp::FUNCTIONS,
    url::FUNCTIONS,
    encoding::FUNCTIONS,
];

/// Every scalar function of ours, the `try_…` twins among them.
pub fn scalar() -> impl Iterator<Item = &'static Arc<ScalarUDF>> {
    BY_NAME.values()
}

/// The function of a name, in lower case.
pub fn by_name(name: &str) -> Option<Arc<ScalarUDF>> {
    BY_NAME.get(name).cloned()
}

static BY_NAME: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .flat_map(|function| [function.udf(), function.try_udf()])
        .chain(compare::functions())
        .chain(sized::functions())
        .map(|udf| (udf.name().to_owned(), udf))
        .collect()
});

/// Adds every function of ours to a registry, in the place of DataFusion's of the same
/// name.
///
/// **Errors**: the registry's own.
pub fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for udf in scalar() {
        registry.register_udf(Arc::clone(udf))?;
    }
    Ok(())
}

/// The function of a name in a family, for tests.
#[cfg(test)]
fn named(family: &[Function], name: &str) -> Function {
    *family
        .iter()
        .find(|f| f.name == name)
        .unwrap_or_else(|| panic!("no function {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let listed: usize = FAMILIES.iter().map(|family| family.len()).sum();
        assert_eq!(scalar().count(), listed * 2 + 2 + sized::functions().len());
    }
}
