//! Names of columns, fields and tables, in every spelling.

use super::*;

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
    let parameters = [("store".to_owned(), "s1".to_owned())];
    let parsed = parse("SELECT 1 FROM {{store}}", &parameters, 0);
    assert_eq!(parsed.map(|p| p.tables.len()).map_err(|e| e.message), Ok(1));
}
