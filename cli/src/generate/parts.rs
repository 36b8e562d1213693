//! The parts of an event that follow from its call: request, response and their like.

use super::calls::Call;
use super::fault::Fault;
use super::random::Rng;
use super::template::{Scene, Template};

/// JSON as it shall stand; empty where the event has none. Buffers that are used again.
#[derive(Debug, Default)]
pub struct Parts {
    pub request: Vec<u8>,
    pub response: Vec<u8>,
    pub additional: Vec<u8>,
    /// What stands between the brackets.
    pub resources: Vec<u8>,
    pub details: Vec<u8>,
}

impl Parts {
    /// Fills all parts from the call's templates; a failed call has no response.
    pub fn fill(&mut self, call: &Call, scene: &Scene, fault: Option<&Fault>, rng: &mut Rng) {
        let fill = |out: &mut Vec<u8>, templates: &[Template], rng: &mut Rng| {
            out.clear();
            if let Some(template) = rng.pick(templates) {
                template.fill(scene, rng, out);
            }
        };
        fill(&mut self.request, &call.requests, rng);
        fill(&mut self.additional, &call.additional, rng);
        fill(&mut self.resources, &call.resources, rng);
        fill(&mut self.details, &call.details, rng);
        match fault {
            None => fill(&mut self.response, &call.responses, rng),
            Some(fault) => {
                self.response.clear();
                if fault.code.is_none() {
                    self.response
                        .extend_from_slice(br#"{"ConsoleLogin":"Failure"}"#);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::Account;
    use super::super::calls::Catalogue;
    use super::*;

    #[test]
    fn the_parts_of_every_call_are_json() {
        let catalogue = Catalogue::new().unwrap();
        let account = Account::new(1, 0, 1_000);
        let mut parts = Parts::default();
        for (place, call) in (0..).map_while(|place| catalogue.call(place)).enumerate() {
            let mut rng = Rng::new(place as u64);
            for seed in 0..12 {
                let scene = Scene {
                    account: &account,
                    other_account: "222222222222",
                    region: "eu-west-1",
                    time_s: 1_793_491_200,
                    seed,
                    things: seed,
                    actor_arn: "arn:aws:iam::111122223333:user/a",
                    action: &call.action,
                };
                parts.fill(call, &scene, None, &mut rng);
                let resources = [b"[", parts.resources.as_slice(), b"]"].concat();
                let all = [
                    &parts.request,
                    &parts.response,
                    &parts.additional,
                    &parts.details,
                ];
                for json in all
                    .into_iter()
                    .filter(|json| !json.is_empty())
                    .chain([&resources])
                {
                    let text = String::from_utf8(json.clone()).unwrap();
                    serde_json::from_str::<serde_json::Value>(&text)
                        .unwrap_or_else(|error| panic!("{}: {error}: {text}", call.action));
                }
            }
        }
    }
}
