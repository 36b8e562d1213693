//! One account's day: who acts when, which events that gives, and how they are delivered.
//!
//! Files are taken in the order of their delivery. A file is filled with runs: somebody
//! makes a few calls within seconds. Events reach their file minutes after they happened;
//! some files come hours or days late; some events come twice, the second time in a later
//! file; and the events of a file are nearly but not quite in order.

use super::GenerateError;
use super::account::{self, Account};
use super::actor::{Actor, Kind};
use super::calls::{Call, Catalogue};
use super::clock::DAY_S;
use super::fault;
use super::log_file::{LogWriter, Place};
use super::parts::Parts;
use super::plan::AccountDay;
use super::random::{Rng, Weighted, derive, salt};
use super::record::Record;
use super::tally::Tally;
use super::template::Scene;

/// Seconds from an event to the delivery of its file.
const LATENCY_S: [(u64, u64); 7] = [
    (0, 6),
    (10, 11),
    (100, 50),
    (500, 191),
    (900, 397),
    (990, 535),
    (1000, 790),
];

/// Of 1,000 files, how many come hours or days late.
const LATE_PERMILLE: u32 = 3;
/// Of 1,000 events, how many are delivered twice.
const TWICE_PERMILLE: u32 = 3;
/// Of 1,000 neighbours in a file, how many are swapped.
const SWAP_PERMILLE: u32 = 110;

/// Of 1,000 calls in a run, how many are the same call as the one before.
const SAME_CALL_PERMILLE: u32 = 450;

/// Of 1,000 runs in a file, how many are by whoever made the one before.
const SAME_CALLER_PERMILLE: u32 = 350;

/// What every day is made from.
pub struct World<'a> {
    pub seed: u64,
    /// How many accounts there are.
    pub n_accounts: u32,
    pub start_s: i64,
    pub catalogue: &'a Catalogue,
    /// When one account logs nothing.
    pub silence: Option<Silence>,
}

/// A time in which an account's trail is off.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Place of the account.
    pub account: u32,
    pub from_s: i64,
    pub until_s: i64,
}

impl Silence {
    fn covers(&self, time_s: i64) -> bool {
        (self.from_s..self.until_s).contains(&time_s)
    }
}

/// An event before it is written.
struct Planned<'a> {
    time_s: i64,
    /// When its run began.
    run_s: i64,
    kind: Kind,
    who: Who<'a>,
    call: &'a Call,
    /// Seed of the things that it is about.
    things: u64,
}

/// Somebody of an account.
#[derive(Clone, Copy)]
struct Caller {
    kind: Kind,
    /// Place among those of the kind.
    actor: usize,
}

enum Who<'a> {
    Known(&'a Actor),
    /// Made for this event: what a service reports about this account.
    Made(Box<Actor>),
}

impl Who<'_> {
    fn actor(&self) -> &Actor {
        match self {
            Who::Known(actor) => actor,
            Who::Made(actor) => actor,
        }
    }
}

/// A file about to be written.
#[derive(Clone, Copy)]
struct FileToWrite {
    delivered_s: i64,
    region_place: u32,
    n_events: u32,
    /// No file of this region follows on this day.
    is_last: bool,
}

/// An event to be delivered once more, in a later file of its region.
struct Repeat {
    region_place: u32,
    bytes: Vec<u8>,
}

/// One account's day being written.
pub struct DayWriter<'a> {
    world: &'a World<'a>,
    account: &'a Account,
    /// Other accounts that this one deals with.
    partners: Vec<String>,
    silence: Option<Silence>,
    rng: Rng,
    event_number: u64,
}

impl<'a> DayWriter<'a> {
    pub fn new(world: &'a World, account: &'a Account, planned: &AccountDay) -> Self {
        let seed = derive(derive(account.seed, salt("day")), u64::from(planned.day));
        let mut rng = Rng::new(seed);
        let n_others = u64::from(world.n_accounts.max(2));
        let partners = (0..4)
            .map(|_| account::number(rng.skewed(n_others) as u32))
            .collect();
        DayWriter {
            world,
            account,
            partners,
            silence: world
                .silence
                .filter(|silence| silence.account == planned.account),
            rng,
            event_number: planned.first_event,
        }
    }

