//! From a predicate to documents of a split, without reading records.
//!
//! Columns and the full-text index do not know everything: long strings,
//! containers, positions in arrays and hashed tokens are left to the record.
//! So the answer is a pair of sets, the documents that may match and those that
//! must; only what lies between is decided on records. A conjunction asks its
//! cheap parts first and the others only about what is left.

use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

use super::error::ScanError;
use super::event_time::{TimeTest, is_event_time};
use super::predicate::{
    Comparison, Field, FieldTest, Matcher, Predicate, TextTest, tokens_of_equal_value,
};
use super::request::Cancel;
use crate::fields::{self, Kept};
use crate::index::columns::{BooleanColumn, IntegerColumn, Marks, TextColumn, UuidColumn};
use crate::index::dictionary::OrdSet;
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::index::reader::SplitReader;
use crate::index::text::Postings;
use crate::path::{Arrays, FieldPath};
use crate::tokens::{id_hash, is_id_like, tokens};

/// Documents between which the truth lies: `must` ⊆ truth ⊆ `may`.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub may: DocSet,
    pub must: DocSet,
}

impl Bounds {
    fn exactly(set: DocSet) -> Self {
        Self {
            may: set.clone(),
            must: set,
        }
    }

    /// The record decides these documents, and no others match.
    fn open(may: DocSet) -> Self {
        let must = DocSet::none(may.range());
        Self { may, must }
    }
}

/// Ordinals that passed a test, by column and test, for the threads and the
/// parts of one query.
#[derive(Default)]
pub(crate) struct PassingOrds(Mutex<HashMap<String, Arc<OrdSet>>>);

/// Puts predicates to one split.
pub(crate) struct Evaluator<'s> {
    pub split: &'s SplitReader,
    pub passing: &'s PassingOrds,
    pub cancel: &'s Cancel,
}

