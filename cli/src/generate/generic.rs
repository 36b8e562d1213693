//! Requests and responses of calls that have no shape of their own, made from their names.
//!
//! `CreateReplicationGroup` of `elasticache` gets a `replicationGroupName`, a configuration
//! and tags, and answers with the group's ARN and status: plausible, always the same for
//! one name, and of its own paths. A few open keys in each keep the number of distinct
//! paths growing with the number of events, as it does in real logs.

use super::random::{derive, salt};

/// Templates of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub requests: Vec<String>,
    pub responses: Vec<String>,
    pub read_only: bool,
}

const READING: [&str; 20] = [
    "Describe",
    "List",
    "Get",
    "BatchGet",
    "View",
    "Search",
    "Lookup",
    "Check",
    "Validate",
    "Simulate",
    "Query",
    "Discover",
    "GitPull",
    "Poll",
    "AccessKubernetesApi",
    "Converse",
    "InvokeModel",
    "ReadFrom",
    "Download",
    "AWSPaymentPortal",
];

/// The shape that follows from a service's and a call's name.
pub fn shape(service: &str, name: &str) -> Shape {
    let noun = noun_of(name);
    let style = derive(salt(service), salt(name));
    let id = identifier(service, &noun, style);
    if READING.iter().any(|verb| name.starts_with(verb)) {
        return Shape {
            requests: reading(name, &noun, &id, style),
            responses: Vec::new(),
            read_only: true,
        };
    }
    let settings = format!(
        r#""{noun}Configuration":{{"enabled":<bool:800>,"mode":"<pick:STANDARD|ENHANCED|CUSTOM>"<open:600>}}"#
    );
    let (requests, responses) = if [
        "Create", "Run", "Register", "Request", "Import", "Start", "Submit",
    ]
    .iter()
    .any(|verb| name.starts_with(verb))
    {
        let tags = match style % 3 {
            0 => r#","tags":<&tagmap>"#,
            1 => r#","tags":<&taglist>"#,
            _ => "",
        };
        (
            vec![
                format!(r#"{{{id},"clientToken":"<uuid>",{settings}{tags}}}"#),
                format!(r#"{{{id},"description":"<word> for <word>"{tags}<open:500>}}"#),
            ],
            vec![format!(
                r#"{{"{noun}":{{{id},"version":<int:1:90>,"status":"<pick:CREATING|PENDING|ACTIVE>","creationTime":"<nowlong>"<open:450>}}}}"#
            )],
        )
    } else if name.starts_with("Delete") || name.starts_with("Terminate") {
        (
            vec![
                format!("{{{id}}}"),
                format!(r#"{{{id},"force":<bool:300>}}"#),
            ],
            Vec::new(),
        )
    } else if name.contains("Tag") {
        let arn = format!("arn:aws:{service}:<region>:<account>:{noun}/<name:{noun}>");
        (
            vec![
                format!(r#"{{"resourceArn":"{arn}","tags":<&tagmap>}}"#),
                format!(r#"{{"resourceArn":"{arn}","tags":<&taglist>}}"#),
            ],
            Vec::new(),
        )
    } else {
        let answer = match style % 4 {
            0 => vec![format!(
                r#"{{"{noun}":{{{id},"lastModified":"<now>"<open:450>}}}}"#
            )],
            1 => vec![r#"{"requestId":"<requestid>","_return":true}"#.to_owned()],
            _ => Vec::new(),
        };
        (
            vec![
                format!("{{{id},{settings}}}"),
                format!(
                    r#"{{{id},"{noun}Status":"<pick:ENABLED|DISABLED>","priority":<int:1:100><open:550>}}"#
                ),
            ],
            answer,
        )
    };
    Shape {
        requests,
        responses,
        read_only: false,
    }
}

fn reading(name: &str, noun: &str, id: &str, style: u64) -> Vec<String> {
    let many = name.starts_with("List") || name.ends_with('s') && !name.ends_with("Status");
    if !many {
        return vec![
            format!("{{{id}}}"),
            format!(
                r#"{{{id}(12% ,"include{}":[(1-3* "<word>")])<open:350>}}"#,
                capital(noun)
            ),
        ];
    }
    let page = r#"(25% ,"nextToken":"<b64:88>")"#;
    match style % 4 {
        0 => vec![
            "null".to_owned(),
            format!(r#"{{"maxResults":<pick:20|50|100|1000>{page}<open:350>}}"#),
        ],
        1 => vec![
            format!(r#"{{"maxResults":<pick:25|100>{page}<open:350>}}"#),
            format!(r#"{{{id},"maxResults":100{page}<open:350>}}"#),
        ],
        2 => vec![
            format!(
                r#"{{"{noun}Filter":{{"status":["<pick:ACTIVE|FAILED|PENDING>"]<open:350>}},"maxResults":100{page}}}"#
            ),
            "null".to_owned(),
        ],
        _ => vec![
            format!(r#"{{"{noun}Ids":[(1~6* "<thinghex:{noun}:12*>")]}}"#),
            format!(
                r#"{{"filters":[(1-2* {{"name":"<pick:status|type|owner>","values":[(1-3* "<word>")]}})]{page}<open:350>}}"#
            ),
        ],
    }
}

/// How calls of this service name what they are about.
fn identifier(service: &str, noun: &str, style: u64) -> String {
    let arn = format!("arn:aws:{service}:<region>:<account>:{noun}/<name:{noun}>");
    // Some services start their parameters with a capital letter.
    let key = if salt(service).is_multiple_of(5) {
        capital(noun)
    } else {
        noun.to_owned()
    };
    match style % 5 {
        0 | 1 => format!(r#""{key}Name":"<name:{noun}>""#),
        2 => format!(r#""{key}Id":"<thinghex:{noun}:12>""#),
        3 => format!(r#""{key}Arn":"{arn}""#),
        _ => format!(r#""{key}Identifier":"<name:{noun}>""#),
    }
}

/// `cacheCluster` of `DescribeCacheClusters`: the name without its verb and API version,
/// in the singular.
fn noun_of(name: &str) -> String {
    let without_version = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let without_version = without_version
        .strip_suffix('v')
        .map_or(without_version, |text| {
            text.trim_end_matches(|c: char| c.is_ascii_digit())
        });
    let letters = without_version
        .rsplit('.')
        .next()
        .unwrap_or(without_version);
    let second_word = letters
        .char_indices()
        .skip(1)
        .find(|(_, c)| c.is_ascii_uppercase())
        .map_or(letters, |(at, _)| &letters[at..]);
    let singular = match second_word {
        word if word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
        word if ["ss", "us", "as", "is"]
            .iter()
            .any(|end| word.ends_with(end)) =>
        {
            word.to_owned()
        }
        word => word.strip_suffix('s').unwrap_or(word).to_owned(),
    };
    let capitals = singular.bytes().take_while(u8::is_ascii_uppercase).count();
    let lowered = capitals.saturating_sub(1).max(1).min(singular.len());
    let (head, tail) = singular.split_at(lowered);
    format!("{}{tail}", head.to_ascii_lowercase())
}

fn capital(noun: &str) -> String {
    let (head, tail) = noun.split_at(1.min(noun.len()));
    format!("{}{tail}", head.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_come_from_names() {
        assert_eq!(noun_of("DescribeCacheClusters"), "cacheCluster");
        assert_eq!(noun_of("GetDBProxies"), "dbProxy");
        assert_eq!(
            noun_of("ListVersionsByFunction20150331"),
            "versionsByFunction"
        );
        assert_eq!(noun_of("GetPolicy20150331v2"), "policy");
        assert_eq!(noun_of("GetDistribution2020_05_31"), "distribution");
        assert_eq!(noun_of("Subscribe"), "subscribe");
    }

    #[test]
    fn readers_read_and_writers_write() {
        assert!(shape("ecs", "DescribeTasks").read_only);
        assert!(!shape("ecs", "RunTask").read_only);
        assert!(shape("acm", "ListCertificates").responses.is_empty());
        assert_eq!(shape("ecs", "RunTask"), shape("ecs", "RunTask"));
    }
}
