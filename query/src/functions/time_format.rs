//! Patterns of times: MySQL's of `date_format` and Joda's of `format_datetime`.
//!
//! Both are read into one list of parts, which is written and read the same way.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

use super::time_text::{Written, Zone};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A number, padded with zeros to a width.
    Number(Unit, usize),
    /// The last two digits of the year.
    ShortYear,
    MonthName {
        short: bool,
    },
    DayName {
        short: bool,
    },
    /// `AM` or `PM`.
    HalfDay,
    /// A fraction of a second, of so many digits.
    Fraction(usize),
    /// `+0530`, or `+05:30`.
    Offset {
        colon: bool,
    },
    ZoneName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    WeekYear,
    Month,
    Week,
    Day,
    DayOfYear,
    /// Monday is 1, Sunday 7.
    DayOfWeek,
    Hour,
    /// 1 to 12.
    ClockHour,
    /// 0 to 11.
    HalfDayHour,
    /// 1 to 24.
    DayClockHour,
    Minute,
    Second,
}

/// A pattern ready for use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeFormat {
    parts: Vec<Part>,
}

impl TimeFormat {
    /// Reads a MySQL pattern (`%Y-%m-%d %H:%i:%s`).
    ///
    /// **Errors**: what is wrong with it, as a clause.
    pub fn mysql(pattern: &str) -> Result<TimeFormat, String> {
        let mut parts = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                push_literal(&mut parts, c);
                continue;
            }
            use Unit::*;
            let specifier = chars.next().ok_or("the pattern ends with `%`")?;
            match specifier {
                'a' => parts.push(Part::DayName { short: true }),
                'b' => parts.push(Part::MonthName { short: true }),
                'c' => parts.push(Part::Number(Month, 1)),
                'd' => parts.push(Part::Number(Day, 2)),
                'e' => parts.push(Part::Number(Day, 1)),
                'f' => parts.push(Part::Fraction(6)),
                'H' => parts.push(Part::Number(Hour, 2)),
                'h' | 'I' => parts.push(Part::Number(ClockHour, 2)),
                'i' => parts.push(Part::Number(Minute, 2)),
                'j' => parts.push(Part::Number(DayOfYear, 3)),
                'k' => parts.push(Part::Number(Hour, 1)),
                'l' => parts.push(Part::Number(ClockHour, 1)),
                'M' => parts.push(Part::MonthName { short: false }),
                'm' => parts.push(Part::Number(Month, 2)),
                'p' => parts.push(Part::HalfDay),
                'r' => {
                    parts.push(Part::Number(ClockHour, 2));
                    push_literal(&mut parts, ':');
                    parts.push(Part::Number(Minute, 2));
                    push_literal(&mut parts, ':');
                    parts.push(Part::Number(Second, 2));
                    push_literal(&mut parts, ' ');
                    parts.push(Part::HalfDay);
                }
                'S' | 's' => parts.push(Part::Number(Second, 2)),
                'T' => {
                    parts.push(Part::Number(Hour, 2));
                    push_literal(&mut parts, ':');
                    parts.push(Part::Number(Minute, 2));
                    push_literal(&mut parts, ':');
                    parts.push(Part::Number(Second, 2));
                }
                'v' => parts.push(Part::Number(Week, 2)),
                'W' => parts.push(Part::DayName { short: false }),
                'x' => parts.push(Part::Number(WeekYear, 4)),
                'Y' => parts.push(Part::Number(Year, 4)),
                'y' => parts.push(Part::ShortYear),
                'D' | 'U' | 'u' | 'V' | 'w' | 'X' => {
                    return Err(format!("`%{specifier}` is not supported, as in Trino"));
                }
                other => push_literal(&mut parts, other),
            }
        }
        Ok(TimeFormat { parts })
    }

    /// Reads a Joda pattern (`yyyy-MM-dd'T'HH:mm:ssZ`).
    ///
    /// **Errors**: what is wrong with it, as a clause.
    pub fn joda(pattern: &str) -> Result<TimeFormat, String> {
        let mut parts = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                read_quoted(&mut chars, &mut parts)?;
                continue;
            }
            if !c.is_ascii_alphabetic() {
                push_literal(&mut parts, c);
                continue;
            }
            let mut n = 1;
            while chars.next_if_eq(&c).is_some() {
                n += 1;
            }
            parts.push(joda_part(c, n)?);
        }
        Ok(TimeFormat { parts })
    }

    /// Writes a local time of a zone.
    pub fn write(&self, time: NaiveDateTime, zone: Zone) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Number(unit, width) => {
                    out.push_str(&format!("{:0width$}", unit.value(time), width = width));
                }
                Part::ShortYear => out.push_str(&format!("{:02}", time.year().rem_euclid(100))),
                Part::MonthName { short } => {
                    let name = MONTHS.get(time.month0() as usize).copied().unwrap_or("");
                    out.push_str(shortened(name, *short));
                }
                Part::DayName { short } => {
                    let day = time.weekday().num_days_from_monday() as usize;
                    out.push_str(shortened(DAYS.get(day).copied().unwrap_or(""), *short));
                }
                Part::HalfDay => out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
                Part::Fraction(digits) => {
                    let nine = format!("{:09}", time.nanosecond() % 1_000_000_000);
                    out.push_str(nine.get(..(*digits).min(9)).unwrap_or(&nine));
                }
                Part::Offset { colon } => {
                    let seconds = zone.offset_seconds(time).unwrap_or(0);
                    let sign = if seconds < 0 { '-' } else { '+' };
                    let minutes = seconds.abs() / 60;
                    let colon = if *colon { ":" } else { "" };
                    out.push_str(&format!(
                        "{sign}{:02}{colon}{:02}",
                        minutes / 60,
                        minutes % 60
                    ));
                }
                Part::ZoneName => out.push_str(&zone.name()),
            }
        }
        out
    }

    /// Reads a time that the pattern describes; what it leaves out is that of
    /// 1970-01-01 00:00:00.
    pub fn read(&self, text: &str) -> Option<Written> {
        let mut rest = text;
        let mut found = Found::default();
        for (i, part) in self.parts.iter().enumerate() {
            rest = match part {
                Part::Literal(literal) => rest.strip_prefix(literal.as_str())?,
                Part::Number(unit, width) => {
                    // Digits that touch the next number end where the pattern says.
                    let touching = matches!(
                        self.parts.get(i + 1),
                        Some(Part::Number(..) | Part::ShortYear | Part::Fraction(_))
                    );
                    let most = if touching {
                        (*width).max(1)
                    } else {
                        unit.digits_max()
                    };
                    let (value, after) = digits(rest, most)?;
                    found.set(*unit, value)?;
                    after
                }
                Part::ShortYear => {
                    let (value, after) = digits(rest, 2)?;
                    found.year = Some(if value < 70 {
                        2000 + value
                    } else {
                        1900 + value
                    });
                    after
                }
                Part::MonthName { short } => {
                    let (at, after) = name(rest, &MONTHS, *short)?;
                    found.month = Some(i64::try_from(at).ok()? + 1);
                    after
                }
                Part::DayName { short } => name(rest, &DAYS, *short)?.1,
                Part::HalfDay => {
                    let mark = rest.get(..2)?;
                    found.afternoon = match mark.to_ascii_uppercase().as_str() {
                        "AM" => Some(false),
                        "PM" => Some(true),
                        _ => return None,
                    };
                    rest.get(2..)?
                }
                Part::Fraction(_) => {
                    let end = rest
                        .find(|c: char| !c.is_ascii_digit())
                        .unwrap_or(rest.len())
                        .min(9);
                    let (fraction, after) = rest.split_at(end);
                    let scale = 10_i64.checked_pow(u32::try_from(9 - end).ok()?)?;
                    found.nanosecond = fraction.parse::<i64>().ok()?.checked_mul(scale)?;
                    after
                }
                Part::Offset { .. } | Part::ZoneName => {
                    let end = rest
                        .find(|c: char| {
                            !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | ':' | '/' | '_'))
                        })
                        .unwrap_or(rest.len());
                    let (zone, after) = rest.split_at(end);
                    found.zone = Some(Zone::parse(zone)?);
                    after
                }
            };
        }
        if rest.is_empty() { found.time() } else { None }
    }
}