impl Evaluator<'_> {
    /// The documents out of `within` that match, as far as the split knows.
    pub fn evaluate(&self, predicate: &Predicate, within: &DocSet) -> Result<Bounds, ScanError> {
        if self.cancel.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        if within.is_empty() {
            return Ok(Bounds::exactly(within.clone()));
        }
        match predicate {
            Predicate::True => Ok(Bounds::exactly(within.clone())),
            Predicate::False => Ok(Bounds::exactly(DocSet::none(within.range()))),
            Predicate::And(parts) => {
                let mut sum = Bounds::exactly(within.clone());
                for part in by_cost(parts) {
                    let bounds = self.evaluate(part, &sum.may)?;
                    sum.must = sum.must.and(&bounds.must);
                    sum.may = bounds.may;
                    if sum.may.is_empty() {
                        break;
                    }
                }
                Ok(sum)
            }
            Predicate::Or(parts) => {
                let mut sum = Bounds::exactly(DocSet::none(within.range()));
                let mut left = within.clone();
                for part in by_cost(parts) {
                    let bounds = self.evaluate(part, &left)?;
                    left = left.minus(&bounds.must);
                    sum.must = sum.must.or(&bounds.must);
                    sum.may = sum.may.or(&bounds.may);
                    if left.is_empty() {
                        break;
                    }
                }
                Ok(sum)
            }
            Predicate::Not(inner) => {
                let bounds = self.evaluate(inner, within)?;
                Ok(Bounds {
                    may: within.minus(&bounds.must),
                    must: within.minus(&bounds.may),
                })
            }
            Predicate::Field(test) => self.field(test, within),
            Predicate::Text(test) => self.text(test, within),
        }
    }

    fn field(&self, test: &FieldTest, within: &DocSet) -> Result<Bounds, ScanError> {
        let path_and_arrays = match &test.field {
            Field::Time => return self.time(&test.matcher, within),
            Field::Account => return self.account(test, within),
            // Every event has these.
            Field::IngestionTime | Field::Source | Field::Import
                if test.matcher == Matcher::Present =>
            {
                return Ok(Bounds::exactly(within.clone()));
            }
            Field::IngestionTime | Field::Source | Field::Import => {
                return Ok(Bounds::open(within.clone()));
            }
            Field::Path { path, arrays } => (path, *arrays),
        };
        let (path, arrays) = path_and_arrays;
        if test.matcher == Matcher::Present && test.when_missing {
            return Ok(Bounds::exactly(within.clone()));
        }
        let values = self.values(path, arrays, test, within)?;
        let matching = values.matching;
        if !test.when_missing || test.matcher == Matcher::Present {
            return Ok(matching);
        }
        Ok(Bounds {
            may: matching.may.or(&within.minus(&values.valued.must)),
            must: matching.must.or(&within.minus(&values.valued.may)),
        })
    }

    /// The documents with a value at the path that passes, and those with any.
    fn values(
        &self,
        path: &FieldPath,
        arrays: Arrays,
        test: &FieldTest,
        within: &DocSet,
    ) -> Result<PathAnswer, ScanError> {
        if path.is_root() {
            // The record's whole text: every event has one.
            let valued = Bounds::exactly(within.clone());
            let matching = match test.matcher {
                Matcher::Present => valued.clone(),
                _ => Bounds::open(within.clone()),
            };
            return Ok(PathAnswer { matching, valued });
        }
        let n_before = path.steps_before_position();
        if n_before < path.steps().len() {
            let may = self.containers(&path.prefix(n_before), within)?;
            let matching = Bounds::open(self.narrowed(&test.matcher, may.clone())?);
            return Ok(PathAnswer {
                matching,
                valued: Bounds::open(may),
            });
        }
        if is_event_time(path) {
            return self.event_time(&test.matcher, within);
        }
        let column = PathColumns::open(self.split, path)?;
        let undecided = column.undecided(arrays, within);
        if test.matcher == Matcher::Present {
            let present = column.present(within);
            let must = match arrays {
                Arrays::Any => present.clone(),
                Arrays::Exact => present.minus(&column.in_array(within)),
            };
            let overflow = column.overflowed(within);
            let bounds = Bounds {
                may: present.or(&overflow),
                must,
            };
            return Ok(PathAnswer {
                matching: bounds.clone(),
                valued: bounds,
            });
        }
        let passing = self.passing_documents(&column, &test.matcher, within)?;
        let must = match arrays {
            // A test of any element has seen one that passes.
            Arrays::Any => passing.clone(),
            Arrays::Exact => passing.minus(&undecided),
        };
        let open = self.narrowed(&test.matcher, undecided.clone())?;
        let matching = Bounds {
            may: must.or(&open),
            must,
        };
        if !test.when_missing {
            let valued = Bounds::exactly(DocSet::none(within.range()));
            return Ok(PathAnswer { matching, valued });
        }
        let scalars = column.scalars(within);
        let valued = match arrays {
            // A mark alone can be an array without elements.
            Arrays::Any => Bounds {
                may: scalars.or(&undecided),
                must: scalars,
            },
            Arrays::Exact => {
                let present = column.present(within);
                Bounds {
                    may: present.or(&undecided),
                    must: present.minus(&column.in_array(within)),
                }
            }
        };
        Ok(PathAnswer { matching, valued })
    }

    /// The documents with a value in a column that passes.
    fn passing_documents(
        &self,
        column: &PathColumns,
        matcher: &Matcher,
        within: &DocSet,
    ) -> Result<DocSet, ScanError> {
        let mut passing = DocSet::none(within.range());
        if let Some(texts) = &column.texts {
            let ords = self.ords(&column.text_name, texts, matcher, within)?;
            passing = passing.or(&texts.documents(within, &ords));
        }
        if let Some(integers) = &column.integers {
            passing = passing.or(&integers_passing(integers, matcher, within));
        }
        if let Some(booleans) = &column.booleans {
            for (value, text) in [(true, "true"), (false, "false")] {
                if matcher.matches(text) {
                    passing = passing.or(&booleans.documents(within, value));
                }
            }
        }
        Ok(passing)
    }

    /// The ordinals of a text column that pass; those that occur in `within`
    /// at least.
    fn ords(
        &self,
        name: &str,
        column: &TextColumn,
        matcher: &Matcher,
        within: &DocSet,
    ) -> Result<Arc<OrdSet>, ScanError> {
        let failed = |e| ScanError::damaged(self.split.path(), name, e);
        let ranged = match matcher {
            Matcher::Present => Some(OrdSet::All),
            Matcher::Equals(text) => Some(column.ords_of([text.as_str()]).map_err(failed)?),
            Matcher::OneOf(texts) => {
                let texts = texts.iter().map(String::as_str);
                Some(column.ords_of(texts).map_err(failed)?)
            }
            Matcher::StartsWith(prefix) => Some(column.ords_of_prefix(prefix).map_err(failed)?),
            Matcher::Compare { op, text } => {
                let (at, after) = column.cuts(text).map_err(failed)?;
                let end = column.n_texts() as u64;
                Some(OrdSet::Range(match op {
                    Comparison::Less => 0..at,
                    Comparison::LessOrEqual => 0..after,
                    Comparison::Equal => at..after,
                    Comparison::GreaterOrEqual => at..end,
                    Comparison::Greater => after..end,
                }))
            }
            Matcher::EndsWith(_)
            | Matcher::Contains(_)
            | Matcher::Number { .. }
            | Matcher::Test(_) => None,
        };
        if let Some(ords) = ranged {
            return Ok(Arc::new(ords));
        }
        let key = format!("{name} {matcher}");
        if let Some(ords) = self.passing.0.lock().get(&key) {
            return Ok(Arc::clone(ords));
        }
        let test = |text: &str| matcher.matches(text);
        if column.is_less_than_all(within.len()) {
            return column
                .ords_passing_of(within, &test)
                .map(Arc::new)
                .map_err(failed);
        }
        let ords = Arc::new(column.ords_passing(&test).map_err(failed)?);
        self.passing.0.lock().insert(key, Arc::clone(&ords));
        Ok(ords)
    }

    fn time(&self, matcher: &Matcher, within: &DocSet) -> Result<Bounds, ScanError> {
        let time = &self.split.keys()?.time;
        Ok(Bounds::exactly(integers_passing(time, matcher, within)))
    }

    fn account(&self, test: &FieldTest, within: &DocSet) -> Result<Bounds, ScanError> {
        let missing = |valued: &DocSet| match test.when_missing {
            true => within.minus(valued),
            false => DocSet::none(within.range()),
        };
        let Some(column) = &self.split.keys()?.account else {
            return Ok(Bounds::exactly(missing(&DocSet::none(within.range()))));
        };
        let ords = self.ords(layout::ACCOUNT, column, &test.matcher, within)?;
        let passing = column.documents(within, &ords);
        let valued = column.marks().documents(within);
        Ok(Bounds::exactly(passing.or(&missing(&valued))))
    }

    fn event_time(&self, matcher: &Matcher, within: &DocSet) -> Result<PathAnswer, ScanError> {
        let valued = Bounds::exactly(within.clone());
        if *matcher == Matcher::Present {
            let matching = valued.clone();
            return Ok(PathAnswer { matching, valued });
        }
        let unusual = marked(self.split, layout::SEE_RECORD, "eventTime", within)?;
        let usual = within.minus(&unusual);
        let time = &self.split.keys()?.time;
        let test = TimeTest::new(matcher, time.bounds());
        let must = time.documents(&usual, |time_ms| test.passes(time_ms));
        let matching = Bounds {
            may: must.or(&self.narrowed(matcher, unusual)?),
            must,
        };
        Ok(PathAnswer { matching, valued })
    }

    /// The documents that may have an object or array at the path.
    fn containers(&self, path: &FieldPath, within: &DocSet) -> Result<DocSet, ScanError> {
        if path.is_root() {
            return Ok(within.clone());
        }
        Ok(PathColumns::open(self.split, path)?.containers(within))
    }

    /// Documents that the record decides, without those that do not hold the
    /// tokens of any value that passes.
    fn narrowed(&self, matcher: &Matcher, open: DocSet) -> Result<DocSet, ScanError> {
        let texts: Vec<&str> = match matcher {
            Matcher::Equals(text) => vec![text],
            Matcher::OneOf(texts) => texts.iter().map(String::as_str).collect(),
            _ => return Ok(open),
        };
        if open.is_empty() {
            return Ok(open);
        }
        let mut narrowed = DocSet::none(open.range());
        for text in texts {
            let tokens = tokens_of_equal_value(text);
            if tokens.is_empty() {
                return Ok(open);
            }
            narrowed = narrowed.or(&self.holding_all(&tokens, &open)?);
        }
        Ok(narrowed)
    }

    /// The documents that may hold every one of these tokens.
    fn holding_all(&self, tokens: &[String], within: &DocSet) -> Result<DocSet, ScanError> {
        let mut holding = within.clone();
        // Ids first: they are rare.
        let (ids, words): (Vec<_>, Vec<_>) = tokens.iter().partition(|t| is_id_like(t));
        for token in ids {
            let found = self.split.ids().documents(id_hash(token));
            let mut docs = found.map_err(|e| ScanError::damaged(self.split.path(), "ids", e))?;
            docs.dedup();
            holding = holding.and(&DocSet::from_sorted(within.range(), &docs));
        }
        for token in words {
            if holding.is_empty() {
                break;
            }
            let postings = self
                .split
                .text()?
                .documents(token)
                .map_err(|e| ScanError::damaged(self.split.path(), "postings", e))?;
            holding = match postings {
                Some(postings) => common(postings, &holding),
                None => DocSet::none(within.range()),
            };
        }
        Ok(holding)
    }

    fn text(&self, test: &TextTest, within: &DocSet) -> Result<Bounds, ScanError> {
        let phrase = match test {
            TextTest::Prefix(prefix) => return self.text_prefix(prefix, within),
            TextTest::Phrase(phrase) => phrase,
        };
        let required = test.required_tokens();
        if required.is_empty() {
            return Ok(Bounds::open(within.clone()));
        }
        let may = self.holding_all(&required, within)?;
        let is_one_token = tokens(phrase)
            .next()
            .is_some_and(|token| token.start == 0 && token.end == phrase.len());
        Ok(
            match is_one_token && !required.iter().any(|t| is_id_like(t)) {
                true => Bounds::exactly(may),
                false => Bounds::open(may),
            },
        )
    }

    /// Dictionary tokens are known; an id-like token can begin with anything,
    /// and only its hash is known.
    fn text_prefix(&self, prefix: &str, within: &DocSet) -> Result<Bounds, ScanError> {
        let mut must = DocSet::none(within.range());
        self.split
            .text()?
            .documents_of_prefix(&prefix.to_lowercase(), &mut |postings| {
                must = must.or(&common(postings, within));
            })
            .map_err(|e| ScanError::damaged(self.split.path(), "postings", e))?;
        Ok(Bounds {
            may: within.clone(),
            must,
        })
    }
}

