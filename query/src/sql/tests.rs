//! Queries from text to rows, over a few events in memory.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use datafusion::prelude::{DataFrame, SessionConfig};
use tarn_store::fields;

use super::*;
use crate::functions;

const EVENTS: [&str; 3] = [
    r#"{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROA:alice","arn":"arn:aws:sts::111122223333:assumed-role/Dev/alice","accountId":"111122223333","sessionContext":{"attributes":{"creationDate":"2023-07-01T09:00:00Z","mfaAuthenticated":"true"},"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/Dev","userName":"Dev"}}},"eventTime":"2023-07-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1","sourceIPAddress":"10.1.2.3","requestParameters":{"bucketName":"logs","key":"a/b","Host":"logs.s3","size":7,"nested":{"x":[1,{"y":"z"}]}},"readOnly":true,"managementEvent":false,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::logs/a"},{"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::logs","accountId":"111122223333"}],"eventID":"e1","recipientAccountId":"111122223333","sessionCredentialFromConsole":"true","tlsDetails":{"tlsVersion":"TLSv1.2"}}"#,
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"bob","arn":"arn:aws:iam::444455556666:user/bob","accountId":"444455556666"},"eventTime":"2023-07-02T11:30:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"AWS Internal","errorCode":"AccessDenied","requestParameters":{"userName":"a\\b"},"readOnly":false,"managementEvent":true,"eventID":"e2","recipientAccountId":"444455556666","tlsDetails":{"tlsVersion":"TLSv1"}}"#,
    r#"{"eventVersion":"1.08","userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"eventTime":"2023-07-03T00:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1","requestParameters":null,"responseElements":{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}},"managementEvent":true,"eventID":"e3","recipientAccountId":"444455556666","eventContext":{"tagContext":{"principalTags":{"team":"blue"},"resourceTags":[{"arn":"arn:aws:ec2:::i-1","tags":{"env":"prod"}},{"arn":"arn:aws:ec2:::i-2","tags":{"env":"dev"}}]}}}"#,
];

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        DataType::Struct(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|f| format!("\"{}\" {}", f.name(), type_name(f.data_type())))
                .collect();
            format!("row({})", members.join(", "))
        }
        DataType::List(item) => format!("array({})", type_name(item.data_type())),
        DataType::Map(_, _) => "map(varchar, varchar)".to_owned(),
        _ => "varchar".to_owned(),
    }
}

fn invoke(
    name: &str,
    args: Vec<ColumnarValue>,
    field: datafusion::arrow::datatypes::Field,
) -> ArrayRef {
    let udf = functions::by_name(name).expect("registered");
    let arg_fields = args
        .iter()
        .map(|a| {
            Arc::new(datafusion::arrow::datatypes::Field::new(
                "a",
                a.data_type(),
                true,
            ))
        })
        .collect();
    udf.invoke_with_args(ScalarFunctionArgs {
        args,
        arg_fields,
        number_rows: EVENTS.len(),
        return_field: Arc::new(field),
        config_options: Default::default(),
    })
    .and_then(|v| v.to_array(EVENTS.len()))
    .expect("no error")
}

/// CloudTrail Lake's table of the events above.
fn lake() -> RecordBatch {
    let schema = fields::lake_schema();
    let records: ArrayRef = Arc::new(StringViewArray::from_iter_values(EVENTS));
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            if field.name() == "eventjson" || field.name() == "eventjsonchecksum" {
                return Arc::clone(&records);
            }
            let path = format!("$.{}", fields::spelled(field.name()).expect("listed"));
            let text = |t: String| ColumnarValue::Scalar(ScalarValue::Utf8View(Some(t)));
            let part = invoke(
                "json_extract",
                vec![ColumnarValue::Array(Arc::clone(&records)), text(path)],
                datafusion::arrow::datatypes::Field::new("r", DataType::Utf8View, true),
            );
            let column = invoke(
                "json_cast",
                vec![
                    ColumnarValue::Array(part),
                    text(type_name(field.data_type())),
                ],
                field.as_ref().clone(),
            );
            datafusion::arrow::compute::cast(&column, field.data_type()).expect("casts")
        })
        .collect();
    RecordBatch::try_new(schema, columns).expect("a batch")
}

fn state() -> SessionState {
    let mut config = SessionConfig::new().with_target_partitions(1);
    // It loses columns in correlated subqueries over fields of structs.
    config
        .options_mut()
        .optimizer
        .enable_leaf_expression_pushdown = false;
    let mut state = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .build();
    functions::register(&mut state).expect("registers");
    state
}

