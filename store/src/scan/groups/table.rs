//! Groups and what is counted of them, as integers.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};
use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::vocabulary::NONE;
use super::{Aggregate, GroupKey, Grouping, TimeBucket};

/// The rows of a chunk as they are counted.
pub struct Rows<'r> {
    pub n_rows: usize,
    /// Each row's time, in milliseconds; of no row where nobody asks.
    pub times: &'r [i64],
    /// By the place of a column, each row's number of its vocabulary.
    pub numbers: &'r [Vec<u32>],
    /// The same by the place of a member, where rows are elements of a list.
    pub members: &'r [Vec<u32>],
}

/// Groups of one partition, or of several after they are merged.
pub struct GroupTable {
    n_keys: usize,
    /// The key of each group, one after another: a number of a vocabulary or
    /// of `times`.
    keys: Vec<u32>,
    n_groups: usize,
    times: Times,
    /// By how much of the key they look at: one number, two, and so on. The part
    /// that is the whole key has the group's number.
    parts: Vec<Part>,
    states: Vec<State>,
}

/// Numbers for what the keys begin with, in the order in which they are met.
enum Part {
    /// The first number of several stands for itself.
    Begun,
    /// By the only number: they are few and begin at 0.
    Only { numbers: Vec<u32>, n: u32 },
    /// By the number of the part before, and the next number, as long as there
    /// are few: `width` places for each part before.
    Few {
        numbers: Vec<u32>,
        width: usize,
        n: u32,
    },
    /// As before, whatever there is.
    Many(HashMap<u64, u32, FxBuildHasher>),
}

impl Part {
    fn new(n_before: usize, n_keys: usize) -> Self {
        match (n_before, n_keys) {
            (0, 1) => Self::Only {
                numbers: Vec::new(),
                n: 0,
            },
            (0, _) => Self::Begun,
            _ => Self::Few {
                numbers: Vec::new(),
                width: 0,
                n: 0,
            },
        }
    }

    /// Replaces the number of the part before, for each row, by that of this
    /// one; shows the rows that have a new one.
    fn number(&mut self, before: &mut [u32], next: &[u32], mut on_new: impl FnMut(usize)) {
        self.make_room(before, next);
        match self {
            Self::Begun => before.copy_from_slice(next),
            Self::Only { numbers, n } => {
                let n_wanted = next.iter().max().map_or(0, |max| *max as usize + 1);
                if numbers.len() < n_wanted {
                    numbers.resize(n_wanted, UNSEEN);
                }
                for (row, (part, key)) in before.iter_mut().zip(next).enumerate() {
                    let Some(number) = numbers.get_mut(*key as usize) else {
                        continue;
                    };
                    if *number == UNSEEN {
                        *number = *n;
                        *n += 1;
                        on_new(row);
                    }
                    *part = *number;
                }
            }
            Self::Few { numbers, width, n } => {
                for (row, (part, key)) in before.iter_mut().zip(next).enumerate() {
                    let at = *part as usize * *width + *key as usize;
                    let Some(number) = numbers.get_mut(at) else {
                        continue;
                    };
                    if *number == UNSEEN {
                        *number = *n;
                        *n += 1;
                        on_new(row);
                    }
                    *part = *number;
                }
            }
            Self::Many(numbers) => {
                for (row, (part, key)) in before.iter_mut().zip(next).enumerate() {
                    let n = numbers.len() as u32;
                    let pair = pair_of(*part as usize, *key as usize);
                    *part = *numbers.entry(pair).or_insert(n);
                    if *part == n {
                        on_new(row);
                    }
                }
            }
        }
    }

    /// Makes room for what comes, or puts all into a hash table once it would
    /// take too much.
    fn make_room(&mut self, before: &[u32], next: &[u32]) {
        let Self::Few { numbers, width, .. } = self else {
            return;
        };
        let n_of = |numbers: &[u32]| numbers.iter().max().map_or(0, |max| *max as usize + 1);
        let n_parts = n_of(before).max(numbers.len() / (*width).max(1));
        let n_keys = n_of(next).next_power_of_two().max(*width);
        if n_parts.saturating_mul(n_keys) > FEW_MAX {
            let known = numbers.iter().enumerate().filter(|(_, n)| **n != UNSEEN);
            let known = known.map(|(at, number)| (pair_of(at / *width, at % *width), *number));
            *self = Self::Many(known.collect());
            return;
        }
        if n_keys > *width {
            let mut wider = vec![UNSEEN; n_parts * n_keys];
            let parts = numbers.chunks_exact((*width).max(1));
            for (keys, wider) in parts.zip(wider.chunks_exact_mut(n_keys)) {
                wider
                    .iter_mut()
                    .zip(keys)
                    .for_each(|(to, from)| *to = *from);
            }
            (*numbers, *width) = (wider, n_keys);
        }
        numbers.resize(n_parts * *width, UNSEEN);
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Begun => 0,
            Self::Only { numbers, .. } | Self::Few { numbers, .. } => numbers.capacity() * 4,
            Self::Many(numbers) => numbers.capacity() * HASHED_BYTES,
        }
    }
}

