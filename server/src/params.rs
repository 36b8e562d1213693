//! Parameters of a request: `?name=value`, each known, and each once unless it is a
//! list.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::error::Problem;

/// The parameters as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of(parts.uri.query().unwrap_or("")))
    }
}

/// The part of a path that names something.
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segment = Path::<String>::from_request_parts(parts, state).await;
        segment
            .map(|Path(segment)| Self(segment))
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

impl Params {
    pub fn of(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// **Errors**: one that is not among these: a name that is mistyped would be passed
    /// by without a word.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let Some((name, _)) = self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        else {
            return Ok(());
        };
        let problem = Problem::bad_request(format!("there is no parameter {name:?} here"));
        Err(problem.hint(match known {
            [] => "this request takes no parameters".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        }))
    }

    /// Every value of the name.
    pub fn all(&self, name: &str) -> Vec<String> {
        let of_name = self.0.iter().filter(|(given, _)| given == name);
        of_name.map(|(_, value)| value.clone()).collect()
    }

    /// The value of the name.
    ///
    /// **Errors**: there are two.
    pub fn one(&self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(Problem::bad_request(format!(
                "the parameter {name} is given more than once"
            ))),
        }
    }

    /// `?name`, `?name=true` or `?name=false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.one(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(Problem::bad_request(format!(
                "{name}={other:?} is neither true nor false"
            ))),
        }
    }

    pub fn number<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: Display>,
    {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        let number = value
            .parse()
            .map_err(|error: T::Err| Problem::bad_request(format!("{name}={value:?}: {error}")));
        number.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let params = Params::of("account=1&account=2&force&dryRun=false&name=a%20b&limit=7");
        assert_eq!(params.all("account"), ["1", "2"]);
        assert!(params.one("account").is_err(), "which one?");
        assert_eq!(params.one("name").ok().flatten().as_deref(), Some("a b"));
        assert_eq!(params.flag("force").ok(), Some(true));
        assert_eq!(params.flag("dryRun").ok(), Some(false));
        assert_eq!(params.flag("absent").ok(), Some(false));
        assert!(params.flag("name").is_err());
        assert_eq!(params.number::<usize>("limit").ok(), Some(Some(7)));
        assert!(params.number::<usize>("name").is_err());
        assert!(params.only(&["account", "force"]).is_err());
        let known = ["account", "force", "dryRun", "name", "limit"];
        assert!(params.only(&known).is_ok());
    }
}
