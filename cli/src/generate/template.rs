//! Templates: JSON with holes, compiled once and filled in for every event.
//!
//! The requests and responses of hundreds of calls are data, so they are written as text
//! (`calls/*.txt`) and not as code. A template is literal JSON with
//! - `<hole>` or `<hole:argument:…>`, which [`super::hole`] fills. A hole that names a thing
//!   of the account (`<instance>`, `<bucket>`) is the same thing wherever it stands in one
//!   event; `<instance*>` is another one each time;
//! - `(30% …)`, present in 30 of 100 events;
//! - `(1-4* …)`, repeated 1 to 4 times with commas between; `(1~400* …)` prefers few;
//! - `<&macro>`, one of the texts of that name (see [`super::calls`]).
//!
//! What a hole holds is a pure function of the event's seed (or of its running generator),
//! so nothing is remembered while an event is written.

use std::collections::HashMap;

use super::account::Account;
use super::hole::Hole;
use super::ids;
use super::random::{Rng, derive, salt};

/// What the holes of one event are filled from.
pub struct Scene<'a> {
    pub account: &'a Account,
    /// An account that this one deals with.
    pub other_account: &'a str,
    pub region: &'a str,
    pub time_s: i64,
    /// The event's own seed.
    pub seed: u64,
    /// Seed of the things that it is about, which the events of a run share.
    pub things: u64,
    /// ARN of whoever acts.
    pub actor_arn: &'a str,
    /// `ec2:DescribeInstances`.
    pub action: &'a str,
}

impl Scene<'_> {
    /// Appends the event's request id: 16 characters in S3, a UUID elsewhere.
    pub fn push_request_id(&self, out: &mut Vec<u8>) {
        let seed = derive(self.seed, salt("request"));
        if self.action.starts_with("s3:") {
            ids::push_upper(out, seed, 16);
        } else {
            ids::push_uuid(out, seed);
        }
    }
}

/// A compiled template.
#[derive(Clone, Debug, Default)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Vec<u8>),
    Hole(Hole),
    Maybe {
        permille: u32,
        inner: Template,
    },
    Repeat {
        low: u64,
        high: u64,
        few: bool,
        inner: Template,
    },
    OneOf(Vec<Template>),
}

/// Texts that templates may name, each with its alternatives.
pub type Macros = HashMap<String, Vec<String>>;

/// Why a text is not a template.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    #[error("unknown hole <{name}>")]
    UnknownHole { name: String },
    #[error("unknown text <&{name}>")]
    UnknownMacro { name: String },
    #[error("{open} is not closed in {near}")]
    NotClosed { open: char, near: String },
    #[error("({head} does not start with a share or a number of times")]
    BadGroup { head: String },
    #[error("<{name}> lacks a number")]
    NoNumber { name: String },
}

impl Template {
    /// Compiles a text.
    pub fn new(text: &str, macros: &Macros) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = next_opening(rest) {
            let (before, from) = rest.split_at(at);
            if !before.is_empty() {
                parts.push(Part::Text(before.as_bytes().to_vec()));
            }
            let (inner, after) = enclosed(from)?;
            parts.push(if from.starts_with('<') {
                Part::hole(inner, macros)?
            } else {
                Part::group(inner, macros)?
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.as_bytes().to_vec()));
        }
        Ok(Template { parts })
    }

    /// Appends the template, its holes filled.
    pub fn fill(&self, scene: &Scene, rng: &mut Rng, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Hole(hole) => hole.fill(scene, rng, out),
                Part::Maybe { permille, inner } => {
                    if rng.permille(*permille) {
                        inner.fill(scene, rng, out);
                    }
                }
                Part::Repeat {
                    low,
                    high,
                    few,
                    inner,
                } => {
                    let times = if *few {
                        rng.log_between(*low, *high)
                    } else {
                        rng.between(*low, *high)
                    };
                    for i in 0..times {
                        if i > 0 {
                            out.push(b',');
                        }
                        inner.fill(scene, rng, out);
                    }
                }
                Part::OneOf(texts) => {
                    if let Some(text) = rng.pick(texts) {
                        text.fill(scene, rng, out);
                    }
                }
            }
        }
    }
}