fn pair_of(part: usize, key: usize) -> u64 {
    (part as u64) << 32 | key as u64
}

/// So many pairs may have a place of their own in rows.
const FEW_MAX: usize = if cfg!(test) { 1 << 8 } else { 1 << 18 };

const UNSEEN: u32 = u32::MAX;
/// Of a pair in a hash table.
const HASHED_BYTES: usize = 14;

/// Numbers of the spans of time that occur.
#[derive(Default)]
struct Times {
    starts: Vec<i64>,
    numbers: HashMap<i64, u32, FxBuildHasher>,
}

impl Times {
    fn number(&mut self, start_ms: i64) -> u32 {
        *self.numbers.entry(start_ms).or_insert_with(|| {
            self.starts.push(start_ms);
            self.starts.len() as u32 - 1
        })
    }

    /// The number of the span of each time.
    fn numbers_of(&mut self, bucket: &TimeBucket, times: &[i64]) -> Vec<u32> {
        // Events follow each other in time: the last answer is mostly the next.
        let mut last: Option<(i64, u32)> = None;
        let mut number = |time_ms: i64| {
            if let Some((start, number)) = last
                && (0..bucket.width_ms).contains(&time_ms.wrapping_sub(start))
            {
                return number;
            }
            let start = bucket.start(time_ms);
            let number = self.number(start);
            last = Some((start, number));
            number
        };
        times.iter().map(|time_ms| number(*time_ms)).collect()
    }
}

/// What is counted, for each group.
enum State {
    Counts(Vec<i64>),
    /// Group and number.
    Pairs(HashSet<u64, FxBuildHasher>),
    /// [`NO_FIRST`] where there was no event yet.
    First(Vec<i64>),
    /// [`NO_LAST`] where there was no event yet.
    Last(Vec<i64>),
}

const NO_FIRST: i64 = i64::MAX;
const NO_LAST: i64 = i64::MIN;

impl GroupTable {
    pub fn new(grouping: &Grouping) -> Self {
        let n_keys = grouping.keys.len();
        let mut table = Self {
            n_keys,
            keys: Vec::new(),
            n_groups: 0,
            times: Times::default(),
            parts: (0..n_keys).map(|k| Part::new(k, n_keys)).collect(),
            states: grouping.aggregates.iter().map(State::new).collect(),
        };
        if n_keys == 0 {
            // The one group is there without any event.
            table.n_groups = 1;
            table.grow();
        }
        table
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.n_groups
    }

    pub fn is_empty(&self) -> bool {
        self.n_groups == 0
    }

    /// When the earliest span of time begins that is a key, in milliseconds since
    /// 1970 UTC.
    pub fn earliest_key_ms(&self) -> Option<i64> {
        self.times.starts.iter().copied().min()
    }

