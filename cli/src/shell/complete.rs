//! What Tab offers in the shell: commands, functions, fields, store names.
//!
//! Words are offered by their beginning, whatever the case. Fields are offered
//! one step of their path at a time, so `requestParameters.` does not unroll a
//! thousand names.

use std::collections::BTreeSet;

/// The words that can be completed.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// The shell's own commands, each with its dot.
    pub commands: Vec<&'static str>,
    /// Keywords, commands and functions of the languages, in lower case.
    pub keywords: Vec<String>,
    pub fields: Vec<String>,
    pub stores: Vec<String>,
}

/// Where the word before the cursor starts, and what it may become, sorted.
pub fn complete(vocabulary: &Vocabulary, line: &str, cursor: usize) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if before.trim_start().starts_with('.') && !before.trim_start().contains(char::is_whitespace) {
        let start = before.len() - before.trim_start().len();
        let typed = before.trim_start();
        let commands = vocabulary
            .commands
            .iter()
            .filter(|command| command.starts_with(typed));
        return (
            start,
            commands.map(|command| (*command).to_owned()).collect(),
        );
    }
    let start = before.rfind(is_break).map_or(0, |i| {
        i + before[i..].chars().next().map_or(1, char::len_utf8)
    });
    let typed = &before[start..];
    let mut found = BTreeSet::new();
    if previous_word(&before[..start])
        .is_some_and(|word| word.eq_ignore_ascii_case("from") || word == ".store")
    {
        found.extend(begun(&vocabulary.stores, typed).cloned());
    } else if !typed.is_empty() {
        found.extend(begun(&vocabulary.fields, typed).map(|field| next_step(field, typed.len())));
        let in_capitals =
            typed.chars().any(char::is_uppercase) && !typed.chars().any(char::is_lowercase);
        found.extend(
            begun(&vocabulary.keywords, typed).map(|word| match in_capitals {
                true => word.to_uppercase(),
                false => word.clone(),
            }),
        );
    }
    (start, found.into_iter().collect())
}

fn begun<'a>(words: &'a [String], typed: &'a str) -> impl Iterator<Item = &'a String> {
    words.iter().filter(move |word| {
        let head = word.get(..typed.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(typed)) && word.len() > typed.len()
    })
}

/// The field up to the next dot after what was typed, the dot included.
fn next_step(field: &str, typed: usize) -> String {
    match field[typed..].find('.') {
        Some(dot) => field[..typed + dot + 1].to_owned(),
        None => field.to_owned(),
    }
}

fn previous_word(before: &str) -> Option<&str> {
    before.split_whitespace().next_back()
}

fn is_break(c: char) -> bool {
    c.is_whitespace() || "()[],=<>!|'\"`+*/%;".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(line: &str) -> (usize, Vec<String>) {
        let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        let vocabulary = Vocabulary {
            commands: vec![".fields", ".format"],
            keywords: owned(&["select", "stats", "sort"]),
            fields: owned(&["eventName", "userIdentity.arn", "userIdentity.type"]),
            stores: owned(&["default", "audit"]),
        };
        complete(&vocabulary, line, line.len())
    }

    #[test]
    fn keywords_keep_the_case_that_was_typed() {
        assert_eq!(offered("SEL"), (0, vec!["SELECT".to_owned()]));
        assert_eq!(offered("fields a | st"), (11, vec!["stats".to_owned()]));
    }

    #[test]
    fn fields_are_offered_step_by_step() {
        assert_eq!(
            offered("filter useri"),
            (7, vec!["userIdentity.".to_owned()])
        );
        assert_eq!(
            offered("count(userIdentity."),
            (
                6,
                vec![
                    "userIdentity.arn".to_owned(),
                    "userIdentity.type".to_owned()
                ]
            )
        );
    }

    #[test]
    fn stores_follow_from_and_dot_commands_stand_alone() {
        assert_eq!(offered("SELECT 1 FROM a"), (14, vec!["audit".to_owned()]));
        assert_eq!(offered(".fo"), (0, vec![".format".to_owned()]));
        assert_eq!(offered(""), (0, vec![]));
    }
}
