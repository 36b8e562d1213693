//! The catalogue of calls: which exist, who makes them how often, and what they look like.
//!
//! **Shape of `calls/*.txt`.** A line `= name template` defines a text that templates may
//! name; repeated, it adds an alternative. A call begins with
//! `service Name flags kind=weight …`, where flags are `r` or `w` (reads, writes), `rd` or
//! `wd` (data events), `g` (global, logged in one region), `shared` (has a `sharedEventID`
//! when a service or another account calls), `signin`, `event` (reported by the service
//! itself), and `service=weight:a,b` names the services that make the call. Below it stand
//! templates: `>` requests and `<` responses (one is chosen; none means null), `+`
//! `additionalEventData`, `@` the contents of `resources`, `^` `serviceEventDetails`, and
//! `! permille Code Message` failures (`-` for none).
//!
//! `calls/services.txt` lists services and the calls whose shape follows from their name.

use std::collections::HashMap;

use super::actor::{Actor, Kind};
use super::generic;
use super::random::Weighted;
use super::template::{Macros, Template, TemplateError};

const SHAPED: [&str; 4] = [
    include_str!("calls/storage.txt"),
    include_str!("calls/identity.txt"),
    include_str!("calls/compute.txt"),
    include_str!("calls/operations.txt"),
];
const SERVICES: &str = include_str!("calls/services.txt");

/// Of 1,000 calls of a kind, how many are spread over the calls that have no shape of
/// their own.
const UNSHAPED: [(Kind, u64); 5] = [
    (Kind::Human, 280),
    (Kind::Ci, 220),
    (Kind::Pod, 50),
    (Kind::Instance, 30),
    (Kind::Lambda, 40),
];

/// A weight of 1 in the text, so that rare calls have whole weights too.
const CALL_WEIGHT: u64 = 1_000_000;

/// One call of one service.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `ec2`
    pub service: String,
    pub name: String,
    /// `ec2:DescribeInstances`
    pub action: String,
    /// `ec2.describe-instances`, as the AWS CLI says it.
    pub command: String,
    /// Minor version of the events: 8 for 1.08.
    pub version: u32,
    pub api_version: Option<String>,
    pub read_only: bool,
    pub data: bool,
    pub global: bool,
    pub shared: bool,
    pub signin: bool,
    /// The services that make it, where a service does.
    pub callers: Vec<Actor>,
    pub requests: Vec<Template>,
    pub responses: Vec<Template>,
    pub additional: Vec<Template>,
    pub resources: Vec<Template>,
    pub details: Vec<Template>,
    pub faults: Vec<Fault>,
    weights: HashMap<&'static str, u64>,
}

/// A way in which a call fails.
#[derive(Clone, Debug)]
pub struct Fault {
    pub permille: u32,
    /// `None` for failed sign-ins, which carry a message alone.
    pub code: Option<String>,
    pub message: Option<Template>,
}

/// All calls, and tables to draw them by whoever calls.
#[derive(Debug)]
pub struct Catalogue {
    calls: Vec<Call>,
    /// For each kind: without and with global services.
    tables: Vec<[Weighted; 2]>,
}

/// Why the catalogue's text cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{line}: {source}")]
    Template {
        line: String,
        #[source]
        source: TemplateError,
    },
    #[error("{line}: unknown word {word}")]
    UnknownWord { line: String, word: String },
    #[error("{line}: stands under no call")]
    NoCall { line: String },
}

impl Catalogue {
    /// Reads the catalogue that is part of the program.
    pub fn new() -> Result<Self, CatalogueError> {
        let services = services()?;
        let mut calls = shaped(&services)?;
        let macros = macros(&SHAPED);
        let sum: u64 = services.values().map(|service| service.weight).sum();
        let mut names: Vec<&Service> = services.values().collect();
        names.sort_by_key(|service| service.order);
        for service in names {
            // Names are called ever less often: the tail is what new names come from.
            let rarity = |rank: usize| 1_000_000 / (rank as u64 + 2).pow(2);
            let sum_of_names: u64 = (0..service.names.len()).map(rarity).sum();
            for (rank, name) in service.names.iter().enumerate() {
                let mut call = service.call(name);
                let shape = generic::shape(&service.name, name);
                call.read_only = shape.read_only;
                call.requests = compile(&shape.requests, &macros)?;
                call.responses = compile(&shape.responses, &macros)?;
                for (kind, share) in UNSHAPED {
                    let of_service = share * CALL_WEIGHT * service.weight / sum.max(1);
                    let weight = of_service * rarity(rank) / sum_of_names.max(1);
                    call.weights.insert(kind.name(), weight);
                }
                calls.push(call);
            }
        }
        let table = |kind: Kind, global: bool| {
            Weighted::new(calls.iter().map(|call| {
                let here = global || !call.global;
                if here {
                    call.weights.get(kind.name()).copied().unwrap_or(0)
                } else {
                    0
                }
            }))
        };
        let tables = Kind::ALL
            .iter()
            .map(|&kind| [table(kind, false), table(kind, true)])
            .collect();
        Ok(Catalogue { calls, tables })
    }

