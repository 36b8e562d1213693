//! A session as a page to read: who, from where, the chain, what it led to, and the calls.

use std::io::{self, Write};

use serde_json::{Value, json};
use tarn_query::results::escape_controls;
use tarn_server::wire::{
    Session, SessionCall, SessionGrant, SessionIdentity, SessionLink, SessionValue, SessionValues,
};

use crate::listing::Listing;
use crate::sizes::{count, counted};
use crate::terminal::{BOLD, DENIED, DIM, Terminal};

/// Of the values of a kind so many are named; the object of `-o json` has ten.
const VALUES_SHOWN: usize = 5;
const AGENTS_SHOWN: usize = 3;
const AGENT_CHARS_MAX: usize = 70;

pub fn write(out: &mut dyn Write, session: &Session, terminal: &Terminal) -> io::Result<()> {
    let page = Page { terminal };
    page.title(out, &who(&session.identity))?;
    for (name, text) in facts(session) {
        page.line(out, &format!("  {name:<10} {text}"))?;
    }
    page.heading(out, "where the credentials came from")?;
    for (i, link) in session.chain.iter().enumerate() {
        page.link(out, i + 1, link)?;
    }
    if !session.onward.is_empty() {
        page.heading(out, "credentials that were obtained")?;
        for grant in &session.onward {
            page.grant(out, grant)?;
        }
        if session.onward_is_cut {
            page.line(out, "  and more")?;
        }
    }
    page.heading(out, "calls")?;
    calls(session).write(out, Some(crate::args::ListingFormat::Table), terminal)
}

/// The lines of a report; what an event brought cannot move the cursor.
struct Page<'t> {
    terminal: &'t Terminal,
}

impl Page<'_> {
    fn line(&self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        writeln!(out, "{}", escape_controls(text))
    }

    fn dim(&self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        let text = self.terminal.stdout.paint(DIM, &escape_controls(text));
        writeln!(out, "{text}")
    }

    fn title(&self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        let text = self.terminal.stdout.paint(BOLD, &escape_controls(text));
        writeln!(out, "{text}")
    }

    fn heading(&self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        writeln!(out)?;
        self.title(out, text)
    }

    fn link(&self, out: &mut dyn Write, number: usize, link: &SessionLink) -> io::Result<()> {
        let holder = with_key(who(&link.identity), link.identity.access_key_id.as_deref());
        self.line(out, &format!("  {number}. {holder}"))?;
        self.line(out, &format!("     {}", link.told))?;
        if let Some(call) = &link.call {
            let factor = link.second_factor.as_deref().map(second_factor);
            let factor = factor.map(|factor| format!(", {factor}"));
            let text = told(call);
            self.line(out, &format!("     {text}{}", factor.unwrap_or_default()))?;
            if let Some(agent) = &call.user_agent {
                self.dim(out, &format!("     {}", cut(agent)))?;
            }
        }
        for call in &link.candidates {
            self.line(out, &format!("     or {}", told(call)))?;
        }
        Ok(())
    }

    fn grant(&self, out: &mut dyn Write, grant: &SessionGrant) -> io::Result<()> {
        let blanks = "  ".repeat(grant.depth);
        let to = grant.to.as_deref().unwrap_or("somebody");
        let used = match (&grant.first, &grant.last) {
            (Some(first), Some(last)) => {
                format!(
                    "{}, {}",
                    counted(grant.call_count, "call"),
                    span(first, last)
                )
            }
            _ => "not used".to_owned(),
        };
        self.line(out, &format!("{blanks}{} for {to}", grant.access_key_id))?;
        self.line(out, &format!("{blanks}  {}", told(&grant.call)))?;
        self.line(out, &format!("{blanks}  {used}"))
    }
}

