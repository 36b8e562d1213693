//! How calls fail: with which error, how often, and what the message says.
//!
//! Three sorts add up to about one event in eight, as in the more varied of the measured
//! logs: what a call is known for (a bucket without a policy), denied access, and rates
//! that were exceeded.

use super::actor::Kind;
use super::calls::Call;
use super::ids;
use super::random::{Rng, derive, salt};
use super::template::Scene;

/// The error of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// `None` for failed sign-ins, which carry a message alone.
    pub code: Option<String>,
    /// The contents of the string, escaped.
    pub message: Vec<u8>,
}

/// Of 1,000 calls, how many are denied and how many are over the rate.
fn rates(kind: Kind) -> (u32, u32) {
    match kind {
        Kind::Human => (70, 30),
        Kind::Ci => (55, 80),
        Kind::Config => (18, 20),
        Kind::Instance => (75, 12),
        Kind::Lambda => (55, 25),
        Kind::Pod => (60, 40),
        Kind::Foreign => (65, 0),
        Kind::Federated => (40, 0),
        Kind::Service => (24, 0),
        Kind::Root | Kind::Event => (0, 0),
    }
}

/// Whether and how a call fails.
pub fn draw(call: &Call, kind: Kind, scene: &Scene, rng: &mut Rng) -> Option<Fault> {
    let mut at = rng.below(1000) as u32;
    for fault in &call.faults {
        if at < fault.permille {
            let mut message = Vec::new();
            if let Some(template) = &fault.message {
                template.fill(scene, rng, &mut message);
            }
            return Some(Fault {
                code: fault.code.clone(),
                message,
            });
        }
        at -= fault.permille;
    }
    let (denied_permille, throttled_permille) = rates(kind);
    if rng.permille(denied_permille) {
        return Some(denied(call, scene, rng));
    }
    let throttled = call.read_only && !call.data && rng.permille(throttled_permille);
    throttled.then(|| throttle(call))
}

/// Access denied, in the words that the service uses.
pub fn denied(call: &Call, scene: &Scene, rng: &mut Rng) -> Fault {
    let mut message = Vec::new();
    let push = |message: &mut Vec<u8>, text: &str| message.extend_from_slice(text.as_bytes());
    if call.service == "s3" && rng.permille(350) {
        push(&mut message, "Access Denied");
        return fault("AccessDenied", message);
    }
    if call.service == "ec2" {
        push(
            &mut message,
            "You are not authorized to perform this operation.",
        );
    }
    if call.service != "ec2" || rng.permille(500) {
        if call.service == "ec2" {
            message.push(b' ');
        }
        push(&mut message, "User: ");
        push(&mut message, scene.actor_arn);
        push(&mut message, " is not authorized to perform: ");
        push(&mut message, scene.action);
        if rng.permille(600) {
            push(&mut message, " on resource: arn:aws:");
            push(&mut message, &call.service);
            push(&mut message, ":");
            push(&mut message, scene.region);
            push(&mut message, ":");
            push(&mut message, &scene.account.number);
            push(&mut message, ":*");
        }
        push(
            &mut message,
            match rng.below(4) {
                0 => " with an explicit deny in a service control policy",
                _ => " because no identity-based policy allows the action",
            },
        );
    }
    if call.service == "ec2" {
        push(&mut message, " Encoded authorization failure message: ");
        ids::push_base64(&mut message, rng.next(), 120);
        return fault("Client.UnauthorizedOperation", message);
    }
    // Every service has its own name for it.
    let code = match derive(salt(&call.service), 0) % 3 {
        _ if matches!(call.service.as_str(), "s3" | "iam" | "sts") => "AccessDenied",
        0 => "AccessDeniedException",
        _ => "AccessDenied",
    };
    fault(code, message)
}

fn throttle(call: &Call) -> Fault {
    match call.service.as_str() {
        "ec2" => fault(
            "Client.RequestLimitExceeded",
            b"Request limit exceeded.".to_vec(),
        ),
        "iam" | "cloudformation" => fault("Throttling", b"Rate exceeded".to_vec()),
        _ => fault("ThrottlingException", b"Rate exceeded".to_vec()),
    }
}

fn fault(code: &str, message: Vec<u8>) -> Fault {
    Fault {
        code: Some(code.to_owned()),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::Account;
    use super::super::calls::Catalogue;
    use super::*;

    #[test]
    fn messages_are_fit_for_json() {
        let catalogue = Catalogue::new().unwrap();
        let account = Account::new(1, 0, 1_000);
        let calls = (0..).map_while(|place| catalogue.call(place));
        for (place, call) in calls.enumerate() {
            let scene = Scene {
                account: &account,
                other_account: "222222222222",
                region: "eu-west-1",
                time_s: 0,
                seed: 1,
                things: 1,
                actor_arn: "arn:aws:iam::111122223333:user/a",
                action: &call.action,
            };
            let mut rng = Rng::new(place as u64);
            for _ in 0..20 {
                let fault = draw(call, Kind::Ci, &scene, &mut rng);
                let message = fault
                    .unwrap_or_else(|| denied(call, &scene, &mut rng))
                    .message;
                let text = format!("\"{}\"", String::from_utf8(message).unwrap());
                serde_json::from_str::<String>(&text).expect(&text);
            }
        }
    }
}
