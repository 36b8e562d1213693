//! Values: comparisons, casts, JSON, and functions where Trino and DataFusion differ.

use super::*;

#[test]
fn times_are_compared_with_text() {
    let ids = |condition: &str| {
        one(&format!(
            "SELECT array_join(array_agg(eventID ORDER BY eventID), ',') FROM events WHERE {condition}"
        ))
    };
    assert_eq!(
        ids("eventTime > '2023-07-01 10:00:00' AND eventTime < '2023-07-03'"),
        "e2"
    );
    assert_eq!(ids("eventTime >= '2023-07-01T10:00:00Z'"), "e1,e2,e3");
    assert_eq!(
        ids("eventTime BETWEEN '2023-07-02' AND '2023-07-03'"),
        "e2,e3"
    );
    assert_eq!(
        ids("eventTime NOT BETWEEN '2023-07-02' AND '2023-07-03'"),
        "e1"
    );
    assert_eq!(ids("eventTime IN ('2023-07-03 00:00:00.000')"), "e3");
    assert_eq!(ids("eventTime > timestamp '2023-07-02 00:00:00'"), "e2,e3");
    assert_eq!(ids("date(eventTime) = date '2023-07-02'"), "e2");
    assert_eq!(ids("date(eventTime) = '2023-07-02'"), "e2");
    assert_eq!(ids("eventTime > now()"), "e1,e2,e3");
    assert_eq!(
        ids("eventTime > date_add('day', 1, current_timestamp) + interval '12' hour"),
        "e3"
    );
    assert_eq!(
        ids("eventTime >= from_iso8601_timestamp('2023-07-02T00:00:00Z')"),
        "e2,e3"
    );
    assert_eq!(
        ids("eventTime >= current_timestamp + 2 * interval '1' day"),
        "e3"
    );
}

#[test]
fn other_types_meet_text() {
    let ids = |condition: &str| {
        one(&format!(
            "SELECT array_join(array_agg(eventID ORDER BY eventID), ',') FROM events WHERE {condition}"
        ))
    };
    assert_eq!(ids("sessionCredentialFromConsole = true"), "e1");
    assert_eq!(ids("readOnly = 'false'"), "e2");
    assert_eq!(ids("readOnly = False AND managementEvent = True"), "e2");
    assert_eq!(ids("recipientAccountId = 444455556666"), "e2,e3");
    assert_eq!(ids("element_at(requestParameters, 'size') > 5"), "e1");
    assert_eq!(
        ids("recipientAccountId IN (111122223333, '444455556666') AND eventName LIKE 'C%'"),
        "e2"
    );
    assert_eq!(
        ids(
            "userIdentity.accountId <> recipientAccountId OR errorCode IS DISTINCT FROM 'AccessDenied'"
        ),
        "e1,e3"
    );
    assert_eq!(
        ids("requestParameters LIKE '%\"bucketName\":\"logs\"%'"),
        "e1"
    );
    assert_eq!(ids("CAST(requestParameters AS varchar) LIKE '%a/b%'"), "e1");
}

#[test]
fn like_has_no_escape_character_of_its_own() {
    assert_eq!(
        one(
            "SELECT 'a\\b' LIKE 'a\\b', 'a%' LIKE 'a#%' ESCAPE '#', 'ab' LIKE 'a#%' ESCAPE '#', 'a_c' LIKE concat('a', '_', 'c')"
        ),
        "true|true|false|true"
    );
    assert_eq!(
        one("SELECT eventID FROM events WHERE requestParameters.userName LIKE 'a\\%'"),
        "e2"
    );
}

#[test]
fn nulls_come_last() {
    assert_eq!(
        one("SELECT eventID FROM events ORDER BY errorCode, eventID"),
        "e2\ne1\ne3"
    );
    assert_eq!(
        one("SELECT eventID FROM events ORDER BY errorCode DESC, eventID"),
        "e2\ne1\ne3"
    );
}

#[test]
fn trino_where_datafusion_differs() {
    assert_eq!(
        one(
            "SELECT concat('a', null), greatest(1, null), least(2, 1), replace('abc', 'b'), split_part('a:b', ':', 3), substr('abc', 0), substr('abc', -2)"
        ),
        "NULL|NULL|1|ac|NULL||bc"
    );
    assert_eq!(
        one("SELECT cast(eventTime AS varchar) FROM events WHERE eventID = 'e1'"),
        "2023-07-01 10:00:00.000"
    );
    assert_eq!(
        one(
            "SELECT cast(1.6 AS bigint), 7 / 2, cardinality(array[array[1,2],array[3]]), contains(array['a','b'], 'b')"
        ),
        "2|3|2|true"
    );
    assert_eq!(
        one(
            "SELECT regexp_replace('a1b2', '[0-9]'), regexp_like('abc', 'B|c'), regexp_extract('k=v', 'k=(.)', 1)"
        ),
        "ab|true|v"
    );
    assert_eq!(
        one(
            "SELECT if(1 > 2, 'a'), if(true, 'a', 'b'), try(cast('x' AS bigint)), try(1 / 0), try_cast('2' AS bigint), coalesce(null, 3), nullif(1, 1)"
        ),
        "NULL|a|NULL|NULL|2|3|NULL"
    );
    assert_eq!(
        one(
            "SELECT to_unixtime(from_unixtime(1.5)), date_format(timestamp '2023-07-09 15:04:05', '%Y/%m/%d %H:%i'), date_trunc('hour', timestamp '2023-07-09 15:04:05') = timestamp '2023-07-09 15:00:00'"
        ),
        "1.5|2023/07/09 15:04|true"
    );
    assert_eq!(
        one(
            "SELECT extract(dow FROM date '2023-07-09'), day_of_week(date '2023-07-03'), hour(timestamp '2023-07-09 15:04:05'), date_diff('day', date '2023-07-01', date '2023-07-09')"
        ),
        "7|1|15|8"
    );
    assert_eq!(
        one(
            "SELECT to_hex(md5(to_utf8('a'))), url_decode('a%20b'), position('b' IN 'abc'), mod(7, 4), length('héé')"
        ),
        "0CC175B9C0F1B6A831C399E269772661|a b|2|3|3"
    );
    assert_eq!(
        one(
            "SELECT CASE eventName WHEN 'GetObject' THEN 1 ELSE 0 END FROM events ORDER BY eventID LIMIT 1"
        ),
        "1"
    );
}