fn shortened(name: &str, short: bool) -> &str {
    if short {
        name.get(..3).unwrap_or(name)
    } else {
        name
    }
}

fn push_literal(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Literal(text)) => text.push(c),
        _ => parts.push(Part::Literal(c.to_string())),
    }
}

fn read_quoted(
    chars: &mut std::iter::Peekable<std::str::Chars>,
    parts: &mut Vec<Part>,
) -> Result<(), String> {
    if chars.next_if_eq(&'\'').is_some() {
        push_literal(parts, '\'');
        return Ok(());
    }
    loop {
        match chars.next() {
            Some('\'') if chars.next_if_eq(&'\'').is_some() => push_literal(parts, '\''),
            Some('\'') => return Ok(()),
            Some(c) => push_literal(parts, c),
            None => return Err("a quote in the pattern is not closed".to_owned()),
        }
    }
}

fn joda_part(letter: char, n: usize) -> Result<Part, String> {
    use Unit::*;
    Ok(match letter {
        'y' | 'Y' if n == 2 => Part::ShortYear,
        'y' | 'Y' => Part::Number(Year, n),
        'x' => Part::Number(WeekYear, n),
        'M' if n >= 4 => Part::MonthName { short: false },
        'M' if n == 3 => Part::MonthName { short: true },
        'M' => Part::Number(Month, n),
        'w' => Part::Number(Week, n),
        'd' => Part::Number(Day, n),
        'D' => Part::Number(DayOfYear, n),
        'e' => Part::Number(DayOfWeek, n),
        'E' => Part::DayName { short: n < 4 },
        'a' => Part::HalfDay,
        'H' => Part::Number(Hour, n),
        'k' => Part::Number(DayClockHour, n),
        'K' => Part::Number(HalfDayHour, n),
        'h' => Part::Number(ClockHour, n),
        'm' => Part::Number(Minute, n),
        's' => Part::Number(Second, n),
        'S' => Part::Fraction(n),
        'Z' if n == 1 => Part::Offset { colon: false },
        'Z' if n == 2 => Part::Offset { colon: true },
        'Z' | 'z' => Part::ZoneName,
        other => return Err(format!("`{other}` in the pattern has no meaning")),
    })
}

