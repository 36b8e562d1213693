//! Where a server is.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// `http://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// Why a text is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error(
        "{url}: servers speak no TLS yet, and listen on their own machine only; \
         ask one through a tunnel (ssh -L 7070:127.0.0.1:7070 HOST) at http://127.0.0.1:7070"
    )]
    Tls { url: String },
    #[error("{url:?} is no address of a server; write it like http://127.0.0.1:7070")]
    Unlike { url: String },
}

/// What stands for itself in a segment of a path (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Address {
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let unlike = || AddressError::Unlike {
            url: url.to_owned(),
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(unlike)?;
        if scheme.eq_ignore_ascii_case("https") {
            let url = url.to_owned();
            return Err(AddressError::Tls { url });
        }
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        match scheme.eq_ignore_ascii_case("http") && !host.is_empty() && host.chars().all(is_host) {
            true => Ok(Self(format!("http://{host}"))),
            false => Err(unlike()),
        }
    }

    /// The URL of a path, given by its segments as they are meant.
    pub(super) fn of(&self, path: &[&str], params: &[(&str, &str)]) -> String {
        let mut url = self.0.clone();
        for segment in path {
            url.push('/');
            url.extend(utf8_percent_encode(segment, SEGMENT));
        }
        if !params.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(params);
            url.push('?');
            url.push_str(&query.finish());
        }
        url
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_no_more() {
        for url in [
            "http://127.0.0.1:7070",
            "HTTP://localhost",
            "http://[::1]:1/",
        ] {
            assert!(Address::parse(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "localhost:7070",
            "http://",
            "http://a/b",
            "http://me@a",
            "ftp://a",
        ] {
            let told = Address::parse(url);
            assert!(matches!(told, Err(AddressError::Unlike { .. })), "{url}");
        }
        let tls = Address::parse("https://a");
        assert!(matches!(tls, Err(AddressError::Tls { .. })));
    }

    #[test]
    fn what_is_meant_is_what_arrives() {
        let address = Address::parse("http://a/").expect("an address");
        assert_eq!(
            address.of(&["v1", "stores", "arn:aws:x/é?"], &[("account", "a&b c")]),
            "http://a/v1/stores/arn%3Aaws%3Ax%2F%C3%A9%3F?account=a%26b+c"
        );
    }
}
