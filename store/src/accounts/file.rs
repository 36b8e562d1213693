//! A list of accounts as other tools write it: JSON of the AWS command line, or CSV.
//!
//! The form is told by the content. Every row is looked at before any is taken, so that
//! whoever keeps the file by hand hears of all that is wrong with it at once.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Account, OU_SEPARATOR, first_fault};

/// The longest file that is read, in bytes: far more than an organization has.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Rows that are wrong are told of so far; the others are counted.
const SHOWN_MAX: usize = 10;

/// Why a file is no list of accounts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    #[error("there is nothing in it")]
    Empty,
    #[error("it is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is no text in UTF-8; save it as one")]
    NotUtf8,
    #[error("{place}: {reason}")]
    Json { place: Place, reason: String },
    /// JSON of something else.
    #[error(
        "it is JSON, and holds no accounts: a list, or {{\"Accounts\": [...]}} as \
         `aws organizations list-accounts` prints it, is asked for"
    )]
    NoAccounts,
    #[error(
        "the list goes on behind this part of it (NextToken): ask for all of it, without --max-items"
    )]
    Partial,
    #[error("line 1: {reason}")]
    Header { reason: String },
    /// The first of the rows that cannot be taken, and how many there are beside.
    #[error("{}", all(rows, *n_more))]
    Rows { rows: Vec<WrongRow>, n_more: usize },
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongRow {
    pub place: Place,
    pub reason: String,
}

/// A place in a file, counted from 1; of a CSV the line alone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match self.column {
            Some(column) => write!(f, ", column {column}"),
            None => Ok(()),
        }
    }
}

fn all(rows: &[WrongRow], n_more: usize) -> String {
    let lines = rows
        .iter()
        .map(|row| format!("{}: {}", row.place, row.reason));
    let more = (n_more > 0).then(|| format!("and {n_more} more"));
    lines.chain(more).collect::<Vec<_>>().join("\n")
}

/// Reads a list of accounts.
///
/// Taken are what `aws organizations list-accounts` and `list-accounts-for-parent` print,
/// a JSON list of objects, one object a line, and CSV with a header. Names of columns and
/// members are taken in any case, with or without blanks and underscores; what is none of
/// an account's is passed by.
pub fn read(bytes: &[u8]) -> Result<Vec<Account>, FileError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FileError::NotUtf8)?;
    // Excel begins a file so.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = match text.trim_start().chars().next() {
        None => return Err(FileError::Empty),
        Some('{' | '[') => of_json(text)?,
        Some(_) => of_csv(text)?,
    };
    let (mut accounts, mut places, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (at, row) in rows {
        let account = row
            .map(Row::into_account)
            .and_then(|account| match account.fault() {
                None => Ok(account),
                Some(fault) => Err(fault.to_string()),
            });
        match account {
            Ok(account) => {
                accounts.push(account);
                places.push(at);
            }
            Err(reason) => wrong.push((at, reason)),
        }
    }
    // Which of two with one id is meant only their writer knows.
    if wrong.is_empty()
        && let Some((n, fault)) = first_fault(&accounts)
        && let Some(at) = places.get(n)
    {
        wrong.push((*at, fault.to_string()));
    }
    if wrong.is_empty() {
        return Ok(accounts);
    }
    let n_more = wrong.len().saturating_sub(SHOWN_MAX);
    let shown = wrong.into_iter().take(SHOWN_MAX);
    let rows = shown.map(|(at, reason)| WrongRow {
        place: at.place(text),
        reason,
    });
    Err(FileError::Rows {
        rows: rows.collect(),
        n_more,
    })
}

/// Where a row is; its place is worked out where it is told, because that takes a walk
/// through the text.
#[derive(Debug, Clone, Copy)]
enum At {
    Offset(usize),
    Line(u64),
}

impl At {
    fn place(self, text: &str) -> Place {
        match self {
            Self::Line(line) => Place {
                line: usize::try_from(line).unwrap_or(usize::MAX),
                column: None,
            },
            Self::Offset(offset) => {
                let before = text.get(..offset).unwrap_or_default();
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                let in_line = before.get(line_start..).unwrap_or_default();
                Place {
                    line: before.matches('\n').count() + 1,
                    column: Some(in_line.chars().count() + 1),
                }
            }
        }
    }
}

/// What a file says of an account, under any of the names that it may have.
#[derive(Debug, Default)]
struct Row {
    id: Option<String>,
    name: Option<String>,
    ou: Option<String>,
    email: Option<String>,
    status: Option<String>,
}

/// What a column or member is of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Id,
    Name,
    Ou,
    Email,
    Status,
}

impl Part {
    fn of(name: &str) -> Option<Self> {
        let is_letter = |c: &char| !matches!(c, ' ' | '_' | '-');
        let plain: String = name.chars().filter(is_letter).collect();
        Some(match plain.to_lowercase().as_str() {
            "id" | "accountid" => Self::Id,
            "name" | "accountname" => Self::Name,
            "ou" | "oupath" | "organizationalunit" => Self::Ou,
            "email" | "accountemail" => Self::Email,
            "status" | "accountstatus" => Self::Status,
            _ => return None,
        })
    }
}