fn planned(
    sql: &str,
    parameters: &[(String, ParameterValue)],
) -> Result<(SessionState, PlannedSql), String> {
    let parsed = parse(sql, parameters, 1_688_169_600_000).map_err(|e| e.render(sql))?;
    let table = MemTable::try_new(fields::lake_schema(), vec![vec![lake()]]).expect("a table");
    let source = provider_as_source(Arc::new(table));
    let state = state();
    let planned = plan(parsed, &state, &|_| Ok(Arc::clone(&source))).map_err(|e| e.to_string())?;
    Ok((state, planned))
}

/// The names of the result, and its rows as text.
fn run_with(
    sql: &str,
    parameters: &[(String, ParameterValue)],
) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let (state, planned) = planned(sql, parameters)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let batches = runtime
        .block_on(DataFrame::new(state, planned.plan).collect())
        .map_err(|e| e.to_string())?;
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<ArrayFormatter> = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("shown"))
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(row).to_string()).collect());
        }
    }
    Ok((planned.names, rows))
}

fn run(sql: &str) -> (Vec<String>, Vec<Vec<String>>) {
    run_with(sql, &[]).unwrap_or_else(|error| panic!("{sql}\n{error}"))
}

/// The rows, their columns parted by `|`.
fn rows(sql: &str) -> Vec<String> {
    run(sql).1.iter().map(|row| row.join("|")).collect()
}

fn one(sql: &str) -> String {
    rows(sql).join("\n")
}

#[test]
fn names_have_no_case_and_come_back_as_typed() {
    let (names, rows) = run(
        "SELECT EVENTNAME, \"EventSource\", userIdentity.SessionContext.sessionIssuer.userName, count(*), 1 AS One
         FROM events WHERE eventname = 'GetObject' GROUP BY 1, 2, 3",
    );
    assert_eq!(
        names,
        ["EVENTNAME", "EventSource", "userName", "_col3", "One"]
    );
    assert_eq!(rows, [["GetObject", "s3.amazonaws.com", "Dev", "1", "1"]]);
}

#[test]
fn names_may_repeat() {
    let (names, rows) = run(
        "SELECT userIdentity.arn, userIdentity.sessionContext.sessionIssuer.arn, eventID, eventID, eventName AS x, awsRegion AS x
         FROM events WHERE eventID = 'e1'",
    );
    assert_eq!(names, ["arn", "arn", "eventID", "eventID", "x", "x"]);
    assert_eq!(rows.len(), 1);
    let (names, _) = run("SELECT eventID, *, eventID FROM events ORDER BY eventID");
    assert_eq!(names.first().map(String::as_str), Some("eventID"));
    assert_eq!(names.get(1).map(String::as_str), Some("eventVersion"));
    assert_eq!(names.len(), fields::lake_schema().fields().len() + 2);
}