impl Unit {
    fn value(self, time: NaiveDateTime) -> i64 {
        match self {
            Unit::Year => i64::from(time.year()),
            Unit::WeekYear => i64::from(time.iso_week().year()),
            Unit::Month => i64::from(time.month()),
            Unit::Week => i64::from(time.iso_week().week()),
            Unit::Day => i64::from(time.day()),
            Unit::DayOfYear => i64::from(time.ordinal()),
            Unit::DayOfWeek => i64::from(time.weekday().number_from_monday()),
            Unit::Hour => i64::from(time.hour()),
            Unit::ClockHour => i64::from((time.hour() + 11) % 12 + 1),
            Unit::HalfDayHour => i64::from(time.hour() % 12),
            Unit::DayClockHour => i64::from((time.hour() + 23) % 24 + 1),
            Unit::Minute => i64::from(time.minute()),
            Unit::Second => i64::from(time.second()),
        }
    }

    fn digits_max(self) -> usize {
        match self {
            Unit::Year | Unit::WeekYear => 6,
            Unit::DayOfYear => 3,
            Unit::DayOfWeek => 1,
            _ => 2,
        }
    }
}

fn digits(text: &str, most: usize) -> Option<(i64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len())
        .min(most);
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

/// Which of the names the text starts with; the long form passes for the short.
fn name<'t>(text: &'t str, names: &[&str], short: bool) -> Option<(usize, &'t str)> {
    let starts = |wanted: &str| {
        text.get(..wanted.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(wanted))
    };
    let at = names.iter().position(|n| starts(shortened(n, true)))?;
    let whole = names.get(at)?;
    if starts(whole) {
        return Some((at, text.get(whole.len()..)?));
    }
    short
        .then(|| text.get(3..))
        .flatten()
        .map(|rest| (at, rest))
}

/// What a text said of a time.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week_year: Option<i64>,
    week: Option<i64>,
    day_of_week: Option<i64>,
    hour: i64,
    half_day_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanosecond: i64,
    zone: Option<Zone>,
}

impl Found {
    fn set(&mut self, unit: Unit, value: i64) -> Option<()> {
        match unit {
            Unit::Year => self.year = Some(value),
            Unit::WeekYear => self.week_year = Some(value),
            Unit::Month => self.month = Some(value),
            Unit::Week => self.week = Some(value),
            Unit::Day => self.day = Some(value),
            Unit::DayOfYear => self.day_of_year = Some(value),
            Unit::DayOfWeek => self.day_of_week = Some(value),
            Unit::Hour => self.hour = value,
            Unit::ClockHour if (1..=12).contains(&value) => self.half_day_hour = Some(value % 12),
            Unit::HalfDayHour if (0..12).contains(&value) => self.half_day_hour = Some(value),
            Unit::DayClockHour if (1..=24).contains(&value) => self.hour = value % 24,
            Unit::ClockHour | Unit::HalfDayHour | Unit::DayClockHour => return None,
            Unit::Minute => self.minute = value,
            Unit::Second => self.second = value,
        }
        Some(())
    }

