//! Functions of numbers.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;

use super::super::call::{Call, Function, Kind, Returns};
use super::Scalar;
use super::convert::{read_lenient, whole};

use Kind::{Double, Integer, Text};

/// On the mean sphere of the earth (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

pub(super) const FUNCTIONS: &[Scalar] = &[
    Scalar::new(
        "abs(number)",
        Function::of("insights::abs", &[Double], Returns::Double, |c| {
            of_one(c, f64::abs)
        }),
    ),
    Scalar::new(
        "ceil(number)",
        Function::of("insights::ceil", &[Double], Returns::Integer, |c| {
            rounded(c, f64::ceil)
        }),
    ),
    Scalar::new(
        "floor(number)",
        Function::of("insights::floor", &[Double], Returns::Integer, |c| {
            rounded(c, f64::floor)
        }),
    ),
    Scalar::new(
        "round(number[, digits])",
        Function::of(
            "insights::round",
            &[Double, Integer],
            Returns::Double,
            round,
        )
        .required(1),
    ),
    Scalar::new(
        "sqrt(number)",
        Function::of("insights::sqrt", &[Double], Returns::Double, |c| {
            of_one(c, f64::sqrt)
        }),
    ),
    Scalar::new(
        "log(number)",
        Function::of("insights::log", &[Double], Returns::Double, |c| {
            of_one(c, f64::ln)
        }),
    ),
    Scalar::new(
        "pow(number, exponent)",
        Function::of("insights::pow", &[Double, Double], Returns::Double, |c| {
            of_two(c, f64::powf)
        }),
    ),
    Scalar::new(
        "mod(number, divisor)",
        Function::of("insights::mod", &[Double, Double], Returns::Double, |c| {
            of_two(c, |a, b| a % b)
        }),
    ),
    Scalar::new(
        "greatest(number, …)",
        Function::of("insights::greatest", &[Double], Returns::Double, |c| {
            chosen(c, f64::max)
        })
        .variadic(),
    ),
    Scalar::new(
        "least(number, …)",
        Function::of("insights::least", &[Double], Returns::Double, |c| {
            chosen(c, f64::min)
        })
        .variadic(),
    ),
    Scalar::new(
        "haversine(latitude, longitude, latitude, longitude)",
        Function::of(
            "insights::haversine",
            &[Double, Double, Double, Double],
            Returns::Double,
            haversine,
        ),
    ),
    Scalar::new(
        "toNumber(value)",
        Function::of("insights::toNumber", &[Text], Returns::Double, |c| {
            let texts = c.text(0)?;
            c.doubles(|row| Ok(texts.get(row).and_then(read_lenient)))
        }),
    ),
    Scalar::new(
        "toDouble(value)",
        Function::of("insights::toDouble", &[Text], Returns::Double, |c| {
            let texts = c.text(0)?;
            c.doubles(|row| Ok(texts.get(row).and_then(read_lenient)))
        }),
    ),
    Scalar::new(
        "toInt(value)",
        Function::of("insights::toInt", &[Text], Returns::Integer, to_integer),
    ),
    Scalar::new(
        "toLong(value)",
        Function::of("insights::toLong", &[Text], Returns::Integer, to_integer),
    ),
];

/// What is no number (the root of -1) is null.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

fn of_one(call: &Call, function: fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = call.double(0)?;
    call.doubles(|row| Ok(numbers.get(row).map(function).and_then(finite)))
}

fn of_two(call: &Call, function: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (left, right) = (call.double(0)?, call.double(1)?);
    call.doubles(|row| {
        let pair = left.get(row).zip(right.get(row));
        Ok(pair.and_then(|(a, b)| finite(function(a, b))))
    })
}

fn rounded(call: &Call, function: fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = call.double(0)?;
    call.integers(|row| Ok(numbers.get(row).map(function).and_then(whole)))
}