#[test]
fn maps_and_arrays_are_entered_in_every_spelling() {
    assert_eq!(
        one("SELECT requestParameters.bucketName, requestParameters['key'], element_at(requestParameters, 'Host'),
                    e.requestParameters.size, resources[1].type, element_at(resources, 2).ARN, element_at(resources, -1).accountId,
                    requestParameters.nosuch, resources[9].arn, RequestParameters.BUCKETNAME
             FROM events e WHERE eventID = 'e1'"),
        "logs|a/b|logs.s3|7|AWS::S3::Object|arn:aws:s3:::logs|111122223333|NULL|NULL|NULL"
    );
}

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
fn is_distinct_from_takes_one_operand() {
    assert_eq!(
        one(
            "SELECT 1 IS DISTINCT FROM 1 OR true, true IS NOT DISTINCT FROM true AND false, \
             'a' IS DISTINCT FROM 'a' || 'b', 1 IS NOT DISTINCT FROM null"
        ),
        "true|false|true|false"
    );
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
fn tables_by_every_name() {
    let tables = |sql: &str| -> Vec<String> {
        parse(sql, &[], 0)
            .expect(sql)
            .tables
            .into_iter()
            .map(|t| t.text)
            .collect()
    };
    let id = "0233062b-51c6-4d18-8dec-a8c90da840d9";
    assert_eq!(
        tables(&format!(
            "SELECT 1 FROM {id} a LEFT JOIN \"{id}\" b ON a.eventID = b.eventID"
        )),
        [id, id]
    );
    let arn = format!("arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/{id}");
    assert_eq!(
        tables(&format!("SELECT 1 FROM {arn}, x;")),
        [arn.as_str(), "x"]
    );
    assert_eq!(
        tables("SELECT 1 FROM $EDS_ID -- c\n WHERE 1 = 1 /* d */;"),
        ["$EDS_ID"]
    );
    assert_eq!(
        tables("SELECT 1 FROM My-Store.v1, \"aws:cloudtrail\".\"x\""),
        ["My-Store.v1", "aws:cloudtrail.x"]
    );
    assert_eq!(tables("SELECT 1 FROM default"), ["default"]);
    let parameters = [("store".to_owned(), "s1".into())];
    let parsed = parse("SELECT 1 FROM {{store}}", &parameters, 0);
    assert_eq!(parsed.map(|p| p.tables.len()).map_err(|e| e.message), Ok(1));
}

#[test]
fn parameters_are_values() {
    let given = |name: &str, value: &str| vec![(name.to_owned(), value.into())];
    let ids = |sql: &str, p: &[(String, ParameterValue)]| {
        let run = run_with(sql, p);
        run.map(|(_, rows)| rows.len())
    };
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
    // A value is no text to fill.
    assert_eq!(
        ids(
            "SELECT eventID FROM events WHERE eventName = {{n}}",
            &given("n", "{{n}}")
        ),
        Ok(0)
    );
    let error = parse("SELECT {{nam}} FROM events", &given("name", "x"), 0).expect_err("missing");
    assert_eq!(error.span, Some(Span::new(7, 14)));
    assert_eq!(error.hint.as_deref(), Some("did you mean `name`?"));
    let parsed = parse("SELECT 1", &given("n", "x"), 0).expect("parses");
    assert_eq!(parsed.unused_parameters, ["n"]);
}

#[test]
fn parameters_are_what_their_types_say() {
    use ParameterValue::{Boolean, List, Number, Text, Time};
    let one = |sql: &str, value: ParameterValue| {
        let given = [("p".to_owned(), value)];
        run_with(sql, &given).map(|(_, rows)| rows.concat().join("|"))
    };
    let text = |text: &str| Text(text.to_owned());
    let number = |digits: &str| Number(digits.to_owned());
    let list = |items: &[&str]| List(items.iter().map(|item| (*item).to_owned()).collect());
    for (sql, value, expected) in [
        ("SELECT length({{p}})", text("123"), "3"),
        ("SELECT {{p}} + 1", number("41"), "42"),
        ("SELECT {{p}} * 2", number("-2.5"), "-5.0"),
        ("SELECT '{{p}}' || '!'", number("41"), "41!"),
        ("SELECT NOT {{p}}", Boolean(true), "false"),
        // 2023-07-02T00:00:00Z.
        (
            "SELECT count(*) FROM events WHERE eventTime >= {{p}}",
            Time(1_688_256_000_000),
            "2",
        ),
        (
            "SELECT date_diff('hour', {{p}}, max(eventTime)) FROM events",
            Time(1_688_256_000_000),
            "24",
        ),
        (
            "SELECT count(*) FROM events WHERE eventTime >= '{{p}}'",
            Time(1_688_256_000_000),
            "2",
        ),
        (
            "SELECT count(*) FROM events WHERE eventName IN ({{p}}, 'RunInstances')",
            list(&["GetObject", "{{p}}", "' OR '1'='1"]),
            "2",
        ),
        (
            "SELECT cardinality(ARRAY['a', {{p}}])",
            list(&["b", "c"]),
            "3",
        ),
        (
            "SELECT count(*) FROM events WHERE eventName NOT IN ({{p}})",
            list(&["GetObject"]),
            "2",
        ),
        (
            "SELECT eventID FROM events ORDER BY 1 LIMIT {{p}}",
            number("1"),
            "e1",
        ),
    ] {
        assert_eq!(one(sql, value).as_deref(), Ok(expected), "{sql}");
    }
    for sql in ["SELECT {{p}}", "SELECT '{{p}}'", "SELECT 1 FROM {{p}}"] {
        let told = one(sql, list(&["a", "b"])).expect_err(sql);
        assert!(told.contains("`p` is a list"), "{told}");
    }
}

#[test]
fn only_one_query_is_read() {
    for sql in [
        "DELETE FROM events",
        "SELECT 1; DROP TABLE x",
        "SELECT * INTO t FROM events",
        "COPY events TO 'f.csv'",
        "SET x = 1",
        "WITH a AS (DELETE FROM events) SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE t (a array<struct<b: string>>) WHATEVER",
    ] {
        let error = parse(sql, &[], 0).expect_err(sql);
        assert!(error.span.is_some(), "{sql}");
    }
    for sql in [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM TABLE(f(1))",
        "SELECT * FROM events TABLESAMPLE BERNOULLI (10)",
        "SELECT TOP 1 eventID FROM events",
        "SELECT * FROM events FOR UPDATE",
        "",
        "   ;",
    ] {
        assert!(parse(sql, &[], 0).is_err(), "{sql}");
    }
    assert!(
        parse("EXPLAIN SELECT 1", &[], 0)
            .expect("parses")
            .is_explain
    );
    // A file's path is a name like any other, and no store has it.
    let parsed = parse("SELECT * FROM '/etc/passwd'", &[], 0);
    assert!(parsed.is_err() || parsed.is_ok_and(|p| p.tables.len() == 1));
}

#[test]
fn errors_point_at_the_text() {
    let at = |sql: &str| {
        let error = parse(sql, &[], 0).expect_err(sql);
        let span = error.span.expect("a place");
        (span.of(sql).to_owned(), span.start, error.hint)
    };
    let (_, start, hint) = at("SELECT a FORM events WHERE b");
    assert_eq!(start, 14);
    assert_eq!(hint.as_deref(), Some("did you mean FROM by `FORM`?"));
    assert_eq!(at("SELECT é, FROM FROM x").1, 11);
    assert_eq!(at("SELECT a FROM x WHERE").1, 21);
    assert_eq!(at("SELECT (a FROM x").0, "F");
    assert_eq!(at("SELECT 'abc").1, 7);
    assert_eq!(
        at("SELECT a FROM 0233062b-51c6-4d18-8dec-a8c90da840d9 WHERE )").0,
        ")"
    );
    assert_eq!(at("SELECT cast(a AS nosuch) FROM x").0, "nosuch");
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

/// The deepest and longest statements that are read do not run out of a small stack.
fn fits_a_small_stack(sql: String) {
    let handle = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let shown: String = sql.chars().take(60).collect();
            run_with(&sql, &[]).unwrap_or_else(|e| panic!("{shown}: {e}"));
        })
        .expect("a thread");
    handle.join().expect("no overflow");
}

#[test]
fn brackets_fit_a_small_stack() {
    let n = tokens::DEPTH_MAX - 4;
    fits_a_small_stack(format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)));
    fits_a_small_stack(format!("SELECT {}'a'{}", "lower(".repeat(n), ")".repeat(n)));
    fits_a_small_stack(format!("SELECT {}true", "NOT ".repeat(n)));
}