    /// The table for one kind of caller, in a region with or without global services.
    /// `None` when that kind calls nothing there.
    pub fn table(&self, kind: Kind, global: bool) -> Option<&Weighted> {
        let place = Kind::ALL.iter().position(|&k| k == kind)?;
        let table = self.tables.get(place)?.get(usize::from(global))?;
        (!table.is_empty()).then_some(table)
    }

    /// The call at a place that a table gave.
    pub fn call(&self, place: usize) -> Option<&Call> {
        self.calls.get(place)
    }

    /// A call by its names.
    pub fn find(&self, service: &str, name: &str) -> Option<&Call> {
        self.calls
            .iter()
            .find(|call| call.service == service && call.name == name)
    }
}

impl Call {
    /// The service's host, as `eventSource` has it.
    pub fn push_source(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.service.as_bytes());
        out.extend_from_slice(b".amazonaws.com");
    }
}

#[derive(Debug, Default)]
struct Service {
    name: String,
    order: usize,
    version: u32,
    api_version: Option<String>,
    global: bool,
    weight: u64,
    names: Vec<String>,
}

impl Service {
    fn call(&self, name: &str) -> Call {
        Call {
            service: self.name.clone(),
            name: name.to_owned(),
            action: format!("{}:{name}", self.name),
            command: format!("{}.{}", self.name, kebab(name)),
            version: self.version,
            api_version: self.api_version.clone(),
            global: self.global,
            ..Call::default()
        }
    }
}

fn services() -> Result<HashMap<String, Service>, CatalogueError> {
    let mut services = HashMap::new();
    for (order, line) in lines(SERVICES).enumerate() {
        let (head, names) = line.split_once(':').unwrap_or((line, ""));
        let mut words = head.split_whitespace();
        let mut service = Service {
            name: words.next().unwrap_or_default().to_owned(),
            order,
            names: names.split_whitespace().map(str::to_owned).collect(),
            ..Service::default()
        };
        for word in words {
            let unknown = || CatalogueError::UnknownWord {
                line: line.to_owned(),
                word: word.to_owned(),
            };
            if word == "g" {
                service.global = true;
            } else if let Some(version) = word.strip_prefix("v=1.") {
                service.version = version.parse().map_err(|_| unknown())?;
            } else if let Some(version) = word.strip_prefix("api=") {
                service.api_version = Some(version.to_owned());
            } else if let Some(weight) = word.strip_prefix("w=") {
                service.weight = weight.parse().map_err(|_| unknown())?;
            } else {
                return Err(unknown());
            }
        }
        services.insert(service.name.clone(), service);
    }
    Ok(services)
}

