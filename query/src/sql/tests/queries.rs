//! Whole queries: aggregates, joins, UNNEST, subqueries, parameters.

use super::*;
use crate::span::Span;

#[test]
fn aggregates() {
    assert_eq!(
        one(
            "SELECT count_if(errorCode IS NULL), max_by(eventID, eventTime), min_by(eventName, eventTime), approx_distinct(recipientAccountId), arbitrary(errorCode), count(DISTINCT awsRegion), array_join(array_agg(DISTINCT awsRegion ORDER BY awsRegion), ',') FROM events"
        ),
        "2|e3|GetObject|2|AccessDenied|2|eu-west-1,us-east-1"
    );
    assert_eq!(
        one(
            "SELECT awsRegion, count(*) AS n FROM events GROUP BY awsRegion HAVING count(*) > 1 ORDER BY N DESC"
        ),
        "us-east-1|2"
    );
    assert_eq!(
        one(
            "SELECT eventID FROM (SELECT eventID, rank() OVER (PARTITION BY awsRegion ORDER BY eventTime DESC) AS rnk FROM events) WHERE rnk = 1 ORDER BY eventID"
        ),
        "e2\ne3"
    );
    assert_eq!(
        one(
            "SELECT element_at(requestParameters, 'bucketName') AS b, count(*) AS n FROM events GROUP BY requestParameters ORDER BY b LIMIT 1"
        ),
        "logs|1"
    );
    assert_eq!(
        one(
            "SELECT approx_percentile(cast(element_at(requestParameters, 'size') AS double), 0.5) FROM events"
        ),
        "7.0"
    );
}

#[test]
fn unnest_after_from() {
    assert_eq!(
        one(
            "SELECT e.eventID, rt.arn, rt.tags['env'] FROM events e CROSS JOIN UNNEST(e.eventContext.tagContext.resourceTags) AS rt ORDER BY 2"
        ),
        "e3|arn:aws:ec2:::i-1|prod\ne3|arn:aws:ec2:::i-2|dev"
    );
    assert_eq!(
        one(
            "SELECT eventID, u.entry.arn FROM events t, UNNEST(t.resources) u (entry) WHERE u.entry.type LIKE '%Bucket'"
        ),
        "e1|arn:aws:s3:::logs"
    );
    assert_eq!(
        one("SELECT eventID, k, v, n FROM events CROSS JOIN UNNEST(tlsDetailsMap) WITH ORDINALITY AS m(k, v, n) WHERE eventID = 'e2'".replace("tlsDetailsMap", "requestParameters").as_str()),
        "e2|userName|a\\b|1"
    );
    assert_eq!(
        one(
            "SELECT eventID, r.type FROM events LEFT JOIN UNNEST(resources) AS r ON TRUE ORDER BY eventID, 2"
        ),
        "e1|AWS::S3::Bucket\ne1|AWS::S3::Object\ne2|NULL\ne3|NULL"
    );
    assert_eq!(one("SELECT sum(x) FROM UNNEST(ARRAY[1,2,3]) AS t(x)"), "6");
    assert_eq!(
        one(
            "SELECT a.x, b.y FROM UNNEST(ARRAY[1,2]) AS a(x) CROSS JOIN UNNEST(ARRAY['p']) AS b(y) ORDER BY 1"
        ),
        "1|p\n2|p"
    );
    assert_eq!(
        one(
            "SELECT count(*) FROM events a JOIN events b ON a.eventID = b.eventID CROSS JOIN UNNEST(b.resources) AS r(e)"
        ),
        "2"
    );
}

