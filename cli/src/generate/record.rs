//! One event as CloudTrail writes it: which fields there are, and in which order.
//!
//! Bytes are appended to one buffer; nothing is built as a tree first, because a file of
//! events is written once and read by others.
//!
//! **The marker.** Every eventID's last group begins with `7461726e`, which is `tarn` in
//! ASCII: a field that all events have, so the marker changes neither which fields are
//! present nor how often. (`eventID LIKE '%-7461726e%'` finds generated events.)

use super::actor::Actor;
use super::agent::Agent;
use super::calls::Call;
use super::clock;
use super::fault::Fault;
use super::ids;
use super::parts::Parts;
use super::random::derive;
use super::template::Scene;

/// `tarn`, the first four bytes of the last group of every eventID.
const MARKER: u64 = 0x7461_726E;

/// All that is known of one event.
pub struct Record<'a> {
    pub scene: &'a Scene<'a>,
    pub call: &'a Call,
    pub actor: &'a Actor,
    /// Distinct for distinct events of all accounts.
    pub event_number: u64,
    pub fault: Option<&'a Fault>,
    pub parts: &'a Parts,
    /// Seed of `sharedEventID`.
    pub shared: Option<u64>,
}

/// The eventID of an event: unique because [`derive`] is a bijection of the number.
pub fn push_event_id(out: &mut Vec<u8>, seed: u64, event_number: u64) {
    // A version 4 UUID has 60 free bits in its upper half, of which the last four move to
    // the end of the lower, so that all 64 bits of the number's image show.
    let unique = derive(seed, event_number);
    let rest = derive(unique, 1);
    let low = (rest & 0x3FFF << 48) | (MARKER << 16) | (rest & 0xFFF0) | (unique >> 12 & 15);
    ids::push_uuid_of(out, unique, low);
}

impl Record<'_> {
    /// Appends the event.
    pub fn push(&self, out: &mut Vec<u8>, seed: u64) {
        let Record {
            scene,
            call,
            actor,
            parts,
            ..
        } = self;
        let session = actor.session(scene.time_s);
        let version = call.version;
        push(out, r#"{"eventVersion":"1."#);
        push_two_digits(out, version);
        push(out, r#"","userIdentity":"#);
        actor.push_identity(session, out);
        push(out, r#","eventTime":""#);
        clock::push_iso(out, scene.time_s);
        push(out, r#"","eventSource":""#);
        call.push_source(out);
        push(out, r#"","eventName":""#);
        push(out, &call.name);
        push(out, r#"","awsRegion":""#);
        push(out, scene.region);
        push(out, r#"","sourceIPAddress":""#);
        actor.push_address(session, out);
        push(out, r#"","userAgent":""#);
        self.push_agent(out);
        if let Some(fault) = self.fault {
            if let Some(code) = &fault.code {
                push(out, r#"","errorCode":""#);
                push(out, code);
            }
            if !fault.message.is_empty() {
                push(out, r#"","errorMessage":""#);
                out.extend_from_slice(&fault.message);
            }
        }
        push(out, r#"","requestParameters":"#);
        push_or_null(out, &parts.request);
        push(out, r#","responseElements":"#);
        push_or_null(out, &parts.response);
        if !parts.additional.is_empty() {
            push(out, r#","additionalEventData":"#);
            out.extend_from_slice(&parts.additional);
        }
        push(out, r#","requestID":""#);
        scene.push_request_id(out);
        push(out, r#"","eventID":""#);
        push_event_id(out, seed, self.event_number);
        if version >= 6 {
            push(out, r#"","readOnly":"#);
            push(out, if call.read_only { "true" } else { "false" });
        } else {
            out.push(b'"');
        }
        if !parts.resources.is_empty() {
            push(out, r#","resources":["#);
            out.extend_from_slice(&parts.resources);
            out.push(b']');
        }
        push(out, r#","eventType":""#);
        push(out, self.event_type());
        if let Some(api_version) = &call.api_version {
            push(out, r#"","apiVersion":""#);
            push(out, api_version);
        }
        if version >= 6 {
            push(out, r#"","managementEvent":"#);
            push(out, if call.data { "false" } else { "true" });
        } else {
            out.push(b'"');
        }
        push(out, r#","recipientAccountId":""#);
        push(out, &scene.account.number);
        if let Some(shared) = self.shared {
            push(out, r#"","sharedEventID":""#);
            ids::push_uuid(out, shared);
        }
        out.push(b'"');
        if !parts.details.is_empty() {
            push(out, r#","serviceEventDetails":"#);
            out.extend_from_slice(&parts.details);
        }
        if let Some(endpoint) = actor.vpc_endpoint.as_ref().filter(|_| !call.global) {
            push(out, r#","vpcEndpointId":""#);
            push(out, endpoint);
            if version >= 9 {
                push(out, r#"","vpcEndpointAccountId":""#);
                push(out, &scene.account.number);
            }
            out.push(b'"');
        }
        if version >= 7 {
            push(out, r#","eventCategory":""#);
            push(out, if call.data { "Data" } else { "Management" });
            out.push(b'"');
        }
        if version >= 8 && actor.direct && !call.signin && parts.details.is_empty() {
            self.push_tls(out);
        }
        if version >= 8 && actor.console && !call.signin {
            push(out, r#","sessionCredentialFromConsole":"true""#);
        }
        out.push(b'}');
    }

    fn event_type(&self) -> &'static str {
        if self.call.signin {
            "AwsConsoleSignIn"
        } else if self.actor.is_event() {
            "AwsServiceEvent"
        } else {
            "AwsApiCall"
        }
    }

    fn push_agent(&self, out: &mut Vec<u8>) {
        match &self.actor.agent {
            Agent::Fixed(text) => push(out, text),
            Agent::CommandLine(text) => {
                push(out, text);
                push(out, " md/command#");
                push(out, &self.call.command);
            }
        }
    }

    fn push_tls(&self, out: &mut Vec<u8>) {
        let Record { scene, call, .. } = self;
        push(out, r#","tlsDetails":{"tlsVersion":""#);
        // Which protocol is spoken depends on the client, so it does not change per event.
        push(
            out,
            if self.actor.speaks_tls13() {
                r#"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256"#
            } else {
                r#"TLSv1.2","cipherSuite":"ECDHE-RSA-AES128-GCM-SHA256"#
            },
        );
        push(out, r#"","clientProvidedHostHeader":""#);
        push(out, &call.service);
        if !call.global {
            out.push(b'.');
            push(out, scene.region);
        }
        push(out, r#".amazonaws.com"}"#);
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn push_or_null(out: &mut Vec<u8>, json: &[u8]) {
    out.extend_from_slice(if json.is_empty() { b"null" } else { json });
}

fn push_two_digits(out: &mut Vec<u8>, n: u32) {
    out.push(b'0' + (n / 10 % 10) as u8);
    out.push(b'0' + (n % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_are_distinct_and_marked() {
        let ids: std::collections::HashSet<String> = (0..10_000)
            .map(|number| {
                let mut out = Vec::new();
                push_event_id(&mut out, 1, number);
                String::from_utf8(out).unwrap()
            })
            .collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 36 && id[24..].starts_with("7461726e"))
        );
    }
}