    fn time(&self) -> Option<Written> {
        let hour = match self.half_day_hour {
            Some(hour) => hour + if self.afternoon == Some(true) { 12 } else { 0 },
            None => self.hour,
        };
        let clock = NaiveTime::from_hms_nano_opt(
            u32::try_from(hour).ok()?,
            u32::try_from(self.minute).ok()?,
            u32::try_from(self.second).ok()?,
            u32::try_from(self.nanosecond).ok()?,
        )?;
        Some(Written {
            local: self.date()?.and_time(clock),
            zone: self.zone,
        })
    }

    fn date(&self) -> Option<NaiveDate> {
        if let (Some(year), Some(week)) = (self.week_year, self.week) {
            let day = u8::try_from(self.day_of_week.unwrap_or(1) - 1).ok()?;
            return NaiveDate::from_isoywd_opt(
                i32::try_from(year).ok()?,
                u32::try_from(week).ok()?,
                Weekday::try_from(day).ok()?,
            );
        }
        let year = i32::try_from(self.year.unwrap_or(1970)).ok()?;
        if let Some(day) = self.day_of_year {
            return NaiveDate::from_yo_opt(year, u32::try_from(day).ok()?);
        }
        NaiveDate::from_ymd_opt(
            year,
            u32::try_from(self.month.unwrap_or(1)).ok()?,
            u32::try_from(self.day.unwrap_or(1)).ok()?,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::time_text;
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        time_text::parse(text).expect("a time").local
    }

    #[test]
    fn mysql_patterns() {
        let write = |p: &str| {
            TimeFormat::mysql(p)
                .expect("a pattern")
                .write(at("2023-07-09 15:04:05.123"), Zone::Utc)
        };
        assert_eq!(write("%Y/%m/%d %H:%i:%s"), "2023/07/09 15:04:05");
        assert_eq!(write("%a %b %e %y, %l %p %%"), "Sun Jul 9 23, 3 PM %");
        assert_eq!(
            write("%M %W %j %v %f %T"),
            "July Sunday 190 27 123000 15:04:05"
        );
        assert_eq!(write("%r"), "03:04:05 PM");
        assert!(TimeFormat::mysql("%U").is_err());
        assert!(TimeFormat::mysql("%").is_err());
    }

    #[test]
    fn joda_patterns() {
        let zone = Zone::parse("+05:30").expect("an offset");
        let write = |p: &str| {
            TimeFormat::joda(p)
                .expect("a pattern")
                .write(at("2023-07-09 15:04:05.123"), zone)
        };
        assert_eq!(
            write("yyyy-MM-dd'T'HH:mm:ss.SSSZZ"),
            "2023-07-09T15:04:05.123+05:30"
        );
        assert_eq!(
            write("EEE, d MMM yy h:mm a ''Z"),
            "Sun, 9 Jul 23 3:04 PM '+0530"
        );
        assert!(TimeFormat::joda("q").is_err());
        assert!(TimeFormat::joda("'open").is_err());
    }

    #[test]
    fn reading_is_the_inverse_of_writing() {
        for pattern in [
            "%Y-%m-%d %H:%i:%s",
            "%d %M %Y %l:%i:%s %p",
            "%Y%m%d%H%i%s",
            "%e-%b-%Y %T",
        ] {
            let format = TimeFormat::mysql(pattern).expect("a pattern");
            let time = at("2023-07-09 15:04:05");
            let read = format.read(&format.write(time, Zone::Utc)).expect(pattern);
            assert_eq!(read.local, time, "{pattern}");
        }
        let format = TimeFormat::joda("yyyy-MM-dd HH:mm:ssZ").expect("a pattern");
        let read = format.read("2023-07-09 15:04:05-0800").expect("a time");
        assert_eq!(
            read.instant_ms(),
            time_text::parse("2023-07-09T23:04:05Z").and_then(Written::instant_ms)
        );
        assert_eq!(format.read("2023-07-09"), None);
        let week = TimeFormat::joda("xxxx-'W'ww-e").expect("a pattern");
        assert_eq!(
            week.read("2023-W27-7").map(|w| w.local.date()),
            Some(at("2023-07-09").date())
        );
    }
}