#[test]
fn cases_fit_a_small_stack() {
    let n = tokens::DEPTH_MAX - 4;
    let cases = "CASE WHEN true THEN ".repeat(n) + "1" + &" END".repeat(n);
    fits_a_small_stack(format!("SELECT {cases}"));
}

#[test]
fn queries_fit_a_small_stack() {
    let n = tokens::QUERIES_MAX - 1;
    let queries = "(SELECT * FROM ".repeat(n) + "events" + &")".repeat(n);
    fits_a_small_stack(format!("SELECT * FROM {queries}"));
    let unions = " UNION ALL SELECT 1".repeat(tokens::SETS_MAX);
    fits_a_small_stack(format!("SELECT 1{unions}"));
}

#[test]
fn chains_fit_a_small_stack() {
    let more = " OR eventName = 'b'".repeat(tokens::CONDITIONS_MAX);
    fits_a_small_stack(format!("SELECT 1 FROM events WHERE eventName = 'a'{more}"));
    let sum = " + 1".repeat(tokens::CHAIN_MAX);
    fits_a_small_stack(format!("SELECT 1{sum}"));
    let text = " || 'a'".repeat(tokens::CHAIN_MAX);
    fits_a_small_stack(format!("SELECT eventName{text} FROM events"));
}

#[test]
fn a_broken_chain_fits_a_small_stack() {
    let more = " OR eventName = 'b'".repeat(tokens::CONDITIONS_MAX - 1);
    let sql = format!("SELECT 1 FROM events WHERE eventName = 'a'{more} OR");
    let handle = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || assert!(parse(&sql, &[], 0).is_err()))
        .expect("a thread");
    handle.join().expect("no overflow");
}

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    for sql in [
        "SELECT ".to_owned() + &"NOT ".repeat(2000) + "true",
        "SELECT ".to_owned() + &"- ".repeat(2000) + "1",
        format!("SELECT '{}'", "x".repeat(STATEMENT_MAX)),
        "SELECT ".to_owned() + &"(".repeat(5000),
    ] {
        assert!(parse(&sql, &[], 0).is_err());
    }
}

/// Runs every `.sql` file of the folder `TARN_SQL_TEXTS`, placeholders and Athena's
/// partition columns filled in, and prints which do not run and why. The published texts are no part of this repository.
#[test]
#[ignore = "reads a folder of texts that is given by TARN_SQL_TEXTS"]
fn published_texts_plan() {
    let folder = std::env::var("TARN_SQL_TEXTS").expect("TARN_SQL_TEXTS names a folder");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    let placeholder = regex::Regex::new(r"(?i)(from|join)(\s+)<[^>]+>").expect("a pattern");
    let mut planned_files = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).expect("readable");
        let filled = placeholder
            .replace_all(&text, "${1}${2}events")
            .replace("${date_filter}", "2023-07-01 00:00:00")
            .replace("date_partition", "date_format(eventtime, '%Y/%m/%d')")
            .replace("account_partition", "recipientaccountid")
            .replace("region_partition", "awsregion");
        let shown = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match run_with(&filled, &[]) {
            Ok(_) => planned_files += 1,
            Err(error) => println!("--- {shown}\n{error}\n"),
        }
    }
    println!("{planned_files} of {} run", files.len());
}
