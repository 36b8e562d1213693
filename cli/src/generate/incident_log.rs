//! Writes the incident's events, in files that are delivered as any others.

use serde::Serialize;

use super::GenerateError;
use super::account::Account;
use super::account_day::World;
use super::fault;
use super::incident::{Incident, Stage, Step};
use super::log_file::{LogWriter, Place};
use super::parts::Parts;
use super::random::{Rng, derive, salt};
use super::record::{Record, push_event_id};
use super::tally::Tally;
use super::template::{Macros, Scene, Template};

/// An event of the incident, as an investigation finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HiddenEvent {
    pub stage: Stage,
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Seconds since 1970.
    pub time_s: i64,
    pub account: String,
    pub region: String,
    pub event_source: String,
    pub event_name: String,
    pub is_denied: bool,
}

impl Incident {
    /// What [`write`](Self::write) writes, in the order of the story.
    pub fn hidden(&self, seed: u64, first_event: u64) -> Vec<HiddenEvent> {
        let hidden = self.steps.iter().zip(first_event..).map(|(step, number)| {
            let mut id = Vec::new();
            push_event_id(&mut id, seed, number);
            HiddenEvent {
                stage: step.stage,
                event_id: String::from_utf8_lossy(&id).into_owned(),
                time_s: step.time_s,
                account: self.account(step).number.clone(),
                region: step.region.clone(),
                event_source: format!("{}.amazonaws.com", step.service),
                event_name: step.name.to_owned(),
                is_denied: step.denied,
            }
        });
        hidden.collect()
    }

    /// Writes the events in files of five minutes, numbered from `first_event` on.
    ///
    /// **Errors:** those of [`LogWriter::finish`].
    pub fn write(
        &self,
        world: &World,
        first_event: u64,
        writer: &mut LogWriter,
    ) -> Result<Tally, GenerateError> {
        let mut rng = Rng::new(derive(world.seed, salt("incident files")));
        let mut tally = Tally::default();
        let mut parts = Parts::default();
        let mut order: Vec<(usize, &Step)> = self.steps.iter().enumerate().collect();
        order.sort_by_key(|(number, step)| (file_of(step), *number));
        for steps in order.chunk_by(|(_, a), (_, b)| file_of(a) == file_of(b)) {
            for (number, step) in steps {
                let event_number = first_event + *number as u64;
                self.push_step(step, event_number, world, &mut rng, &mut parts, writer);
                tally.events += 1;
                tally.see(step.time_s);
            }
            let Some((_, last)) = steps.last() else {
                continue;
            };
            let place = Place {
                account: &self.account(last).number,
                region: &last.region,
                delivered_s: last.time_s + rng.between(60, 300) as i64,
                unique: rng.next(),
            };
            tally.wrote(writer.finish(place)?);
        }
        Ok(tally)
    }

    fn push_step(
        &self,
        step: &Step,
        event_number: u64,
        world: &World,
        rng: &mut Rng,
        parts: &mut Parts,
        writer: &mut LogWriter,
    ) {
        let call = world
            .catalogue
            .find(step.service, step.name)
            .expect("a test of the incident finds every call in the catalogue");
        let scene = Scene {
            account: self.account(step),
            other_account: &self.facts.target_account,
            region: &step.region,
            time_s: step.time_s,
            seed: step.seed,
            things: step.seed,
            actor_arn: &step.actor.arn,
            action: &call.action,
        };
        let fault = step.denied.then(|| fault::denied(call, &scene, rng));
        parts.fill(call, &scene, fault.as_ref(), rng);
        for (text, part) in [
            (&step.request, &mut parts.request),
            (&step.response, &mut parts.response),
            (&step.resources, &mut parts.resources),
        ] {
            if let Some(text) = text {
                let template = Template::new(text, &Macros::new())
                    .expect("a test of the incident compiles its templates");
                part.clear();
                template.fill(&scene, rng, part);
            }
        }
        let record = Record {
            scene: &scene,
            call,
            actor: &step.actor,
            event_number,
            fault: fault.as_ref(),
            parts,
            shared: step.shared,
        };
        record.push(writer.event(), world.seed);
    }

    fn account(&self, step: &Step) -> &Account {
        if step.target {
            &self.target
        } else {
            &self.leaked
        }
    }
}

/// Which file a step is in: account, region, and five minutes.
fn file_of(step: &Step) -> (bool, &str, i64) {
    (step.target, &step.region, step.time_s / 300)
}
