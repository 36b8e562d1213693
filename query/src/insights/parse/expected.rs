//! What the grammar would have taken where it stopped, in the words of a person.

use super::Rule;
use crate::insights::scene::Expected;

/// Sorts the rules that pest tried in vain.
pub(super) fn of_rules(rules: &[Rule]) -> Expected {
    let has = |rule: Rule| rules.contains(&rule);
    let mut expected = Expected {
        end: has(Rule::EOI),
        operator: has(Rule::compare),
        command: has(Rule::kw_estimate) || has(Rule::pipeline),
        value: has(Rule::expr) || has(Rule::number) || has(Rule::arguments),
        words: Vec::new(),
    };
    for rule in rules {
        if let Some(words) = words_for(*rule, &expected)
            && !expected.words.contains(&words)
        {
            expected.words.push(words);
        }
    }
    expected
}

/// None for rules that say nothing more than what is known of the place already.
fn words_for(rule: Rule, expected: &Expected) -> Option<&'static str> {
    let words = match rule {
        Rule::head if !expected.value => "a field",
        Rule::string if !expected.value => "a text in quotes",
        Rule::bare_regex => "a /regex/",
        Rule::name => "a name",
        Rule::key => "the next part of the field's name",
        Rule::integer => "a whole number",
        Rule::unit if !expected.operator => "a unit of time such as m, h or d",
        Rule::subquery => "a query in parentheses",
        Rule::set_list => "a list such as [\"a\", \"b\"]",
        Rule::lookup_output => "`output`",
        Rule::time_point => "a time such as -24h or 2026-01-31",
        Rule::source_name => "the name of a store",
        Rule::all_of | Rule::negation | Rule::search_terms => "a word to search for",
        Rule::value_word => "a value to search for",
        Rule::kw_as => "`as`",
        Rule::kw_by => "`by`",
        Rule::kw_like => "`like`",
        Rule::kw_in => "`in`",
        Rule::kw_into => "`into`",
        Rule::kw_where => "`where`",
        Rule::kw_for => "`for`",
        Rule::kw_null => "`null`",
        Rule::kw_logfmt => "`logfmt`",
        Rule::kw_csv => "`csv`",
        Rule::kw_field => "`field=`",
        Rule::kw_timeshift => "`timeshift`",
        _ => return None,
    };
    Some(words)
}
