//! Queries from text to rows, over a few events in memory.

mod bounds;
mod names;
mod published;
mod queries;
mod refusals;
mod values;

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

use super::{PlannedSql, parse, plan};
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
    parameters: &[(String, String)],
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
    parameters: &[(String, String)],
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
