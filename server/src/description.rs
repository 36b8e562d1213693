//! What describes the routes: OpenAPI, made of the same list that routes them.

use std::sync::OnceLock;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
    tag::TagBuilder,
};

use crate::templates::Templates;

/// The routes, described.
pub struct Described {
    /// As `/openapi.json` answers it.
    pub json: String,
    pub templates: Templates,
}

/// Made once: the routes are the same for every server.
pub fn described() -> &'static Described {
    static DESCRIBED: OnceLock<Described> = OnceLock::new();
    DESCRIBED.get_or_init(|| {
        let openapi = complete(crate::routes().into_openapi());
        let paths = openapi.paths.paths.iter();
        let templates = paths.map(|(path, item)| (path.clone(), methods_of(item)));
        Described {
            templates: Templates::new(templates),
            json: serde_json::to_string(&openapi)
                .expect("a description has text keys only, which JSON can always write"),
        }
    })
}

const DESCRIPTION: &str = "A CloudTrail Lake that you run yourself: events in, questions answered. \
Times are ISO 8601 or milliseconds since 1970 UTC, counts are numbers, what is wrong is \
application/problem+json (RFC 9457).";

const TAGS: [(&str, &str); 9] = [
    (
        "queries",
        "Questions in SQL, Logs Insights QL or as a search",
    ),
    ("saved queries", "Questions with names"),
    ("events", "Events pushed, and found as they were delivered"),
    ("imports", "Files in, and an account of every one of them"),
    (
        "stores",
        "Event data stores: named collections with selectors and retention",
    ),
    ("fields", "What can be asked, and what is there"),
    ("accounts", "Names and organisational units of accounts"),
    ("sessions", "The calls of one session, in order"),
    ("health", "Whether the server is there, and what it counts"),
];

/// What is told of all routes together.
pub fn base() -> OpenApi {
    let tag = |(name, description): (&str, &str)| {
        let tag = TagBuilder::new().name(name);
        tag.description(Some(description)).build()
    };
    let info = InfoBuilder::new()
        .title("Tarn")
        .description(Some(DESCRIPTION))
        .version(env!("CARGO_PKG_VERSION"));
    OpenApiBuilder::new()
        .info(info.build())
        .tags(Some(TAGS.map(tag)))
        .build()
}

fn methods_of(item: &PathItem) -> Vec<String> {
    let methods = [
        ("GET", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("PATCH", item.patch.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    let taken = methods.into_iter().filter(|(_, is_taken)| *is_taken);
    taken.map(|(method, _)| method.to_owned()).collect()
}

/// Every route may refuse a request or fail; what is not said of one is said here.
fn complete(mut openapi: OpenApi) -> OpenApi {
    for item in openapi.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            add_problems(operation);
        }
    }
    openapi
}

fn add_problems(operation: &mut Operation) {
    let kinds = [
        ("4XX", "the request is wrong, or more than is taken"),
        ("5XX", "the server could not do it"),
    ];
    for (status, description) in kinds {
        let responses = &mut operation.responses.responses;
        if responses.contains_key(status) {
            continue;
        }
        let problem = Ref::from_schema_name("ProblemDetails");
        let content: Content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", content)
            .build();
        responses.insert(status.to_owned(), RefOr::T(response));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn description() -> Value {
        serde_json::from_str(&described().json).expect("JSON")
    }

    /// Operations by path and method.
    fn operations(description: &Value) -> Vec<(String, String, Value)> {
        let paths = description["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &Value)| {
            let methods = item.as_object().expect("operations").clone();
            let path = path.clone();
            methods
                .into_iter()
                .map(move |(method, operation)| (path.clone(), method, operation))
        };
        paths.iter().flat_map(of_path).collect()
    }

    #[test]
    fn every_operation_has_a_name_a_tag_and_problems() {
        let description = description();
        let tags: Vec<&str> = TAGS.iter().map(|(name, _)| *name).collect();
        let mut ids = Vec::new();
        for (path, method, operation) in operations(&description) {
            let at = format!("{method} {path}");
            for status in ["4XX", "5XX"] {
                let content = &operation["responses"][status]["content"];
                let schema = &content["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/ProblemDetails", "{at}");
            }
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            assert!(
                tags.contains(&tag),
                "{at}: the tag {tag:?} is not described"
            );
            assert!(operation["summary"].is_string(), "{at} says nothing");
            ids.push(
                operation["operationId"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        ids.sort();
        let n_ids = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), n_ids, "each has an id of its own: {ids:?}");
        assert!(!ids.contains(&String::new()));
    }

    /// No schema is named that is not there.
    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    for (name, member) in members {
                        if let (true, Some(target)) = (name == "$ref", member.as_str()) {
                            found.push(target.to_owned());
                        }
                        references(member, found);
                    }
                }
                Value::Array(elements) => {
                    elements.iter().for_each(|e| references(e, found));
                }
                _ => {}
            }
        }
        let description = description();
        let mut found = Vec::new();
        references(&description, &mut found);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(description.pointer(pointer).is_some(), "{reference}");
        }
    }
}