fn shaped(services: &HashMap<String, Service>) -> Result<Vec<Call>, CatalogueError> {
    let macros = macros(&SHAPED);
    let mut calls: Vec<Call> = Vec::new();
    for line in SHAPED.iter().flat_map(|text| lines(text)) {
        let compile = |text: &str| {
            Template::new(text, &macros).map_err(|source| CatalogueError::Template {
                line: line.to_owned(),
                source,
            })
        };
        let (mark, text) = line.split_once(' ').unwrap_or((line, ""));
        if mark == "=" {
            continue;
        }
        if mark.len() > 1 {
            calls.push(head(line, services)?);
            continue;
        }
        let Some(call) = calls.last_mut() else {
            return Err(CatalogueError::NoCall {
                line: line.to_owned(),
            });
        };
        match mark {
            ">" => call.requests.push(compile(text)?),
            "<" => call.responses.push(compile(text)?),
            "+" => call.additional.push(compile(text)?),
            "@" => call.resources.push(compile(text)?),
            "^" => call.details.push(compile(text)?),
            "!" => {
                let mut words = text.splitn(3, ' ');
                let permille = words.next().and_then(|word| word.parse().ok());
                let code = words.next().filter(|&code| code != "-").map(str::to_owned);
                let message = words.next().map(compile).transpose()?;
                let permille = permille.ok_or_else(|| CatalogueError::UnknownWord {
                    line: line.to_owned(),
                    word: mark.to_owned(),
                })?;
                call.faults.push(Fault {
                    permille,
                    code,
                    message,
                });
            }
            _ => {
                return Err(CatalogueError::UnknownWord {
                    line: line.to_owned(),
                    word: mark.to_owned(),
                });
            }
        }
    }
    Ok(calls)
}

fn head(line: &str, services: &HashMap<String, Service>) -> Result<Call, CatalogueError> {
    let unknown = |word: &str| CatalogueError::UnknownWord {
        line: line.to_owned(),
        word: word.to_owned(),
    };
    let mut words = line.split_whitespace();
    let service = words.next().unwrap_or_default();
    let name = words.next().ok_or_else(|| unknown(service))?;
    let mut call = services
        .get(service)
        .ok_or_else(|| unknown(service))?
        .call(name);
    for word in words {
        match word {
            "r" => call.read_only = true,
            "rd" => (call.read_only, call.data) = (true, true),
            "w" | "event" => {}
            "wd" => call.data = true,
            "g" => call.global = true,
            "shared" => call.shared = true,
            "signin" => call.signin = true,
            _ => {
                let (kind, weight) = word.split_once('=').ok_or_else(|| unknown(word))?;
                let kind = Kind::ALL.into_iter().find(|k| k.name() == kind);
                let kind = kind.ok_or_else(|| unknown(word))?;
                let (weight, callers) = weight.split_once(':').unwrap_or((weight, ""));
                let weight: u64 = weight.parse().map_err(|_| unknown(word))?;
                call.weights.insert(kind.name(), weight * CALL_WEIGHT);
                let callers = callers.split(',').filter(|caller| !caller.is_empty());
                call.callers
                    .extend(callers.map(|name| Actor::service(&format!("{name}.amazonaws.com"))));
            }
        }
    }
    Ok(call)
}

fn compile(texts: &[String], macros: &Macros) -> Result<Vec<Template>, CatalogueError> {
    texts
        .iter()
        .map(|text| {
            Template::new(text, macros).map_err(|source| CatalogueError::Template {
                line: text.clone(),
                source,
            })
        })
        .collect()
}

fn macros(texts: &[&str]) -> Macros {
    let mut macros = Macros::new();
    for line in texts.iter().flat_map(|text| lines(text)) {
        if let Some((name, text)) = line
            .strip_prefix("= ")
            .and_then(|rest| rest.split_once(' '))
        {
            macros
                .entry(name.to_owned())
                .or_default()
                .push(text.to_owned());
        }
    }
    macros
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `describe-vpcs` of `DescribeVpcs`.
fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = None;
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_some_and(|b: char| b.is_ascii_lowercase()) {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_whole() {
        let catalogue = Catalogue::new().unwrap();
        assert!(catalogue.calls.len() > 1_000, "{}", catalogue.calls.len());
        for kind in Kind::ALL {
            assert!(catalogue.table(kind, true).is_some(), "{kind:?}");
        }
        let mut names: Vec<&str> = catalogue.calls.iter().map(|c| c.action.as_str()).collect();
        names.sort_unstable();
        let n_all = names.len();
        names.dedup();
        assert_eq!(names.len(), n_all, "a call stands twice");
    }

    #[test]
    fn whoever_calls_as_a_service_is_named() {
        for call in Catalogue::new().unwrap().calls {
            let by_service = call
                .weights
                .keys()
                .any(|&kind| kind == "service" || kind == "event");
            assert_eq!(by_service, !call.callers.is_empty(), "{}", call.action);
        }
    }

    #[test]
    fn commands_read_like_the_command_line() {
        assert_eq!(kebab("DescribeDBInstances"), "describe-dbinstances");
        assert_eq!(kebab("ListUsers"), "list-users");
    }
}
