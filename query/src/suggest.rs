//! The nearest of the known names to one that nobody knows.
//!
//! Names of fields, functions, stores and commands are all suggested by this one
//! measure, so that a hint is given in the same cases everywhere.

/// How far a name may be from what was typed: one edit in three letters, at most three.
fn edits_max(typed: &str) -> usize {
    (typed.chars().count() / 3).clamp(1, 3)
}

/// The candidate that was probably meant.
///
/// **Shape**: None where nothing is near. Case does not count, a swap of neighbours is
/// one edit, and of equally near candidates the first is taken. A candidate that differs
/// in case alone is the nearest.
pub fn nearest<'c>(typed: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = typed.to_lowercase();
    let edits_max = edits_max(typed);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(typed.len()) <= edits_max * 4)
        .map(|candidate| (edits(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= edits_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint that names the nearest candidate.
pub fn did_you_mean<'c>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    nearest(typed, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// Names that hold the word, for whoever remembers a part of one.
pub fn holding<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    const SHOWN_MAX: usize = 5;
    let word = word.to_lowercase();
    let holding: Vec<&str> = names
        .into_iter()
        .filter(|name| word.len() >= 3 && name.to_lowercase().contains(&word))
        .take(SHOWN_MAX)
        .collect();
    (!holding.is_empty()).then(|| format!("there are: {}", holding.join(", ")))
}

/// The number of letters put in, taken out, replaced or swapped with their neighbour
/// that leads from one text to the other (optimal string alignment).
pub fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, &a) in from.iter().enumerate() {
        let mut row = Vec::with_capacity(to.len() + 1);
        row.push(i + 1);
        for (j, &b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            let is_swap = i > 0 && j > 0 && a == to[j - 1] && from[i - 1] == b;
            if is_swap {
                best = best.min(above[j - 1] + 1);
            }
            row.push(best);
        }
        above = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("form", "from", 1),
            ("feilds", "fields", 1),
            ("kitten", "sitting", 3),
            ("ab", "", 2),
        ] {
            assert_eq!(edits(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["eventName", "eventTime", "userAgent"];
        assert_eq!(nearest("evntname", names), Some("eventName"));
        assert_eq!(nearest("eventtime", names), Some("eventTime"));
        assert_eq!(nearest("region", names), None);
        assert_eq!(
            did_you_mean("usragent", names).as_deref(),
            Some("did you mean `userAgent`?")
        );
    }
}