    /// The memory of the table, in bytes.
    pub fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(Part::bytes).sum();
        let states = self.states.iter().map(|state| match state {
            State::Counts(counts) => counts.capacity() * 8,
            State::First(times) | State::Last(times) => times.capacity() * 8,
            State::Pairs(pairs) => pairs.capacity() * HASHED_BYTES,
        });
        self.keys.capacity() * 4
            + self.times.starts.capacity() * (8 + HASHED_BYTES)
            + parts
            + states.sum::<usize>()
    }

    /// Counts rows.
    pub(super) fn add(&mut self, grouping: &Grouping, rows: &Rows<'_>) {
        let groups = self.groups_of(grouping, rows);
        self.grow();
        for (state, aggregate) in self.states.iter_mut().zip(&grouping.aggregates) {
            state.add(aggregate, rows, &groups);
        }
    }

    /// The group of each row; new ones are made.
    fn groups_of(&mut self, grouping: &Grouping, rows: &Rows<'_>) -> Vec<u32> {
        let mut keys: Vec<Vec<u32>> = Vec::with_capacity(self.n_keys);
        for key in &grouping.keys {
            keys.push(match key {
                GroupKey::Value(column) => rows.numbers.get(*column).cloned().unwrap_or_default(),
                GroupKey::Time(bucket) => self.times.numbers_of(bucket, rows.times),
                GroupKey::Member(member) => rows.members.get(*member).cloned().unwrap_or_default(),
            });
        }
        self.groups_of_keys(&keys, rows.n_rows)
    }

    /// The group of each row whose key is told column by column.
    fn groups_of_keys(&mut self, keys: &[Vec<u32>], n_rows: usize) -> Vec<u32> {
        let mut groups = vec![0_u32; n_rows];
        let n_keys = self.n_keys;
        let (group_keys, n_groups) = (&mut self.keys, &mut self.n_groups);
        for (k, (part, numbers)) in self.parts.iter_mut().zip(keys).enumerate() {
            part.number(&mut groups, numbers, |row| {
                if k + 1 == n_keys {
                    *n_groups += 1;
                    group_keys.extend(keys.iter().filter_map(|numbers| numbers.get(row)));
                }
            });
        }
        groups
    }

    /// Makes room for groups that are new.
    fn grow(&mut self) {
        for state in &mut self.states {
            match state {
                State::Counts(counts) => counts.resize(self.n_groups, 0),
                State::First(times) => times.resize(self.n_groups, NO_FIRST),
                State::Last(times) => times.resize(self.n_groups, NO_LAST),
                State::Pairs(_) => {}
            }
        }
    }

    /// Adds the groups of another partition.
    pub fn merge(&mut self, grouping: &Grouping, other: &Self) {
        let mut keys = vec![Vec::with_capacity(other.n_groups); self.n_keys];
        for key in other.keys.chunks_exact(self.n_keys.max(1)) {
            for ((number, kind), column) in key.iter().zip(&grouping.keys).zip(&mut keys) {
                column.push(match kind {
                    GroupKey::Value(_) | GroupKey::Member(_) => *number,
                    GroupKey::Time(_) => {
                        let start = other.times.starts.get(*number as usize);
                        self.times.number(start.copied().unwrap_or_default())
                    }
                });
            }
        }
        let groups = self.groups_of_keys(&keys, other.n_groups);
        self.grow();
        for (ours, theirs) in self.states.iter_mut().zip(&other.states) {
            ours.merge(theirs, &groups);
        }
    }

    /// The groups that come first by what an aggregate tells of them: `n`, and
    /// all that are equal to the last of these.
    pub fn first_by(&self, aggregate: usize, is_descending: bool, n: usize) -> Vec<u32> {
        let all = 0..self.n_groups as u32;
        let Some(values) = self.states.get(aggregate).map(|s| s.values(self.n_groups)) else {
            return all.collect();
        };
        if n == 0 || n >= values.len() {
            return all.collect();
        }
        let rank = |value: i64| match is_descending {
            // Not the negative value, which not every value has.
            true => !value,
            false => value,
        };
        let mut ranks: Vec<i64> = values.iter().map(|value| rank(*value)).collect();
        let (_, last, _) = ranks.select_nth_unstable(n - 1);
        let last = *last;
        let is_first = |group: &u32| {
            let value = values.get(*group as usize);
            value.is_some_and(|value| rank(*value) <= last)
        };
        all.filter(is_first).collect()
    }

    /// Groups as columns: their keys, then what was counted.
    ///
    /// **Shape**: a row for each of `groups`; texts are `Utf8View`, times
    /// `Timestamp(Millisecond)`, counts `Int64` and never null.
    pub fn finish(&self, grouping: &Grouping, groups: &[u32]) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (k, key) in grouping.keys.iter().enumerate() {
            let number = |group: &u32| {
                let at = *group as usize * self.n_keys + k;
                self.keys.get(at).copied().unwrap_or_default()
            };
            let numbers = groups.iter().map(number);
            columns.push(match key {
                GroupKey::Value(column) => match grouping.vocabulary(*column) {
                    Some(vocabulary) => vocabulary.array(numbers),
                    None => continue,
                },
                GroupKey::Time(_) => {
                    let starts = numbers.map(|n| self.times.starts.get(n as usize).copied());
                    Arc::new(starts.collect::<TimestampMillisecondArray>())
                }
                GroupKey::Member(member) => {
                    let list = grouping.unnested.as_ref();
                    match list.and_then(|list| list.vocabulary(*member)) {
                        Some(vocabulary) => vocabulary.array(numbers),
                        None => continue,
                    }
                }
            });
        }
        for state in &self.states {
            let values = state.values(self.n_groups);
            let values = groups
                .iter()
                .filter_map(|group| values.get(*group as usize));
            columns.push(match state {
                State::Counts(_) | State::Pairs(_) => {
                    Arc::new(values.copied().collect::<Int64Array>())
                }
                State::First(_) => times_array(values, NO_FIRST),
                State::Last(_) => times_array(values, NO_LAST),
            });
        }
        columns
    }
}