/// Where the next hole or group begins. A parenthesis before anything but a number is text.
fn next_opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&at| match bytes.get(at) {
        Some(b'<') => true,
        Some(b'(') => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        _ => false,
    })
}

/// Splits `<…>rest` or `(…)rest`, nested ones of the same kind included, to inside and rest.
fn enclosed(text: &str) -> Result<(&str, &str), TemplateError> {
    let (open, close) = if text.starts_with('<') {
        ('<', '>')
    } else {
        ('(', ')')
    };
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Ok((&text[1..at], &text[at + 1..]));
            }
        }
    }
    Err(TemplateError::NotClosed {
        open,
        near: text.chars().take(40).collect(),
    })
}

impl Part {
    fn hole(inner: &str, macros: &Macros) -> Result<Self, TemplateError> {
        if let Some(name) = inner.strip_prefix('&') {
            let Some(texts) = macros.get(name) else {
                return Err(TemplateError::UnknownMacro {
                    name: name.to_owned(),
                });
            };
            let compiled: Result<Vec<_>, _> = texts
                .iter()
                .map(|text| Template::new(text, macros))
                .collect();
            return Ok(Part::OneOf(compiled?));
        }
        if let Some(choices) = inner.strip_prefix("pick:") {
            let compiled: Result<Vec<_>, _> = choices
                .split('|')
                .map(|text| Template::new(text, macros))
                .collect();
            return Ok(Part::OneOf(compiled?));
        }
        Hole::new(inner).map(Part::Hole)
    }

    fn group(inner: &str, macros: &Macros) -> Result<Self, TemplateError> {
        let bad = || TemplateError::BadGroup {
            head: inner.chars().take(12).collect(),
        };
        let (head, text) = inner.split_once(' ').ok_or_else(bad)?;
        let inner = Template::new(text, macros)?;
        if let Some(percent) = head.strip_suffix('%') {
            let percent: f64 = percent.parse().map_err(|_| bad())?;
            return Ok(Part::Maybe {
                permille: (percent * 10.0) as u32,
                inner,
            });
        }
        let range = head.strip_suffix('*').ok_or_else(bad)?;
        let few = range.contains('~');
        let (low, high) = range.split_once(['-', '~']).ok_or_else(bad)?;
        match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) => Ok(Part::Repeat {
                low,
                high,
                few,
                inner,
            }),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, seed: u64) -> String {
        let account = Account::new(1, 0, 10_000);
        let scene = Scene {
            account: &account,
            other_account: "222222222222",
            region: "eu-west-1",
            time_s: 1_793_491_200,
            seed,
            things: seed,
            actor_arn: "arn:aws:iam::111122223333:user/a",
            action: "ec2:DescribeVpcs",
        };
        let template = Template::new(text, &Macros::new()).unwrap();
        let mut out = Vec::new();
        template.fill(&scene, &mut Rng::new(seed), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn things_stay_the_same_within_an_event() {
        let ids = fill("<instance> <instance> <instance*> <instance*>", 3);
        let ids: Vec<&str> = ids.split(' ').collect();
        assert_eq!(ids[0], ids[1]);
        assert_eq!(ids[0].len(), 19);
        assert_ne!(fill("<instance>", 4), fill("<instance>", 5));
    }

    #[test]
    fn groups_repeat_and_leave_out() {
        assert_eq!(fill("[(3-3* 1)]", 1), "[1,1,1]");
        assert_eq!(fill("a(0% b)(100% c(100% d))", 1), "acd");
    }

    #[test]
    fn open_keys_are_json() {
        for seed in 0..500 {
            let text = fill("{\"a\":1<open:900>}", seed);
            serde_json::from_str::<serde_json::Value>(&text).expect(&text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text| Template::new(text, &Macros::new()).unwrap_err();
        assert_eq!(
            error("<nothing>"),
            TemplateError::UnknownHole {
                name: "nothing".into()
            }
        );
        assert_eq!(
            error("<int:1>"),
            TemplateError::NoNumber {
                name: "int:1".into()
            }
        );
        assert!(matches!(
            error("{(30% a}"),
            TemplateError::NotClosed { open: '(', .. }
        ));
        assert!(matches!(error("(3 a)"), TemplateError::BadGroup { .. }));
    }
}