/// What the columns tell of a path.
struct PathAnswer {
    matching: Bounds,
    /// Whether there is a value to test; exact or not, as far as asked for.
    valued: Bounds,
}

/// The columns of one path.
pub(crate) struct PathColumns {
    pub text_name: String,
    pub texts: Option<TextColumn>,
    pub integers: Option<IntegerColumn>,
    pub booleans: Option<BooleanColumn>,
    /// For showing alone: tests ask the record.
    pub uuids: Option<UuidColumn>,
    see_record: Option<Marks>,
    in_array: Option<Marks>,
    /// Documents whose values at the path may have no columns.
    overflow: Option<Marks>,
}

impl PathColumns {
    /// The columns of a path of keys.
    pub fn open(split: &SplitReader, path: &FieldPath) -> Result<Self, ScanError> {
        let name = path.to_string();
        let column = |kind: &str| format!("{kind}{name}");
        // Documented fields have their columns whatever else there is.
        let known = fields::known(&name);
        let overflow = match known {
            Some(_) => None,
            None => split.marks(layout::OVERFLOW)?,
        };
        let uuids = match known {
            Some(field) if field.kept == Kept::Uuid => split.uuids(&name)?,
            _ => None,
        };
        Ok(Self {
            uuids,
            texts: split.texts(&column(layout::TEXT))?,
            integers: split.integers(&column(layout::INTEGER))?,
            booleans: split.booleans(&column(layout::BOOLEAN))?,
            see_record: split.marks(&column(layout::SEE_RECORD))?,
            in_array: split.marks(&column(layout::IN_ARRAY))?,
            overflow,
            text_name: column(layout::TEXT),
        })
    }

