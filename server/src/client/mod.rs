//! Tarn's own client: what the command line asks of a server instead of a directory.
//!
//! It blocks. What the server says is wrong comes back as it was told; an answer that ends
//! before its end is an error, and never a shorter answer.

mod address;
mod form;
mod rows;

use std::io::{self, BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
pub use ureq::http::Method;
use ureq::http::{Request, Response, header};
use ureq::{Agent, AsSendBody, Body, SendBody};

pub use self::address::{Address, AddressError};
use self::form::Form;
pub use self::form::{Content, FileToSend};
pub use self::rows::Rows;
use crate::wire::{ImportLine, ProblemDetails};

/// A server that is there takes a connection in less.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const PROBLEM: &str = "application/problem+json";
/// A problem is short.
const PROBLEM_BYTES_MAX: u64 = 1 << 20;

/// Why a server gave no answer, or not the whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    #[error("no server answers at {address}: {reason}")]
    Unreachable { address: Address, reason: String },
    #[error("what answers at {address} is no Tarn: {reason}")]
    NotTarn { address: Address, reason: String },
    #[error("the server at {address} ended the answer before its end: {reason}")]
    CutOff { address: Address, reason: String },
    /// The server says what is wrong.
    #[error("{}", .0.detail)]
    Problem(Box<ProblemDetails>),
}

/// A server that can be asked.
#[derive(Debug, Clone)]
pub struct Client {
    address: Address,
    agent: Agent,
}

/// Names and values of a query string.
pub type Params<'p> = [(&'p str, &'p str)];

impl Client {
    pub fn new(address: Address) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME_MAX))
            // Of this machine: nothing in between.
            .proxy(None)
            .build();
        Self {
            address,
            agent: config.new_agent(),
        }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        params: &Params<'_>,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path, params);
        self.read(self.answer(request.header(header::ACCEPT, JSON), ())?)
    }

    /// The items of a long list, as they come.
    pub fn lines<T: DeserializeOwned>(
        &self,
        path: &[&str],
        params: &Params<'_>,
    ) -> Result<Lines<T>, ClientError> {
        let request = self.request(Method::GET, path, params);
        let response = self.answer(request.header(header::ACCEPT, NDJSON), ())?;
        Ok(self.lines_of(response))
    }

    /// Sends a body, or none, and reads what is answered.
    pub fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let is_post = method == Method::POST;
        let request = self.request(method, path, &[]).header(header::ACCEPT, JSON);
        let response = match body {
            // Without a length the server would look for a body.
            None if is_post => self.answer(request, Vec::new())?,
            None => self.answer(request, ())?,
            Some(body) => self.answer(request.header(header::CONTENT_TYPE, JSON), json(body))?,
        };
        self.read(response)
    }

    /// Rows of a query.
    pub fn rows(&self, path: &[&str], body: &impl Serialize) -> Result<Rows, ClientError> {
        let request = self
            .request(Method::POST, path, &[])
            .header(header::ACCEPT, rows::ARROW)
            .header(header::CONTENT_TYPE, JSON);
        let response = self.answer(request, json(body))?;
        Rows::of(self.address.clone(), response)
    }

    /// Sends files; the lines say how far the import is, and in the end what it did.
    pub fn import(
        &self,
        params: &Params<'_>,
        files: Vec<FileToSend>,
    ) -> Result<Lines<ImportLine>, ClientError> {
        let form = Form::new(files);
        let request = self
            .request(Method::POST, &["v1", "imports"], params)
            .header(header::ACCEPT, NDJSON)
            .header(
                header::CONTENT_TYPE,
                format!("multipart/form-data; boundary={}", form.boundary()),
            );
        let response = self.answer(request, SendBody::from_owned_reader(form))?;
        Ok(self.lines_of(response))
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        params: &Params<'_>,
    ) -> ureq::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(self.address.of(path, params))
    }

    /// The answer to a request, where it is one.
    fn answer(
        &self,
        request: ureq::http::request::Builder,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, ClientError> {
        let address = || self.address.clone();
        let request = request
            .body(body)
            .map_err(|error| ClientError::Unreachable {
                address: address(),
                reason: error.to_string(),
            })?;
        let response = self.agent.run(request).map_err(|error| match error {
            ureq::Error::Protocol(error) => ClientError::NotTarn {
                address: address(),
                reason: error.to_string(),
            },
            error => ClientError::Unreachable {
                address: address(),
                reason: error.to_string(),
            },
        })?;
        let is = |name: &str| {
            let content_type = response.headers().get(header::CONTENT_TYPE);
            content_type.is_some_and(|value| value.as_bytes().starts_with(name.as_bytes()))
        };
        if is(PROBLEM) {
            let mut bytes = Vec::new();
            let (_, body) = response.into_parts();
            let read = body
                .into_reader()
                .take(PROBLEM_BYTES_MAX)
                .read_to_end(&mut bytes);
            read.map_err(|error| self.cut_off(&error))?;
            let problem = serde_json::from_slice(&bytes);
            return Err(ClientError::Problem(
                problem.map_err(|error| self.unlike(&error))?,
            ));
        }
        match response.status().is_success() && (is(JSON) || is(NDJSON) || is(rows::ARROW)) {
            true => Ok(response),
            false => Err(ClientError::NotTarn {
                address: address(),
                reason: format!("it answers {}", response.status()),
            }),
        }
    }

    fn read<T: DeserializeOwned>(&self, response: Response<Body>) -> Result<T, ClientError> {
        let (_, body) = response.into_parts();
        let reader = BufReader::new(body.into_reader());
        serde_json::from_reader(reader).map_err(|error| match error.is_io() || error.is_eof() {
            true => self.cut_off(&error),
            false => self.unlike(&error),
        })
    }

    fn lines_of<T>(&self, response: Response<Body>) -> Lines<T> {
        let (_, body) = response.into_parts();
        Lines {
            client: self.clone(),
            reader: Box::new(BufReader::new(body.into_reader())),
            line: Vec::new(),
            items: PhantomData,
        }
    }

    fn cut_off(&self, error: &dyn std::error::Error) -> ClientError {
        ClientError::CutOff {
            address: self.address.clone(),
            reason: error.to_string(),
        }
    }

    fn unlike(&self, error: &dyn std::error::Error) -> ClientError {
        ClientError::NotTarn {
            address: self.address.clone(),
            reason: error.to_string(),
        }
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    // What is sent has text as keys.
    serde_json::to_vec(body).unwrap_or_default()
}

/// Items of a list, a line each, as they come.
pub struct Lines<T> {
    client: Client,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    items: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line)?;
        Ok(!self.line.is_empty())
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(self.client.cut_off(&error))),
        }
        let item = serde_json::from_slice(&self.line);
        Some(item.map_err(|error| self.client.unlike(&error)))
    }
}
