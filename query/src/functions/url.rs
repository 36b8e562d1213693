//! Functions on URLs: parts of one, and percent-encoding.

use std::borrow::Cow;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;

use super::call::{Call, Function, Kind, Returns};

use Kind::Text;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("url_decode", &[Text], Returns::Text, url_decode),
    Function::of("url_encode", &[Text], Returns::Text, url_encode),
    Function::of("url_extract_protocol", &[Text], Returns::Text, |c| {
        part(c, |u| u.protocol)
    }),
    Function::of("url_extract_host", &[Text], Returns::Text, |c| {
        part(c, |u| u.host)
    }),
    Function::of("url_extract_path", &[Text], Returns::Text, |c| {
        part(c, |u| u.path)
    }),
    Function::of("url_extract_query", &[Text], Returns::Text, |c| {
        part(c, |u| u.query)
    }),
    Function::of("url_extract_fragment", &[Text], Returns::Text, |c| {
        part(c, |u| u.fragment)
    }),
    Function::of(
        "url_extract_port",
        &[Text],
        Returns::Integer,
        url_extract_port,
    ),
    Function::of(
        "url_extract_parameter",
        &[Text, Text],
        Returns::Text,
        url_extract_parameter,
    ),
];

fn url_decode(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        match decode(text) {
            Some(decoded) => Ok(Some(decoded)),
            None => call.fail(|| format!("{text:?} is not percent-encoded UTF-8")),
        }
    })
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn url_encode(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| {
        Ok(texts.get(row).map(|text| {
            let mut out = String::with_capacity(text.len());
            for byte in text.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                        out.push(char::from(byte));
                    }
                    b' ' => out.push('+'),
                    other => out.push_str(&format!("%{other:02X}")),
                }
            }
            Cow::Owned(out)
        }))
    })
}

/// The parts of a URL; those that Trino gives as empty text where they are missing are
/// empty here.
struct Url<'t> {
    protocol: &'t str,
    host: &'t str,
    port: Option<i64>,
    path: &'t str,
    query: &'t str,
    fragment: &'t str,
}

impl<'t> Url<'t> {
    fn parse(text: &'t str) -> Option<Url<'t>> {
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if rest.contains(char::is_whitespace) {
            return None;
        }
        let (protocol, rest) = match rest.split_once(':') {
            Some((name, after)) if is_scheme(name) => (name, after),
            _ => ("", rest),
        };
        let Some(authority_and_path) = rest.strip_prefix("//") else {
            return Some(Url {
                protocol,
                host: "",
                port: None,
                path: rest,
                query,
                fragment,
            });
        };
        let at = authority_and_path
            .find('/')
            .unwrap_or(authority_and_path.len());
        let (authority, path) = authority_and_path.split_at(at);
        let address = authority
            .rsplit_once('@')
            .map_or(authority, |(_, address)| address);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, digits)) if !digits.contains(']') => (host, digits.parse().ok()),
            _ => (address, None),
        };
        Some(Url {
            protocol,
            host,
            port,
            path,
            query,
            fragment,
        })
    }
}

fn is_scheme(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn part(call: &Call, of: for<'t> fn(Url<'t>) -> &'t str) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| {
        Ok(texts
            .get(row)
            .and_then(Url::parse)
            .map(|url| Cow::Borrowed(of(url))))
    })
}

fn url_extract_port(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.integers(|row| Ok(texts.get(row).and_then(Url::parse).and_then(|url| url.port)))
}

fn url_extract_parameter(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let names = call.text(1)?;
    call.texts(|row| {
        let (Some(text), Some(wanted)) = (texts.get(row), names.get(row)) else {
            return Ok(None);
        };
        Ok(Url::parse(text).and_then(|url| {
            url.query.split('&').find_map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name)? == wanted).then(|| decode(value)).flatten()
            })
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, one, text};
    use super::super::named;
    use super::*;

    fn run(name: &str, value: &str) -> Option<String> {
        one(call(named(FUNCTIONS, name), vec![text(value)]))
    }

    #[test]
    fn encoding_and_back() {
        assert_eq!(
            run("url_decode", "a%20b+c%C3%A9").as_deref(),
            Some("a b cé")
        );
        assert_eq!(run("url_encode", "a b/é").as_deref(), Some("a+b%2F%C3%A9"));
        for bad in ["%", "%2", "%zz", "%ff"] {
            assert!(
                call(named(FUNCTIONS, "url_decode"), vec![text(bad)]).is_err(),
                "{bad}"
            );
            assert_eq!(
                one(call_try(named(FUNCTIONS, "url_decode"), vec![text(bad)])),
                None
            );
        }
    }

    #[test]
    fn parts() {
        let url = "https://u:p@example.com:8443/a/b?x=1&y=a%20b#frag";
        assert_eq!(run("url_extract_protocol", url).as_deref(), Some("https"));
        assert_eq!(run("url_extract_host", url).as_deref(), Some("example.com"));
        assert_eq!(run("url_extract_port", url).as_deref(), Some("8443"));
        assert_eq!(run("url_extract_path", url).as_deref(), Some("/a/b"));
        assert_eq!(
            run("url_extract_query", url).as_deref(),
            Some("x=1&y=a%20b")
        );
        assert_eq!(run("url_extract_fragment", url).as_deref(), Some("frag"));
        let parameter = |n| {
            one(call(
                named(FUNCTIONS, "url_extract_parameter"),
                vec![text(url), text(n)],
            ))
        };
        assert_eq!(parameter("y").as_deref(), Some("a b"));
        assert_eq!(parameter("z"), None);
        assert_eq!(run("url_extract_host", "not a url"), None);
        assert_eq!(
            run("url_extract_host", "http://[::1]:80/").as_deref(),
            Some("[::1]")
        );
    }
}
