//! Rows of a query, as they come over the wire.

use std::io::{BufReader, Read};

use tarn_query::results::{ArrowIpcReader, RecordBatch, SchemaRef};
use ureq::Body;
use ureq::http::Response;

use super::{Address, ClientError};
use crate::answer::{LANGUAGE, QUERY_ID, WARNINGS};
use crate::wire::QueryWarning;

pub(super) const ARROW: &str = "application/vnd.apache.arrow.stream";

/// The answer to a query.
pub struct Rows {
    /// As what the text was read: `sql`, `insights` or `search`.
    pub language: String,
    pub warnings: Vec<QueryWarning>,
    /// By which the server tells how it ended.
    pub id: String,
    address: Address,
    batches: ArrowIpcReader<Box<dyn Read + Send>>,
}

impl Rows {
    pub(super) fn of(address: Address, response: Response<Body>) -> Result<Self, ClientError> {
        let text = |name: &str| {
            let value = response.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
                .to_owned()
        };
        let (language, id) = (text(LANGUAGE), text(QUERY_ID));
        let warnings = serde_json::from_str(&text(WARNINGS)).unwrap_or_default();
        let (_, body) = response.into_parts();
        let reader: Box<dyn Read + Send> = Box::new(BufReader::new(body.into_reader()));
        let batches = ArrowIpcReader::new(reader).map_err(|error| ClientError::CutOff {
            address: address.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            language,
            warnings,
            id,
            address,
            batches,
        })
    }

    pub fn schema(&self) -> &SchemaRef {
        self.batches.schema()
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        Some(batch.map_err(|error| ClientError::CutOff {
            address: self.address.clone(),
            reason: error.to_string(),
        }))
    }
}