    /// The documents with a text, an integer or a boolean.
    fn scalars(&self, within: &DocSet) -> DocSet {
        let marks = [
            self.texts.as_ref().map(TextColumn::marks),
            self.integers.as_ref().map(IntegerColumn::marks),
            self.booleans.as_ref().map(|b| b.marks()),
        ];
        marks
            .iter()
            .flatten()
            .fold(DocSet::none(within.range()), |sum, marks| {
                sum.or(&marks.documents(within))
            })
    }

    /// The documents with anything but null.
    pub fn present(&self, within: &DocSet) -> DocSet {
        self.scalars(within).or(&self.see_record(within))
    }

    fn see_record(&self, within: &DocSet) -> DocSet {
        documents(&self.see_record, within)
    }

    fn in_array(&self, within: &DocSet) -> DocSet {
        documents(&self.in_array, within)
    }

    fn overflowed(&self, within: &DocSet) -> DocSet {
        documents(&self.overflow, within)
    }

    /// The documents that may have an object or array.
    pub fn containers(&self, within: &DocSet) -> DocSet {
        self.see_record(within).or(&self.overflowed(within))
    }

    /// The documents of whose value a test has to ask the record.
    fn undecided(&self, arrays: Arrays, within: &DocSet) -> DocSet {
        let undecided = self.containers(within);
        match arrays {
            Arrays::Any => undecided,
            Arrays::Exact => undecided.or(&self.in_array(within)),
        }
    }