impl Row {
    fn set(&mut self, part: Part, value: String) {
        let place = match part {
            Part::Id => &mut self.id,
            Part::Name => &mut self.name,
            Part::Ou => &mut self.ou,
            Part::Email => &mut self.email,
            Part::Status => &mut self.status,
        };
        *place = Some(value);
    }

    fn into_account(self) -> Account {
        let kept = |text: Option<String>| {
            let text = text?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let path = |ou: String| {
            let path = ou.trim_matches(OU_SEPARATOR).trim().to_owned();
            (!path.is_empty()).then_some(path)
        };
        Account {
            id: kept(self.id).unwrap_or_default(),
            name: kept(self.name).unwrap_or_default(),
            ou: kept(self.ou).and_then(path),
            email: kept(self.email),
            status: kept(self.status),
        }
    }
}

/// A row and where it is, or what is wrong with it.
type Found = (At, Result<Row, String>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfOrganizations<'t> {
    #[serde(borrow)]
    accounts: Vec<&'t RawValue>,
    #[serde(default)]
    next_token: Option<String>,
}

fn of_json(text: &str) -> Result<Vec<Found>, FileError> {
    let is_list = text.trim_start().starts_with('[');
    let list: Vec<&RawValue> = match is_list {
        true => serde_json::from_str(text).map_err(|error| unreadable(&error))?,
        false => match serde_json::from_str::<OfOrganizations<'_>>(text) {
            Ok(list) if list.next_token.is_some() => return Err(FileError::Partial),
            Ok(list) => list.accounts,
            Err(_) => of_lines(text)?,
        },
    };
    // Each is a part of the text, so that where it lies in it tells its place.
    let at = |row: &RawValue| At::Offset(row.get().as_ptr() as usize - text.as_ptr() as usize);
    Ok(list
        .into_iter()
        .map(|row| (at(row), json_row(row)))
        .collect())
}

/// One object after another, each an account.
fn of_lines(text: &str) -> Result<Vec<&RawValue>, FileError> {
    let objects = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let objects: Result<Vec<&RawValue>, _> = objects.collect();
    let objects = objects.map_err(|error| unreadable(&error))?;
    let is_account = |object: &&RawValue| {
        json_row(object).map_or(true, |row| row.id.is_some() || row.name.is_some())
    };
    match objects.iter().any(is_account) {
        true => Ok(objects),
        false => Err(FileError::NoAccounts),
    }
}

fn unreadable(error: &serde_json::Error) -> FileError {
    let reason = error.to_string();
    let reason = match reason.rfind(" at line ") {
        Some(at) => reason.get(..at).unwrap_or(&reason).to_owned(),
        None => reason,
    };
    FileError::Json {
        place: Place {
            line: error.line(),
            column: Some(error.column()),
        },
        reason: format!("it is no JSON: {reason}"),
    }
}

fn json_row(row: &RawValue) -> Result<Row, String> {
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(row.get()).map_err(|_| "it is no object".to_owned())?;
    let mut found = Row::default();
    for (name, value) in members {
        let Some(part) = Part::of(&name) else {
            continue;
        };
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => found.set(part, text),
            // Its zeros at the front are lost where an id is written so.
            serde_json::Value::Number(number) if part == Part::Id => {
                found.set(part, number.to_string());
            }
            _ => return Err(format!("its {name} is no text")),
        }
    }
    Ok(found)
}

fn of_csv(text: &str) -> Result<Vec<Found>, FileError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let wrong_header = |reason: String| FileError::Header { reason };
    let header = reader
        .headers()
        .map_err(|error| wrong_header(error.to_string()))?;
    let parts: Vec<Option<Part>> = header.iter().map(|name| Part::of(name.trim())).collect();
    for (part, name) in [(Part::Id, "id"), (Part::Name, "name")] {
        match parts.iter().filter(|found| **found == Some(part)).count() {
            1 => {}
            0 => {
                let columns: Vec<&str> = header.iter().take(SHOWN_MAX).collect();
                return Err(wrong_header(format!(
                    "a CSV with a header is asked for that names the columns id and name, and ou, \
                     email and status where they are known; `{name}` is not among {columns:?}"
                )));
            }
            _ => return Err(wrong_header(format!("there are several columns `{name}`"))),
        }
    }
    let n_columns = parts.len();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            FileError::Rows {
                rows: vec![WrongRow {
                    place: At::Line(line).place(text),
                    reason: error.to_string(),
                }],
                n_more: 0,
            }
        })?;
        let at = At::Line(record.position().map_or(1, csv::Position::line));
        if record.len() != n_columns {
            let reason = format!("{} columns, and {n_columns} in the header", record.len());
            rows.push((at, Err(reason)));
            continue;
        }
        let mut row = Row::default();
        for (part, value) in parts.iter().zip(&record) {
            if let Some(part) = part {
                row.set(*part, value.to_owned());
            }
        }
        rows.push((at, Ok(row)));
    }
    Ok(rows)
}

