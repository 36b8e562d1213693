//! Tests of one text, written once for both places where they run: in the scan, once for
//! each distinct value of a field, and as a function on values that a plan computes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use regex::Regex;
use tarn_store::TextPredicate;
use tarn_store::json::Kind as JsonKind;
use tarn_store::scan::predicate::parse_number;

use super::convert::iso_text;
use super::json::container;
use crate::patterns;
use crate::search::Cidr;

/// A test of one text.
#[derive(Debug, Clone)]
pub(crate) enum TextTest {
    /// Found anywhere in the text.
    Regex(Regex),
    /// In either case, the letters given in lower case.
    ContainsInAnyCase(String),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    /// Nothing but blanks.
    Blank,
    Numeric,
    Ip,
    IpV4,
    IpV6,
    InNetwork(Cidr),
    PrivateIp,
    PublicIp,
    ReservedIp,
    /// A JSON list with an element of this text.
    ListContains(String),
    /// A test of the time that milliseconds since 1970 in digits are, as text.
    OfTime(Box<TextTest>),
}

impl TextTest {
    /// **Errors**: what is wrong with the expression, as a clause.
    pub fn regex(source: &str) -> Result<Self, String> {
        patterns::regex(source).map(Self::Regex)
    }
}

impl TextPredicate for TextTest {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::ContainsInAnyCase(part) => text.to_lowercase().contains(part.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::StartsWith(part) => text.starts_with(part.as_str()),
            Self::EndsWith(part) => text.ends_with(part.as_str()),
            Self::Blank => text.trim().is_empty(),
            Self::Numeric => parse_number(text).is_some(),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
            Self::IpV4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::IpV6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::InNetwork(network) => address(text, |ip| network.contains(ip)),
            Self::PrivateIp => address(text, is_private),
            Self::PublicIp => address(text, |ip| !is_private(ip) && !is_reserved(ip)),
            Self::ReservedIp => address(text, is_reserved),
            Self::ListContains(wanted) => match container(text).map(|json| json.kind) {
                Some(JsonKind::Array(elements)) => {
                    elements.iter().any(|e| e.text() == Some(wanted.as_str()))
                }
                _ => false,
            },
            Self::OfTime(test) => {
                let ms = text.parse().ok();
                ms.and_then(iso_text)
                    .is_some_and(|time| test.matches(&time))
            }
        }
    }

    fn description(&self) -> String {
        match self {
            Self::Regex(regex) => format!("~ /{}/", regex.as_str()),
            Self::ContainsInAnyCase(part) => format!("contains {part:?} in any case"),
            Self::Contains(part) => format!("contains {part:?}"),
            Self::StartsWith(part) => format!("starts with {part:?}"),
            Self::EndsWith(part) => format!("ends with {part:?}"),
            Self::Blank => "is blank".to_owned(),
            Self::Numeric => "is a number".to_owned(),
            Self::Ip => "is an IP address".to_owned(),
            Self::IpV4 => "is an IPv4 address".to_owned(),
            Self::IpV6 => "is an IPv6 address".to_owned(),
            Self::InNetwork(Cidr {
                address,
                prefix_bits,
            }) => format!("is in {address}/{prefix_bits}"),
            Self::PrivateIp => "is a private address".to_owned(),
            Self::PublicIp => "is a public address".to_owned(),
            Self::ReservedIp => "is a reserved address".to_owned(),
            Self::ListContains(wanted) => format!("is a list with {wanted:?}"),
            Self::OfTime(test) => format!("as ISO 8601 {}", test.description()),
        }
    }
}

fn address(text: &str, test: impl Fn(IpAddr) -> bool) -> bool {
    text.parse().is_ok_and(test)
}

/// **Source**: RFC 1918, and RFC 4193 for IPv6.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// **Source**: the special-purpose address registries of the IANA (RFC 6890), without the
/// private networks.
fn is_reserved(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
        }
        IpAddr::V6(ip) => {
            let segments = ip.segments();
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some()
                || matches!(segments, [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..])
                || (segments[0] == 0x2001 && segments[1] < 0x200)
        }
    }
}

/// A test as a function of a text that a plan computes.
///
/// **Shape**: never null; a missing text gives `when_missing`.
pub(crate) fn test(test: TextTest, when_missing: bool, text: Expr) -> Expr {
    let name = match when_missing {
        false => test.description(),
        true => format!("{} or missing", test.description()),
    };
    let function = TestFunction {
        name,
        test: Arc::new(test),
        when_missing,
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::from(function).call(vec![text])
}

/// Two are equal when they are of one name, which describes the test.
struct TestFunction {
    name: String,
    test: Arc<dyn TextPredicate>,
    when_missing: bool,
    signature: Signature,
}

impl fmt::Debug for TestFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for TestFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TestFunction {}

impl Hash for TestFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for TestFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(text) = args.args.first() else {
            return internal_err!("a test without a text");
        };
        let texts = cast(&text.to_array(args.number_rows)?, &DataType::Utf8View)?;
        let result: BooleanArray = texts
            .as_string_view()
            .iter()
            .map(|text| Some(text.map_or(self.when_missing, |text| self.test.matches(text))))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(result)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let network = TextTest::InNetwork(Cidr::parse("10.0.0.0/8").expect("a network"));
        for (test, text, expected) in [
            (&TextTest::Ip, "::1", true),
            (&TextTest::IpV4, "::1", false),
            (&TextTest::IpV6, "::1", true),
            (&TextTest::Ip, "AWS Internal", false),
            (&network, "10.1.2.3", true),
            (&network, "11.1.2.3", false),
            (&TextTest::PrivateIp, "192.168.0.1", true),
            (&TextTest::PrivateIp, "fd00::1", true),
            (&TextTest::PublicIp, "8.8.8.8", true),
            (&TextTest::PublicIp, "192.0.2.1", false),
            (&TextTest::PublicIp, "s3.amazonaws.com", false),
            (&TextTest::ReservedIp, "169.254.169.254", true),
            (&TextTest::ReservedIp, "100.64.0.1", true),
            (&TextTest::ReservedIp, "2001:db8::1", true),
            (&TextTest::ReservedIp, "2600::1", false),
        ] {
            assert_eq!(
                test.matches(text),
                expected,
                "{text} {}",
                test.description()
            );
        }
    }

    #[test]
    fn texts() {
        let regex = TextTest::regex("^T(0|1)").expect("compiles");
        assert!(regex.matches("T1x") && !regex.matches("xT1"));
        assert!(TextTest::regex("(").is_err_and(|reason| reason.contains("unclosed")));
        assert!(TextTest::ListContains("1".into()).matches("[1,2]"));
        assert!(!TextTest::ListContains("1".into()).matches("1"));
        let night = TextTest::regex("T0[0-5]").expect("compiles");
        let night = TextTest::OfTime(Box::new(night));
        assert!(night.matches("1709175600000"), "03:00");
        assert!(!night.matches("1709208000000"), "12:00");
    }
}
