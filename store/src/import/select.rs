//! Which events a store wants: CloudTrail's advanced event selectors.
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdvancedEventSelector {
    #[serde(default)]
    pub name: String,
    pub field_selectors: Vec<FieldSelector>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FieldSelector {
    pub field: String,
    #[serde(default)]
    pub equals: Vec<String>,
    #[serde(default)]
    pub starts_with: Vec<String>,
    #[serde(default)]
    pub ends_with: Vec<String>,
    #[serde(default)]
    pub not_equals: Vec<String>,
    #[serde(default)]
    pub not_starts_with: Vec<String>,
    #[serde(default)]
    pub not_ends_with: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SelectorError {
    pub reason: String,
}

pub fn validate(_selectors: &[AdvancedEventSelector]) -> Result<(), SelectorError> {
    Ok(())
}

pub struct Selectors(Vec<AdvancedEventSelector>);

impl Selectors {
    pub fn new(selectors: &[AdvancedEventSelector]) -> Self {
        Self(selectors.to_vec())
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn matches<'v>(&self, _field: &dyn Fn(&str) -> Vec<Cow<'v, str>>) -> bool {
        true
    }
}