/// What is known of a session, under short names.
fn facts(session: &Session) -> Vec<(&'static str, String)> {
    let identity = &session.identity;
    let mut facts = Vec::new();
    let mut push = |name, text: Option<String>| facts.extend(text.map(|text| (name, text)));
    let (callers, keys) = (&session.callers, &session.access_keys);
    match callers.count {
        0 | 1 => push("arn", identity.arn.clone()),
        n => push("callers", Some(format!("{n}: {}", values(callers)))),
    }
    push("principal", identity.principal_id.clone());
    match keys.count {
        0 | 1 => push("key", identity.access_key_id.clone()),
        n => push("keys", Some(format!("{n}: {}", values(keys)))),
    }
    push("role", identity.role_arn.clone());
    push("source", identity.source_identity.clone());
    push("behalf of", identity.on_behalf_of.clone());
    push("began", began(identity));
    let calls = counted(session.call_count, "call");
    let ended = match (session.failed_count, session.denied_count) {
        (0, _) => String::new(),
        (failed, denied) => format!(
            ", {} failed, {} of them denied",
            count(failed),
            count(denied)
        ),
    };
    push("calls", Some(format!("{calls}{ended}")));
    let times = session.first.as_ref().zip(session.last.as_ref());
    push("between", times.map(|(first, last)| span(first, last)));
    let several = |of: &SessionValues| (of.count > 0).then(|| values(of));
    push("addresses", several(&session.addresses));
    push("accounts", several(&session.accounts));
    push("regions", several(&session.regions));
    let (agents, n_more) = agents(&session.user_agents);
    for (agent, n_calls) in agents {
        push("agent", Some(format!("{agent} ({})", count(n_calls))));
    }
    push(
        "agents",
        (n_more > 0).then(|| format!("{} more", count(n_more))),
    );
    facts
}

/// The most frequent agents by what they say first, with their calls; and how many agents
/// are not among them.
fn agents(of: &SessionValues) -> (Vec<(String, u64)>, u64) {
    let mut agents: Vec<(String, u64)> = Vec::new();
    let mut n_told = 0;
    for agent in &of.values {
        let text = cut(&agent.value);
        let has_room = agents.len() < AGENTS_SHOWN;
        match agents.iter_mut().find(|(known, _)| *known == text) {
            Some((_, n_calls)) => *n_calls += agent.call_count,
            None if has_room => agents.push((text, agent.call_count)),
            None => continue,
        }
        n_told += 1;
    }
    (agents, of.count.saturating_sub(n_told))
}

/// What an agent says first; the rest is which libraries it is made of.
fn cut(agent: &str) -> String {
    match agent.char_indices().nth(AGENT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", agent.get(..at).unwrap_or_default()),
        None => agent.to_owned(),
    }
}

/// When the session began, and how.
fn began(identity: &SessionIdentity) -> Option<String> {
    let created = identity.created.as_deref().map(short);
    let mfa = match identity.mfa.as_deref() {
        Some("true") => Some("with a second factor".to_owned()),
        Some("false") => Some("without a second factor".to_owned()),
        _ => None,
    };
    let console = identity.on_console.then(|| "on the console".to_owned());
    let parts: Vec<String> = [created, mfa, console].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The most frequent values with the number of calls, and how many more there are.
fn values(of: &SessionValues) -> String {
    let one = |value: &SessionValue| format!("{} ({})", value.value, count(value.call_count));
    let shown: Vec<String> = of.values.iter().take(VALUES_SHOWN).map(one).collect();
    let n_more = of.count.saturating_sub(shown.len() as u64);
    match n_more {
        0 => shown.join(", "),
        n => format!("{}, {} more", shown.join(", "), count(n)),
    }
}

/// Somebody in a few words.
fn who(identity: &SessionIdentity) -> String {
    let kind = identity.kind.as_deref().unwrap_or("");
    let arn = identity.arn.as_deref();
    let name = match kind {
        "AWSService" => identity.invoked_by.clone(),
        "AWSAccount" => return with_account("somebody".to_owned(), identity),
        "Root" => return with_account("root".to_owned(), identity),
        _ => None,
    };
    let of_arn = || {
        let (_, name) = arn?.rsplit_once(":")?;
        Some(
            name.split_once('/')
                .map_or(name, |(_, name)| name)
                .to_owned(),
        )
    };
    let name = name
        .or_else(of_arn)
        .or_else(|| identity.user_name.clone())
        .or_else(|| identity.on_behalf_of.clone())
        .or_else(|| identity.principal_id.clone());
    let text = match (word(kind), name) {
        ("", None) => "somebody".to_owned(),
        ("", Some(name)) => name,
        (word, None) => word.to_owned(),
        (word, Some(name)) => format!("{word} {name}"),
    };
    with_account(text, identity)
}

fn word(kind: &str) -> &str {
    match kind {
        "AssumedRole" => "role session",
        "IAMUser" => "IAM user",
        "FederatedUser" => "federated user",
        "WebIdentityUser" => "web identity",
        "SAMLUser" => "SAML user",
        "IdentityCenterUser" => "Identity Center user",
        "AWSService" => "AWS service",
        other => other,
    }
}

fn with_account(text: String, identity: &SessionIdentity) -> String {
    match &identity.account_id {
        Some(account) => format!("{text} of account {account}"),
        None => text,
    }
}

fn with_key(text: String, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{text}, key {key}"),
        None => text,
    }
}