/// Excel parts columns by semicolons where commas part the digits of a number.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    match [';', '\t'].into_iter().find(|d| header.contains(*d)) {
        Some(';') if !header.contains(',') => b';',
        Some('\t') if !header.contains(',') => b'\t',
        _ => b',',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORGANIZATIONS: &str = r#"{
    "Accounts": [
        {
            "Id": "111111111111",
            "Arn": "arn:aws:organizations::111111111111:account/o-x/111111111111",
            "Email": "aws@example.com",
            "Name": "Master Account",
            "Status": "ACTIVE",
            "State": "ACTIVE",
            "JoinedMethod": "INVITED",
            "JoinedTimestamp": 1481830215.45
        },
        {"Id": "012345678901", "Name": "dev", "Status": "SUSPENDED"}
    ]
}"#;

    fn shown(text: &str) -> Vec<String> {
        let accounts = read(text.as_bytes()).expect("a list").into_iter();
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        accounts
            .map(|a| {
                let parts = [
                    a.id,
                    a.name,
                    or_none(a.ou),
                    or_none(a.email),
                    or_none(a.status),
                ];
                parts.join("|")
            })
            .collect()
    }

    fn refusal(text: &str) -> String {
        read(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn every_form() {
        assert_eq!(
            shown(ORGANIZATIONS),
            [
                "111111111111|Master Account|-|aws@example.com|ACTIVE",
                "012345678901|dev|-|-|SUSPENDED"
            ]
        );
        let ours = ["111111111111|a, \"b\"|Root/Prod|-|ACTIVE"];
        for text in [
            r#"[{"id":"111111111111","name":"a, \"b\"","ou":"/Root/Prod/","email":null,"status":"ACTIVE","events":7,"first":null}]"#,
            "{\"id\":\"111111111111\",\"name\":\"a, \\\"b\\\"\",\"ou\":\"Root/Prod\",\"status\":\"ACTIVE\"}\n",
            "status,Account ID,ou,name\nACTIVE,111111111111,Root/Prod,\"a, \"\"b\"\"\"\n",
            "\u{feff}ID;Name;OU_Path;Status\r\n111111111111;\"a, \"\"b\"\"\";Root/Prod;ACTIVE\r\n",
            "id\tname\tou\tstatus\tjoined\n111111111111\t\"a, \"\"b\"\"\"\tRoot/Prod\tACTIVE\t2024\n\n",
        ] {
            assert_eq!(shown(text), ours, "{text}");
        }
        assert!(shown(r#"{"Accounts": []}"#).is_empty());
        assert!(shown("[]").is_empty());
        assert!(shown("id,name\n").is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, why) in [
            ("", "there is nothing in it"),
            (" \n", "there is nothing in it"),
            ("{\"Accounts\": [", "line 1, column 14: it is no JSON"),
            (r#"{"Organization": {}}"#, "holds no accounts"),
            (r#"{"Accounts": [], "NextToken": "x"}"#, "NextToken"),
            ("[1]", "line 1, column 2: it is no object"),
            (
                r#"[{"id":"1","name":"a"}]"#,
                "line 1, column 2: \"1\" is no id",
            ),
            (
                r#"[{"id":111111111111}]"#,
                "the account 111111111111 has no name",
            ),
            (
                r#"[{"id":"111111111111","name":["a"]}]"#,
                "its name is no text",
            ),
            (
                "name,email\na,b\n",
                "`id` is not among [\"name\", \"email\"]",
            ),
            ("id,name,Name\n", "several columns `name`"),
            ("111111111111,dev\n", "`id` is not among"),
            (
                "id,name\n111111111111\n",
                "line 2: 1 columns, and 2 in the header",
            ),
            ("id,name\n,a\n", "line 2: there is no id"),
            (
                "id,name,ou\n111111111111,a,Root//x\n",
                "line 2: \"Root//x\" is no organ",
            ),
        ] {
            let refused = refusal(text);
            assert!(refused.contains(why), "{text:?}: {refused}");
        }
        assert!(matches!(read(&[b'i', 0xff]), Err(FileError::NotUtf8)));
    }

    #[test]
    fn all_wrong_rows_are_told_at_once() {
        let text = "id,name\n111111111111,a\n1,b\n222222222222,\n";
        assert_eq!(
            refusal(text),
            "line 3: \"1\" is no id of an account: it has 12 digits, those at its front that are 0 among them\n\
             line 4: the account 222222222222 has no name"
        );
        let twice = "id,name\n111111111111,a\n\"111111111111\",\"b\nc\"\n";
        assert_eq!(
            refusal(twice),
            "line 3: the account 111111111111 is in the list twice"
        );
        let many = format!("id,name\n{}", "x,y\n".repeat(25));
        let refused = refusal(&many);
        assert_eq!(refused.lines().count(), 11, "{refused}");
        assert!(refused.ends_with("and 15 more"), "{refused}");
    }
}
