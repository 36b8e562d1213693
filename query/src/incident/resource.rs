//! What a call was about, as far as its event tells.

use serde_json::Value;

use super::record::{at, text};

/// Parameters that name what a call is about, those that say most first.
const NAMING: [&str; 34] = [
    "bucketName",
    "roleArn",
    "roleName",
    "userName",
    "groupName",
    "policyArn",
    "policyName",
    "groupId",
    "secretId",
    "keyId",
    "aliasName",
    "functionName",
    "tableName",
    "dBInstanceIdentifier",
    "dBSnapshotIdentifier",
    "dBClusterIdentifier",
    "instanceId",
    "volumeId",
    "snapshotId",
    "imageId",
    "vpcId",
    "subnetId",
    "clusterName",
    "repositoryName",
    "stackName",
    "topicArn",
    "queueUrl",
    "logGroupName",
    "trailName",
    "name",
    "resourceArn",
    "resourceId",
    "accountId",
    "documentName",
];

/// So many parameters are named.
const NAMED_MAX: usize = 2;

/// What a call was about: the resources that the event lists, else what the request names.
pub(super) fn resource(event: &Value) -> Option<String> {
    let listed = at(event, &["resources"]).and_then(Value::as_array);
    let listed: Vec<&str> = listed
        .into_iter()
        .flatten()
        .filter_map(|resource| {
            let arn = resource.get("ARN").or_else(|| resource.get("arn"))?;
            arn.as_str().filter(|arn| !arn.is_empty())
        })
        .collect();
    if let [first, others @ ..] = listed.as_slice() {
        return Some(match others.len() {
            0 => (*first).to_owned(),
            n => format!("{first} (+{n})"),
        });
    }
    let request = at(event, &["requestParameters"])?;
    let named = NAMING.iter().filter_map(|name| {
        let value = text(request, &[name])?;
        Some(match *name == "bucketName" {
            true => match text(request, &["key"]) {
                Some(key) => format!("{value}/{key}"),
                None => value,
            },
            false => value,
        })
    });
    let named: Vec<String> = named.take(NAMED_MAX).collect();
    if !named.is_empty() {
        return Some(named.join(" "));
    }
    items(request)
}

/// The ids in lists of EC2: `instancesSet.items.0.instanceId`.
fn items(request: &Value) -> Option<String> {
    let sets = request.as_object()?.values();
    let mut ids = sets
        .filter_map(|set| set.get("items")?.as_array())
        .flatten()
        .filter_map(|item| {
            let mut members = item.as_object()?.iter();
            let (_, id) = members.find(|(name, _)| name.ends_with("Id"))?;
            id.as_str()
        });
    let first = ids.next()?;
    Some(match ids.count() {
        0 => first.to_owned(),
        n => format!("{first} (+{n})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_was_about() {
        for (message, expected) in [
            (
                r#"{"resources":[{"ARN":"arn:a"},{"ARN":"arn:b"}]}"#,
                Some("arn:a (+1)"),
            ),
            (
                r#"{"requestParameters":{"userName":"u","policyArn":"arn:p","x":1}}"#,
                Some("u arn:p"),
            ),
            (
                r#"{"requestParameters":{"bucketName":"b","key":"k/l"}}"#,
                Some("b/k/l"),
            ),
            (
                r#"{"requestParameters":{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}}"#,
                Some("i-1 (+1)"),
            ),
            (r#"{"requestParameters":{"maxResults":5}}"#, None),
            (r#"{"requestParameters":null}"#, None),
            ("not json", None),
        ] {
            assert_eq!(
                resource(&serde_json::from_str(message).unwrap_or(Value::Null)).as_deref(),
                expected,
                "{message}"
            );
        }
    }
}