fn second_factor(told: &str) -> String {
    match told {
        "Yes" => "with a second factor".to_owned(),
        "No" => "without a second factor".to_owned(),
        device => format!("with the second factor {device}"),
    }
}

/// A call in one line.
fn told(call: &SessionCall) -> String {
    let mut text = short(&call.time);
    let mut add = |before: &str, value: &Option<String>| {
        if let Some(value) = value {
            text.push_str(before);
            text.push_str(value);
        }
    };
    add(" ", &call.action);
    add(" from ", &call.address);
    add(", account ", &call.account);
    add(", ", &call.region);
    add(", event ", &call.event_id);
    text
}

/// A time as people read it: UTC goes without saying, whole seconds too.
fn short(iso: &str) -> String {
    let text = iso.strip_suffix('Z').unwrap_or(iso);
    text.strip_suffix(".000")
        .unwrap_or(text)
        .replacen('T', " ", 1)
}

fn span(first: &str, last: &str) -> String {
    match first == last {
        true => short(first),
        false => format!("{} to {}", short(first), short(last)),
    }
}

/// The calls as a table. A column whose values are all one stands above already.
fn calls(session: &Session) -> Listing {
    type Cell = fn(&SessionCall) -> Value;
    let columns: [(&'static str, bool, Cell); 8] = [
        ("time", true, |call| json!(short(&call.time))),
        ("account", session.accounts.count > 1, |call| {
            json!(call.account)
        }),
        ("region", session.regions.count > 1, |call| {
            json!(call.region)
        }),
        ("call", true, |call| {
            let service = call.service.as_deref().unwrap_or("");
            let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
            json!(format!(
                "{service} {}",
                call.action.as_deref().unwrap_or("")
            ))
        }),
        ("outcome", session.failed_count > 0, |call| {
            json!(outcome(call))
        }),
        ("address", session.addresses.count > 1, |call| {
            json!(call.address)
        }),
        ("key", session.access_keys.count > 1, |call| {
            json!(call.access_key_id)
        }),
        ("about", true, |call| json!(call.resource)),
    ];
    let shown = || columns.iter().filter(|(_, is_shown, _)| *is_shown);
    let names: Vec<&'static str> = shown().map(|(name, _, _)| *name).collect();
    let mut listing = Listing::new(&names);
    for call in &session.calls {
        let row: Vec<Value> = shown().map(|(_, _, cell)| cell(call)).collect();
        match call.outcome.as_str() {
            "denied" => listing.push_painted(row, DENIED),
            _ => listing.push(row),
        }
    }
    listing
}

/// How a call ended, where it did not go well. That it was denied says the most of it.
fn outcome(call: &SessionCall) -> Option<String> {
    let error = call.error.as_deref().or(call.error_message.as_deref());
    match (call.outcome.as_str(), error) {
        ("done", _) => None,
        ("failed", Some(error)) => Some(format!("failed: {error}")),
        (outcome, _) => Some(outcome.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: &str, arn: Option<&str>) -> SessionIdentity {
        SessionIdentity {
            kind: Some(kind.to_owned()),
            arn: arn.map(str::to_owned),
            account_id: Some("1".to_owned()),
            ..SessionIdentity::default()
        }
    }

    #[test]
    fn people_and_workloads_have_names() {
        for (kind, arn, expected) in [
            (
                "IAMUser",
                Some("arn:aws:iam::1:user/path/bob"),
                "IAM user path/bob of account 1",
            ),
            (
                "AssumedRole",
                Some("arn:aws:sts::1:assumed-role/R/s"),
                "role session R/s of account 1",
            ),
            ("Root", Some("arn:aws:iam::1:root"), "root of account 1"),
            ("AWSAccount", None, "somebody of account 1"),
            ("Unheard", None, "Unheard of account 1"),
            ("", None, "somebody of account 1"),
        ] {
            assert_eq!(who(&identity(kind, arn)), expected);
        }
    }

    #[test]
    fn times_are_as_short_as_they_can_be() {
        assert_eq!(short("2026-05-01T00:00:00.000Z"), "2026-05-01 00:00:00");
        assert_eq!(short("2026-05-01T00:00:00.120Z"), "2026-05-01 00:00:00.120");
        assert_eq!(short("2026-05-01T00:00:00Z"), "2026-05-01 00:00:00");
    }
}