    /// The documents whose value is shown from the record.
    pub fn shown_from_record(&self, within: &DocSet) -> DocSet {
        let undecided = self.undecided(Arrays::Exact, within);
        match &self.uuids {
            Some(uuids) => undecided.minus(&uuids.marks().documents(within)),
            None => undecided,
        }
    }

    /// The documents with a text in the column.
    pub fn with_text(&self, within: &DocSet) -> DocSet {
        documents(&self.texts.as_ref().map(TextColumn::marks), within)
    }
}

fn documents(marks: &Option<Marks>, within: &DocSet) -> DocSet {
    match marks {
        Some(marks) => marks.documents(within),
        None => DocSet::none(within.range()),
    }
}

/// The documents with a mark at a path.
pub(crate) fn marked(
    split: &SplitReader,
    kind: &str,
    path: &str,
    within: &DocSet,
) -> Result<DocSet, ScanError> {
    let marks = split.marks(&format!("{kind}{path}"))?;
    Ok(documents(&marks, within))
}

/// The documents of the postings that are in `within`.
fn common(mut postings: Postings, within: &DocSet) -> DocSet {
    let range = within.range();
    let mut docs = Vec::new();
    let is_sparse = within.len() * 64 < range.len();
    if is_sparse {
        for doc in within.iter() {
            match postings.at_or_after(doc) {
                Some(found) if found == doc => docs.push(doc),
                Some(_) => {}
                None => break,
            }
        }
        return DocSet::from_sorted(range, &docs);
    }
    let mut next = postings.at_or_after(range.start);
    while let Some(doc) = next.filter(|d| *d < range.end) {
        docs.push(doc);
        next = postings.advance();
    }
    DocSet::from_sorted(range, &docs).and(within)
}

/// The documents with an integer whose decimal digits pass.
fn integers_passing(column: &IntegerColumn, matcher: &Matcher, within: &DocSet) -> DocSet {
    let exact = |text: &str| text.parse::<i64>().ok().filter(|n| n.to_string() == text);
    match matcher {
        Matcher::Present => column.marks().documents(within),
        Matcher::Equals(text) => match exact(text) {
            Some(wanted) => column.documents(within, |n| n == wanted),
            None => DocSet::none(within.range()),
        },
        Matcher::OneOf(texts) => {
            let mut wanted: Vec<i64> = texts.iter().filter_map(|t| exact(t)).collect();
            wanted.sort_unstable();
            column.documents(within, |n| wanted.binary_search(&n).is_ok())
        }
        Matcher::Number { op, value } => column.documents(within, |n| {
            (n as f64).partial_cmp(value).is_some_and(|o| op.holds(o))
        }),
        Matcher::StartsWith(_)
        | Matcher::EndsWith(_)
        | Matcher::Contains(_)
        | Matcher::Compare { .. }
        | Matcher::Test(_) => {
            let mut last = None;
            column.documents(within, |n| match last {
                Some((m, passed)) if m == n => passed,
                _ => {
                    let passed = matcher.matches(&n.to_string());
                    last = Some((n, passed));
                    passed
                }
            })
        }
    }
}

/// Cheap parts first.
fn by_cost(parts: &[Predicate]) -> Vec<&Predicate> {
    let mut parts: Vec<&Predicate> = parts.iter().collect();
    parts.sort_by_key(|part| cost(part));
    parts
}

fn cost(predicate: &Predicate) -> u32 {
    match predicate {
        Predicate::True | Predicate::False => 0,
        Predicate::And(parts) => parts.iter().map(cost).min().unwrap_or(0),
        Predicate::Or(parts) => parts.iter().map(cost).max().unwrap_or(0),
        Predicate::Not(inner) => cost(inner).max(3),
        Predicate::Text(TextTest::Phrase(_)) => 1,
        Predicate::Text(TextTest::Prefix(_)) => 5,
        Predicate::Field(test) => match &test.matcher {
            Matcher::Equals(_) | Matcher::OneOf(_) => 1,
            Matcher::StartsWith(_) => 2,
            Matcher::Present | Matcher::Compare { .. } => 3,
            Matcher::Number { .. } | Matcher::EndsWith(_) | Matcher::Contains(_) => 4,
            Matcher::Test(_) => 6,
        },
    }
}