fn round(call: &Call) -> Result<ArrayRef> {
    let numbers = call.double(0)?;
    let digits = if call.has(1) {
        Some(call.integer(1)?)
    } else {
        None
    };
    call.doubles(|row| {
        let digits = match &digits {
            None => Some(0),
            Some(digits) => digits.get(row),
        };
        Ok(numbers
            .get(row)
            .zip(digits)
            .and_then(|(n, digits)| round_to(n, digits)))
    })
}

fn round_to(number: f64, digits: i64) -> Option<f64> {
    // Beyond this a float has no digits that could go.
    let digits = i32::try_from(digits.clamp(-308, 308)).ok()?;
    let scale = 10_f64.powi(digits);
    let scaled = number * scale;
    if scaled.is_finite() {
        finite(scaled.round() / scale)
    } else {
        Some(number)
    }
}

/// The one of the arguments; those that are missing do not count.
fn chosen(call: &Call, better: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let columns = (0..call.arguments.len())
        .map(|i| call.double(i))
        .collect::<Result<Vec<_>>>()?;
    call.doubles(|row| {
        Ok(columns
            .iter()
            .filter_map(|column| column.get(row))
            .reduce(better))
    })
}

fn haversine(call: &Call) -> Result<ArrayRef> {
    let columns = (0..4).map(|i| call.double(i)).collect::<Result<Vec<_>>>()?;
    call.doubles(|row| {
        let degrees: Option<Vec<f64>> = columns.iter().map(|column| column.get(row)).collect();
        Ok(match degrees.as_deref() {
            Some(&[lat1, lon1, lat2, lon2]) => finite(kilometres(lat1, lon1, lat2, lon2)),
            _ => None,
        })
    })
}

fn kilometres(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    let (lat1, lat2) = (lat1.to_radians(), lat2.to_radians());
    let half_lat = (lat2 - lat1) / 2.0;
    let half_lon = (lon2 - lon1).to_radians() / 2.0;
    let a = half_lat.sin().powi(2) + lat1.cos() * lat2.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * a.sqrt().min(1.0).asin()
}

/// Digits are read as they are, so that none beyond 2^53 change.
fn to_integer(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.integers(|row| {
        Ok(texts
            .get(row)
            .and_then(|text| text.parse().ok().or_else(|| whole(read_lenient(text)?))))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::call::testing::{call, one, text};
    use super::super::scalar;
    use super::*;
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::ColumnarValue;

    fn number(value: f64) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Float64(Some(value)))
    }

    fn result(name: &str, arguments: Vec<ColumnarValue>) -> Option<String> {
        one(call(scalar(name).expect("known").function, arguments))
    }

    #[test]
    fn numbers() {
        for (name, arguments, expected) in [
            ("floor", vec![number(-2.5)], Some("-3")),
            ("ceil", vec![number(2.1)], Some("3")),
            ("round", vec![number(2.5)], Some("3.0")),
            ("sqrt", vec![number(-1.0)], None),
            ("mod", vec![number(7.0), number(0.0)], None),
            (
                "greatest",
                vec![number(1.0), number(3.0), number(2.0)],
                Some("3.0"),
            ),
            (
                "toInt",
                vec![text("9007199254740993")],
                Some("9007199254740993"),
            ),
            ("toLong", vec![text("3.9")], Some("3")),
            ("toNumber", vec![text("true")], Some("1.0")),
            ("toNumber", vec![text("x")], None),
        ] {
            assert_eq!(result(name, arguments).as_deref(), expected, "{name}");
        }
        assert_eq!(round_to(2.345, 1), Some(2.3));
        assert_eq!(round_to(1234.0, -2), Some(1200.0));
        assert_eq!(round_to(1e300, 300), Some(1e300));
    }

    #[test]
    fn distances() {
        let berlin_paris = kilometres(52.52, 13.405, 48.8566, 2.3522);
        assert!((berlin_paris - 877.5).abs() < 1.0, "{berlin_paris}");
        assert_eq!(kilometres(0.0, 0.0, 0.0, 0.0), 0.0);
    }
}