    /// Writes the files of the day. Stops early, without an error, when `wrote` says no.
    pub fn write(
        &mut self,
        planned: &AccountDay,
        writer: &mut LogWriter,
        wrote: &mut dyn FnMut(Tally) -> bool,
    ) -> Result<(), GenerateError> {
        let day_s = self.world.start_s + i64::from(planned.day) * DAY_S;
        let crews = [false, true].map(|night| Weighted::new(Kind::ALL.map(|k| k.share(night))));
        let hours = Weighted::new((0..24).map(hour_weight));
        let mut files: Vec<(i64, u32, u32)> = planned
            .files
            .iter()
            .map(|file| (self.delivery(day_s, &hours), file.region, file.n_events))
            .collect();
        files.sort_unstable();

        let mut parts = Parts::default();
        let mut waiting = Vec::new();
        for (place, &(delivered_s, region_place, n_events)) in files.iter().enumerate() {
            let later = files.get(place + 1..).unwrap_or_default();
            let is_last = !later.iter().any(|&(_, region, _)| region == region_place);
            let file = FileToWrite {
                delivered_s,
                region_place,
                n_events,
                is_last,
            };
            let night = !(6..20).contains(&(delivered_s.rem_euclid(DAY_S) / 3_600));
            let [by_day, by_night] = &crews;
            let crew = if night { by_night } else { by_day };
            let tally = self.write_file(file, crew, &mut waiting, &mut parts, writer)?;
            if !wrote(tally) {
                return Ok(());
            }
        }
        for repeat in waiting {
            let delivered_s = day_s + DAY_S + self.rng.between(60, 7_200) as i64;
            let place = self.place(self.region(repeat.region_place), delivered_s);
            writer.event().extend_from_slice(&repeat.bytes);
            let mut tally = Tally {
                duplicates: 1,
                ..Tally::default()
            };
            tally.wrote(writer.finish(place)?);
            if !wrote(tally) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes one file, with some of the repeats that wait for one of its region.
    fn write_file(
        &mut self,
        file: FileToWrite,
        crew: &Weighted,
        waiting: &mut Vec<Repeat>,
        parts: &mut Parts,
        writer: &mut LogWriter,
    ) -> Result<Tally, GenerateError> {
        let region = self.region(file.region_place);
        let events = self.events(file.delivered_s, file.n_events as usize, region, crew);
        let mut tally = Tally {
            events: u64::from(file.n_events),
            ..Tally::default()
        };
        let mut repeats: Vec<Repeat> = waiting
            .extract_if(.., |repeat| repeat.region_place == file.region_place)
            .collect();
        // Large files are wanted large: no repeat of theirs gets a file of its own.
        let repeats_fit = !file.is_last || file.n_events < 20;
        for event in &events {
            if self.rng.permille(200)
                && let Some(repeat) = repeats.pop()
            {
                writer.event().extend_from_slice(&repeat.bytes);
                tally.duplicates += 1;
            }
            self.push_event(event, region, parts, writer);
            tally.see(event.time_s);
            if self.rng.permille(TWICE_PERMILLE) && repeats_fit {
                waiting.push(Repeat {
                    region_place: file.region_place,
                    bytes: writer.last_event().to_vec(),
                });
            }
        }
        if file.is_last {
            for repeat in repeats.drain(..) {
                writer.event().extend_from_slice(&repeat.bytes);
                tally.duplicates += 1;
            }
        }
        waiting.append(&mut repeats);
        let late_s = match self.rng.permille(LATE_PERMILLE) {
            true => self.rng.log_between(3_600, 3 * 86_400) as i64,
            false => 0,
        };
        tally.wrote(writer.finish(self.place(region, file.delivered_s + late_s))?);
        Ok(tally)
    }

    fn region(&self, place: u32) -> &'a str {
        self.account
            .regions
            .get(place as usize)
            .copied()
            .unwrap_or(account::GLOBAL_REGION)
    }

    fn place(&mut self, region: &'a str, delivered_s: i64) -> Place<'a> {
        let account = &self.account.number;
        Place {
            account,
            region,
            delivered_s,
            unique: self.rng.next(),
        }
    }

    /// When a file is delivered: some second of the day, not while the trail is off.
    fn delivery(&mut self, day_s: i64, hours: &Weighted) -> i64 {
        loop {
            let hour = hours.draw(&mut self.rng) as i64;
            let delivered_s = day_s + hour * 3_600 + self.rng.below(3_600) as i64;
            if !self
                .silence
                .is_some_and(|silence| silence.covers(delivered_s))
            {
                return delivered_s;
            }
        }
    }

    /// The events of one file, nearly in order.
    fn events(
        &mut self,
        delivered_s: i64,
        n_events: usize,
        region: &str,
        crew: &Weighted,
    ) -> Vec<Planned<'a>> {
        let global = region == account::GLOBAL_REGION;
        let mut events = Vec::with_capacity(n_events);
        let mut before = None;
        while events.len() < n_events {
            let caller = self.caller(crew, before);
            before = Some(caller);
            let n_left = n_events - events.len();
            self.run(caller, delivered_s, n_left, global, &mut events);
        }
        // Whoever began first comes first, with all of the run: where runs overlap, events
        // are out of order.
        events.sort_by_key(|event| event.run_s);
        for place in 1..events.len() {
            if self.rng.permille(SWAP_PERMILLE) {
                events.swap(place - 1, place);
            }
        }
        events
    }

    /// Whose turn it is: often it stays the same for a few runs.
    fn caller(&mut self, crew: &Weighted, before: Option<Caller>) -> Caller {
        let rng = &mut self.rng;
        if let Some(before) = before
            && rng.permille(SAME_CALLER_PERMILLE)
        {
            return before;
        }
        let kind = Kind::ALL.get(crew.draw(rng)).copied();
        let kind = kind.unwrap_or(Kind::Instance);
        let n_actors = self.account.actors(kind).len() as u64;
        Caller {
            kind,
            actor: rng.mostly_first(n_actors) as usize,
        }
    }

    /// Adds the calls that somebody makes in one go.
    fn run(
        &mut self,
        caller: Caller,
        delivered_s: i64,
        n_left: usize,
        global: bool,
        events: &mut Vec<Planned<'a>>,
    ) {
        let rng = &mut self.rng;
        let kind = caller.kind;
        let Some(table) = self.world.catalogue.table(kind, global) else {
            return;
        };
        let actor = self.account.actors(kind).get(caller.actor);
        let n_calls = rng.between(1, 2 * kind.run_length() - 1);
        let mut time_s = delivered_s - rng.quantile(&LATENCY_S) as i64;
        let run_s = time_s;
        let mut things = rng.next();
        let mut drawn = table.draw(rng);
        for _ in 0..n_calls.min(n_left as u64) {
            let Some(call) = self.world.catalogue.call(drawn) else {
                return;
            };
            let who = match (kind, actor, rng.pick(&call.callers)) {
                (Kind::Service, _, Some(service)) => Who::Known(service),
                (Kind::Event, _, Some(service)) => {
                    Who::Made(Box::new(Actor::event(&self.account.number, &service.arn)))
                }
                (_, Some(actor), _) => Who::Known(actor),
                _ => return,
            };
            let known_s = time_s.min(delivered_s - 2);
            let known_s = logged_at(known_s, delivered_s, self.world.start_s, self.silence, rng);
            events.push(Planned {
                time_s: known_s,
                run_s,
                kind,
                who,
                call,
                things,
            });
            time_s += rng.below(4) as i64;
            // Either the same call about other things, or another call about the same.
            if rng.permille(SAME_CALL_PERMILLE) {
                things = rng.next();
            } else {
                drawn = table.draw(rng);
            }
        }
    }

    fn push_event(
        &mut self,
        event: &Planned,
        region: &str,
        parts: &mut Parts,
        writer: &mut LogWriter,
    ) {
        let rng = &mut self.rng;
        let Planned {
            time_s, kind, call, ..
        } = *event;
        let actor = event.who.actor();
        let scene = Scene {
            account: self.account,
            other_account: rng.pick(&self.partners).map_or("", String::as_str),
            region,
            time_s,
            seed: rng.next(),
            things: event.things,
            actor_arn: &actor.arn,
            action: &call.action,
        };
        let fault = fault::draw(call, kind, &scene, rng);
        parts.fill(call, &scene, fault.as_ref(), rng);
        let crosses = matches!(kind, Kind::Service | Kind::Foreign);
        let record = Record {
            scene: &scene,
            call,
            actor,
            event_number: self.event_number,
            fault: fault.as_ref(),
            parts,
            shared: (call.shared && crosses).then(|| derive(scene.seed, salt("shared"))),
        };
        record.push(writer.event(), self.world.seed);
        self.event_number += 1;
    }
}

/// When an event can have happened: in range, and while the trail was on.
fn logged_at(
    time_s: i64,
    delivered_s: i64,
    start_s: i64,
    silence: Option<Silence>,
    rng: &mut Rng,
) -> i64 {
    let earliest_s = match silence {
        Some(silence) if delivered_s >= silence.until_s => silence.until_s,
        _ => start_s,
    };
    // Only what the trail's silence swallows is moved behind it.
    let swallowed = silence.is_some_and(|silence| silence.covers(time_s));
    if time_s < start_s || swallowed {
        earliest_s + rng.below((delivered_s - earliest_s).max(1) as u64) as i64
    } else {
        time_s
    }
}

/// Machines work around the clock, people from seven to nineteen.
fn hour_weight(hour: u64) -> u64 {
    match hour {
        7..=18 => 130,
        5 | 6 | 19..=21 => 95,
        _ => 75,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_happens_before_the_range_or_in_silence() {
        let silence = Some(Silence {
            account: 0,
            from_s: 1_000,
            until_s: 2_000,
        });
        let mut rng = Rng::new(1);
        for delivered_s in [2_000, 2_001, 2_500] {
            let time_s = logged_at(1_990, delivered_s, 0, silence, &mut rng);
            assert!((2_000..=delivered_s).contains(&time_s));
        }
        assert_eq!(logged_at(900, 950, 0, silence, &mut rng), 900);
        assert!((50..60).contains(&logged_at(40, 60, 50, None, &mut rng)));
    }
}