#[test]
fn queries_within_queries() {
    assert_eq!(
        one("WITH events AS (SELECT eventID, userIdentity.arn FROM events WHERE readOnly), n AS (SELECT count(*) AS c FROM events)
             SELECT arn, c FROM events, n"),
        "arn:aws:sts::111122223333:assumed-role/Dev/alice|1"
    );
    assert_eq!(
        one(
            "SELECT eventID FROM events WHERE eventID IN (SELECT eventID FROM events WHERE errorCode IS NOT NULL)"
        ),
        "e2"
    );
    assert_eq!(
        one(
            "SELECT eventID FROM events o WHERE EXISTS (SELECT 1 FROM events i WHERE i.recipientAccountId = o.recipientAccountId AND i.eventID <> o.eventID) ORDER BY 1"
        ),
        "e2\ne3"
    );
    assert_eq!(
        one(
            "SELECT eventID FROM events o WHERE eventTime = (SELECT max(eventTime) FROM events i WHERE i.recipientAccountId = o.recipientAccountId) ORDER BY 1"
        ),
        "e1\ne3"
    );
    assert_eq!(
        one(
            "SELECT eventName FROM events WHERE readOnly UNION SELECT eventSource FROM events WHERE eventID = 'e2' ORDER BY 1"
        ),
        "GetObject\niam.amazonaws.com"
    );
    assert_eq!(one("(SELECT 1) EXCEPT (SELECT 2)"), "1");
    assert_eq!(run("VALUES (1, 'a'), (2, 'b')").0, ["_col0", "_col1"]);
    assert_eq!(
        one("SELECT count(*) FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, s) WHERE N = 2"),
        "1"
    );
    assert_eq!(
        one("SELECT eventID FROM events ORDER BY eventID OFFSET 1 ROW FETCH FIRST 1 ROW ONLY"),
        "e2"
    );
    assert_eq!(one("FROM events SELECT eventID LIMIT 1").len(), 2);
    let (names, _) = run("SELECT * FROM (SELECT eventID AS Id, eventName FROM events) x");
    assert_eq!(names, ["Id", "eventName"]);
    assert_eq!(
        one(
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT max(n) FROM t"
        ),
        "3"
    );
}

#[test]
fn distinct_orders_and_groups_by_what_was_selected() {
    assert_eq!(
        one("SELECT DISTINCT element_at(requestParameters, 'bucketName') AS Bucket, awsRegion AS Region, recipientAccountId AS AccountID
             FROM events WHERE element_at(requestParameters, 'key') = 'a/b' ORDER BY recipientAccountId, awsRegion"),
        "logs|us-east-1|111122223333"
    );
    assert_eq!(
        one("SELECT DISTINCT e.recipientAccountId FROM events e ORDER BY e.recipientAccountId"),
        "111122223333\n444455556666"
    );
    assert_eq!(
        one(
            "SELECT userIdentity.accountId, count(*) FROM events GROUP BY userIdentity.accountId ORDER BY userIdentity.accountId"
        ),
        "111122223333|1\n444455556666|1\nNULL|1"
    );
    assert_eq!(
        one(
            "SELECT date(eventTime) AS day, count(*) AS n FROM events GROUP BY date(eventTime) ORDER BY date(eventTime) DESC, n LIMIT 1"
        ),
        "2023-07-03|1"
    );
    assert_eq!(
        one(
            "SELECT count(*) FROM events GROUP BY userIdentity.arn ORDER BY userIdentity.arn LIMIT 1"
        ),
        "1"
    );
}

#[test]
fn parameters_are_values() {
    let given = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let ids = |sql: &str, p: &[(String, String)]| run_with(sql, p).map(|(_, rows)| rows.len());
    assert_eq!(
        ids(
            "SELECT eventID FROM events WHERE eventName = {{n}}",
            &given("n", "GetObject")
        ),
        Ok(1)
    );
    assert_eq!(
        ids(
            "SELECT eventID FROM events WHERE eventName LIKE '%{{n}}%'",
            &given("n", "Object")
        ),
        Ok(1)
    );
    assert_eq!(
        ids(
            "SELECT eventID FROM events WHERE eventName = '{{n}}'",
            &given("n", "' OR '1'='1")
        ),
        Ok(0)
    );
    assert_eq!(
        ids(
            "SELECT eventID FROM events WHERE eventTime > {{t}}",
            &given("t", "2023-07-02")
        ),
        Ok(2)
    );
    assert_eq!(
        ids("SELECT eventID FROM events LIMIT {{n}}", &given("n", "2")),
        Ok(2)
    );
    assert!(ids("SELECT eventID FROM events LIMIT {{n}}", &given("n", "x")).is_err());
    let error = parse("SELECT {{nam}} FROM events", &given("name", "x"), 0).expect_err("missing");
    assert_eq!(error.span, Some(Span::new(7, 14)));
    assert_eq!(error.hint.as_deref(), Some("did you mean `name`?"));
    let parsed = parse("SELECT 1", &given("n", "x"), 0).expect("parses");
    assert_eq!(parsed.unused_parameters, ["n"]);
}
