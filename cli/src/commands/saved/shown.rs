//! A saved query as people read it: what it asks, what a hit means, and its text.

use std::io::{self, Write};

use tarn_query::results::escape_controls;
use tarn_server::wire::{SavedQuery, SavedQueryParameter};

use crate::terminal::{BOLD, Terminal};

/// The names of what is told stand in a column of this width.
const NAME_WIDTH: usize = 17;
/// Wider lines are hard to read, however wide the terminal is.
const WIDTH_MAX: usize = 100;

pub fn write(out: &mut dyn Write, query: &SavedQuery, terminal: &Terminal) -> io::Result<()> {
    let width = terminal.width.unwrap_or(WIDTH_MAX).min(WIDTH_MAX);
    let origin = match query.built_in {
        true => "built in",
        false => "saved",
    };
    let name = terminal.stdout.paint(BOLD, &query.name);
    writeln!(out, "{name}  {}, {origin}", query.language.as_str())?;
    for text in [&query.title, &query.description] {
        for line in wrapped(text, width) {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out)?;
    let mut told = |name: &str, text: &str| -> io::Result<()> {
        let mut name = name;
        for line in wrapped(text, width.saturating_sub(NAME_WIDTH)) {
            writeln!(out, "{name:NAME_WIDTH$}{line}")?;
            name = "";
        }
        Ok(())
    };
    told("a hit means", &query.hit_means)?;
    told("false positives", &query.false_positives)?;
    told("ATT&CK technique", query.technique.as_deref().unwrap_or(""))?;
    told("tags", &query.tags.join(", "))?;
    told("time", &time(query))?;
    let mut heading = "parameters";
    for parameter in &query.parameters {
        told(heading, &parameter_line(parameter))?;
        heading = "";
    }
    told("updated", query.updated.as_deref().unwrap_or(""))?;
    writeln!(out)?;
    for line in query.text.lines() {
        writeln!(out, "{}", escape_controls(line))?;
    }
    Ok(())
}

fn time(query: &SavedQuery) -> String {
    match (&query.since, &query.until) {
        (None, None) => "all, unless --since or --until is given".to_owned(),
        (Some(since), None) => format!("since {since}, unless another is given"),
        (None, Some(until)) => format!("until {until}, unless another is given"),
        (Some(since), Some(until)) => format!("{since} to {until}, unless another is given"),
    }
}

fn parameter_line(parameter: &SavedQueryParameter) -> String {
    let kind = parameter.kind.as_str();
    let mut line = match &parameter.default {
        Some(default) => format!("{}: {kind}, {default:?} unless given", parameter.name),
        None => format!("{}: {kind}, to be given", parameter.name),
    };
    if !parameter.description.is_empty() {
        line.push_str("; ");
        line.push_str(&parameter.description);
    }
    line
}

/// The lines of a text that is broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let word = escape_controls(word);
            let length = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && length > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use tarn_query::saved;

    use super::*;

    #[test]
    fn texts_are_broken_between_words() {
        assert_eq!(wrapped("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrapped("a\n\nb", 6), ["a", "", "b"]);
        assert_eq!(wrapped("\u{1b}[31mred", 6), ["\\u{1b}[31mred"]);
        assert!(wrapped("", 6).is_empty());
    }

    #[test]
    fn a_query_is_told_whole() {
        let listed = saved::find(Vec::new(), "logins-after-failures").expect("built in");
        let query = SavedQuery::of(&listed);
        let mut out = Vec::new();
        write(&mut out, &query, &Terminal::silent()).expect("memory");
        let told = String::from_utf8(out).expect("text");
        assert!(
            told.starts_with("logins-after-failures  sql, built in\n"),
            "{told}"
        );
        for part in [
            "\na hit means      A password may",
            "\nATT&CK technique T1110\n",
            "\nparameters       failures: number, \"3\" unless given; so many",
            "\ntime             since 30d",
            "\nWITH logins AS (\n",
        ] {
            assert!(told.contains(part), "{part:?} in {told}");
        }
        assert!(
            told.lines().all(|line| line.chars().count() <= 130),
            "{told}"
        );
    }
}
