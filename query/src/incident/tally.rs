//! Calls counted as they come, for a session that is told whole. The engine counts those
//! of which only a part is told; the two agree.

use std::collections::HashMap;

use super::record::{Identity, Outcome, Record};
use super::session::{Facet, Facets, Sums, VALUES_MAX};

/// What is known of the calls so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sums: Sums,
    values: [Values; 6],
    /// Who made the last call.
    pub last_caller: Option<Identity>,
    /// The calls that gave credentials.
    pub giving: Vec<Record>,
}

type Values = HashMap<String, Facet>;

impl Tally {
    /// Takes the next call in order of time.
    pub fn add(&mut self, record: &Record) {
        let call = &record.call;
        self.sums.n_calls += 1;
        self.sums.n_failed += u64::from(call.outcome != Outcome::Done);
        self.sums.n_denied += u64::from(call.outcome == Outcome::Denied);
        self.sums.first_ms = self.sums.first_ms.or(Some(call.time_ms));
        self.sums.last_ms = Some(call.time_ms);
        let of_call = [
            &record.identity.arn,
            &call.account,
            &call.access_key,
            &call.address,
            &call.user_agent,
            &call.region,
        ];
        for (values, value) in self.values.iter_mut().zip(of_call) {
            if let Some(value) = value {
                count(values, value, call.time_ms);
            }
        }
        self.last_caller = Some(record.identity.clone());
        if record.grant.is_some() {
            self.giving.push(record.clone());
        }
    }

    pub fn sums(self) -> Sums {
        let [
            callers,
            accounts,
            access_keys,
            addresses,
            user_agents,
            regions,
        ] = self.values.map(most_frequent);
        Sums {
            callers,
            accounts,
            access_keys,
            addresses,
            user_agents,
            regions,
            ..self.sums
        }
    }
}

fn count(values: &mut Values, value: &str, time_ms: i64) {
    if let Some(facet) = values.get_mut(value) {
        facet.calls += 1;
        facet.last_ms = Some(time_ms);
        return;
    }
    let facet = Facet {
        value: value.to_owned(),
        calls: 1,
        first_ms: Some(time_ms),
        last_ms: Some(time_ms),
    };
    values.insert(value.to_owned(), facet);
}

/// In the order in which the engine sorts them.
fn most_frequent(values: Values) -> Facets {
    let n_values = values.len() as u64;
    let mut values: Vec<Facet> = values.into_values().collect();
    values.sort_by(|a, b| (b.calls, &a.value).cmp(&(a.calls, &b.value)));
    values.truncate(VALUES_MAX);
    Facets { values, n_values }
}
