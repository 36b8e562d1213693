//! When what was typed is a whole query.
//!
//! SQL goes on over lines until a `;` or a blank line, as people write it. The
//! piped languages are often one line: it is whole unless it ends in a way that
//! asks for more. A pasted text is judged only when Enter is pressed after it.

use tarn_query::{Language, detect};

/// Whether Enter sends the text, or starts another line.
pub fn is_whole(text: &str) -> bool {
    let typed = text.trim();
    if typed.is_empty() || typed.starts_with('.') || typed.ends_with(';') {
        return true;
    }
    let last_line = text.rsplit_once('\n').map(|(_, line)| line);
    if last_line.is_some_and(|line| line.trim().is_empty()) {
        return true;
    }
    match detect(typed) {
        Ok(Language::Sql) => false,
        _ => !typed.ends_with(['|', ',', '\\']),
    }
}

/// The query in what was typed: without the `;` that ended it and the `\` at
/// the ends of lines.
pub fn query(text: &str) -> String {
    let typed = text.trim().trim_end_matches(';').trim_end();
    typed.replace("\\\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_goes_on_until_a_semicolon_or_a_blank_line() {
        assert!(!is_whole("SELECT 1"));
        assert!(!is_whole("SELECT 1\nFROM events"));
        assert!(is_whole("SELECT 1\nFROM events;"));
        assert!(is_whole("SELECT 1\n  "));
    }

    #[test]
    fn a_piped_query_is_whole_unless_it_asks_for_more() {
        assert!(is_whole("stats count(*) by eventName"));
        assert!(!is_whole("stats count(*) by eventName |"));
        assert!(is_whole("stats count(*) by eventName |\nlimit 5"));
        assert!(is_whole(".quit"));
        assert!(is_whole("  "));
    }

    #[test]
    fn what_ended_the_query_is_no_part_of_it() {
        assert_eq!(query("SELECT 1 ;\n"), "SELECT 1");
        assert_eq!(query("fields a \\\n| limit 1"), "fields a \n| limit 1");
    }
}