impl State {
    fn new(aggregate: &Aggregate) -> Self {
        match aggregate {
            Aggregate::Events | Aggregate::Values(_) => Self::Counts(Vec::new()),
            Aggregate::Distinct(_) => Self::Pairs(HashSet::default()),
            Aggregate::FirstTime => Self::First(Vec::new()),
            Aggregate::LastTime => Self::Last(Vec::new()),
        }
    }

    /// What is told of each group.
    fn values(&self, n_groups: usize) -> Cow<'_, [i64]> {
        match self {
            Self::Counts(values) | Self::First(values) | Self::Last(values) => {
                Cow::Borrowed(values)
            }
            Self::Pairs(pairs) => {
                let mut counts = vec![0_i64; n_groups];
                for pair in pairs {
                    count(&mut counts, (pair >> 32) as u32, 1);
                }
                Cow::Owned(counts)
            }
        }
    }

    fn add(&mut self, aggregate: &Aggregate, rows: &Rows<'_>, groups: &[u32]) {
        let numbers = |column: &usize| {
            let numbers = rows.numbers.get(*column).into_iter().flatten();
            let valued = groups.iter().zip(numbers);
            valued.filter(|(_, number)| **number != NONE)
        };
        match (self, aggregate) {
            (Self::Counts(counts), Aggregate::Values(column)) => {
                for (group, _) in numbers(column) {
                    count(counts, *group, 1);
                }
            }
            (Self::Counts(counts), _) => match counts.as_mut_slice() {
                [all] => *all += groups.len() as i64,
                counts => groups.iter().for_each(|group| count(counts, *group, 1)),
            },
            (Self::Pairs(pairs), Aggregate::Distinct(column)) => {
                for (group, number) in numbers(column) {
                    pairs.insert(u64::from(*group) << 32 | u64::from(*number));
                }
            }
            (Self::Pairs(_), _) => {}
            (Self::First(first), _) => note(first, groups, rows.times, i64::min),
            (Self::Last(last), _) => note(last, groups, rows.times, i64::max),
        }
    }

    /// Adds what another table counted: `groups` are ours for its groups.
    fn merge(&mut self, other: &Self, groups: &[u32]) {
        match (self, other) {
            (Self::Counts(ours), Self::Counts(theirs)) => {
                for (group, n) in groups.iter().zip(theirs) {
                    count(ours, *group, *n);
                }
            }
            (Self::Pairs(ours), Self::Pairs(theirs)) => {
                for pair in theirs {
                    if let Some(group) = groups.get((pair >> 32) as usize) {
                        ours.insert(u64::from(*group) << 32 | (pair & u64::from(u32::MAX)));
                    }
                }
            }
            (Self::First(ours), Self::First(theirs)) => note(ours, groups, theirs, i64::min),
            (Self::Last(ours), Self::Last(theirs)) => note(ours, groups, theirs, i64::max),
            _ => {}
        }
    }
}

#[inline]
fn count(counts: &mut [i64], group: u32, n: i64) {
    if let Some(count) = counts.get_mut(group as usize) {
        *count += n;
    }
}

/// Notes a time for each group that is told.
fn note(noted: &mut [i64], groups: &[u32], times: &[i64], better: impl Fn(i64, i64) -> i64) {
    for (group, time) in groups.iter().zip(times) {
        if let Some(noted) = noted.get_mut(*group as usize) {
            *noted = better(*time, *noted);
        }
    }
}

fn times_array<'t>(times: impl Iterator<Item = &'t i64>, none: i64) -> ArrayRef {
    let times = times.map(|time| (*time != none).then_some(*time));
    Arc::new(times.collect::<TimestampMillisecondArray>())
}