#[test]
fn lambdas_see_the_fields_of_rows() {
    let ids = |condition: &str| {
        one(&format!(
            "SELECT array_join(array_agg(eventID ORDER BY eventID), ',') FROM events WHERE {condition}"
        ))
    };
    assert_eq!(
        ids("any_match(resources, r -> r.type = 'AWS::S3::Bucket')"),
        "e1"
    );
    assert_eq!(ids("none_match(resources, r -> r.Type = 'nosuch')"), "e1");
    assert_eq!(ids("all_match(resources, r -> r.ARN LIKE '%logs%')"), "e1");
    assert_eq!(
        ids(
            "any_match(eventContext.tagContext.resourceTags, rt -> element_at(rt.tags, 'env') = 'dev')"
        ),
        "e3"
    );
    assert_eq!(
        ids("any_match(eventContext.tagcontext.resourcetags, rt->rt.tags['env']='prod')"),
        "e3"
    );
    assert_eq!(
        one(
            "SELECT transform(filter(resources, r -> r.accountId IS NOT NULL), r -> r.arn) FROM events WHERE eventID = 'e1'"
        ),
        "[arn:aws:s3:::logs]"
    );
    assert_eq!(
        one(
            "SELECT cardinality(filter(resources, r -> r.accountId = e.recipientAccountId)) FROM events e WHERE eventID = 'e1'"
        ),
        "1"
    );
}

#[test]
fn json_is_read_and_cast() {
    assert_eq!(
        one("SELECT json_extract_scalar(eventJson, '$.requestParameters.nested.x[1].y'), json_extract(eventJson, '$.requestParameters.size'),
                    json_extract_scalar(requestParameters, '$.nested.x[0]'), json_array_get(json_extract(eventJson, '$.resources'), 1) IS NULL,
                    json_extract_scalar(json_extract(eventJson, '$.tlsDetails'), '$.tlsVersion')
             FROM events WHERE eventID = 'e1'"),
        "z|7|1|false|TLSv1.2"
    );
    assert_eq!(
        one(
            "SELECT cast(json_extract(eventJson, '$.eventName') AS varchar) = 'GetObject', json_extract(eventJson, '$.eventName') FROM events WHERE eventID = 'e1'"
        ),
        "true|\"GetObject\""
    );
    assert_eq!(
        one("SELECT transform(filter(v, x -> cast(json_extract(x, '$.instanceId') AS varchar) = 'i-2'), x -> json_extract(x, '$.instanceId')) AS ids
             FROM (SELECT cast(json_extract(json_parse(eventJson), '$.responseElements.instancesSet.items') AS array(json)) AS v FROM events) WHERE v IS NOT NULL"),
        "[\"i-2\"]"
    );
    assert_eq!(
        one(
            "SELECT map_values(cast(json_extract(eventJson, '$.tlsDetails') AS map(varchar, json))) FROM events WHERE eventID = 'e1'"
        ),
        "[\"TLSv1.2\"]"
    );
    assert_eq!(
        one(
            "SELECT cast(json '[1,2]' AS array(bigint))[2], cast(row(1, 'a') AS json) IS NULL, json_format(json '{\"a\": 1}')"
        ),
        "2|false|{\"a\": 1}"
    );
}

#[test]
fn wrong_types_are_told_before_the_query_runs() {
    let error = |sql: &str| run_with(sql, &[]).expect_err(sql);
    assert!(
        error("SELECT 1 FROM events WHERE eventTime > 'yesterday'")
            .contains("is compared with a time")
    );
    assert!(
        error("SELECT 1 FROM events WHERE readOnly = 'maybe'").contains("neither true nor false")
    );
    assert!(error("SELECT userIdentity.nosuch FROM events").contains("there is no field `nosuch`"));
    assert!(error("SELECT resources.arn FROM events").contains("asked of an array"));
    assert!(error("SELECT nosuch FROM events").contains("nosuch"));
    assert!(error("SELECT nosuch(1) FROM events").contains("nosuch"));
    assert!(
        error("SELECT lower() FROM events")
            .to_lowercase()
            .contains("lower")
    );
    assert!(error("SELECT date_add('eon', 1, eventTime) FROM events").contains("is not a unit"));
}
