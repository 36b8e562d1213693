//! A path with wildcards, as a shell would read it.
//!
//! Given to import in quotes, because a shell that expands a hundred thousand
//! names refuses to run the command. `*` and `?` stop at slashes, `**` does not;
//! `[…]` and `{…,…}` work; a folder that matches is meant with all it holds.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// Characters that make a path a pattern.
const WILD: &[char] = &['*', '?', '[', '{'];

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The folder that everything matching lies in, as written; empty for the
    /// current one.
    pub(super) base: PathBuf,
    whole: GlobMatcher,
    /// What a folder so many levels below the base must match to be worth
    /// listing, as far as the pattern has one part for one level.
    levels: Vec<GlobMatcher>,
    /// No match lies deeper than the levels.
    has_depth: bool,
}

impl Pattern {
    /// Whether a path is written as a pattern.
    pub(super) fn is_one(path: &Path) -> bool {
        path.to_str().is_some_and(|text| text.contains(WILD))
    }

    pub(super) fn new(path: &Path) -> Result<Self, globset::Error> {
        let parts: Vec<&str> = path
            .components()
            .filter(|c| *c != Component::CurDir)
            .filter_map(|c| c.as_os_str().to_str())
            .collect();
        let first_wild = parts
            .iter()
            .position(|p| p.contains(WILD))
            .unwrap_or(parts.len());
        let up_to = |n: usize| {
            parts
                .get(..n)
                .unwrap_or_default()
                .iter()
                .collect::<PathBuf>()
        };
        let one_level = |part: &str| !part.contains("**") && !part.contains('{');
        let n_levels = parts
            .iter()
            .skip(first_wild)
            .take_while(|p| one_level(p))
            .count();
        let has_depth = first_wild + n_levels == parts.len();
        let levels = (1..=n_levels)
            .map(|n| glob(&up_to(first_wild + n)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            base: up_to(first_wild),
            whole: glob(&up_to(parts.len()))?,
            levels,
            has_depth,
        })
    }

    pub(super) fn matches(&self, path: &Path) -> bool {
        self.whole.is_match(path)
    }

    /// Whether matches may lie in a folder `level` levels below the base (1 for
    /// the folders in it).
    pub(super) fn may_lie_in(&self, folder: &Path, level: usize) -> bool {
        match level.checked_sub(1).and_then(|i| self.levels.get(i)) {
            Some(glob) => glob.is_match(folder) && (level < self.levels.len() || !self.has_depth),
            None => !self.has_depth,
        }
    }
}

fn glob(path: &Path) -> Result<GlobMatcher, globset::Error> {
    let text = path.to_str().unwrap_or_default();
    let glob = GlobBuilder::new(text).literal_separator(true).build()?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_cannot_match_are_not_listed() {
        let pattern = Pattern::new(Path::new("./logs//AWSLogs/*/Cloud*/x/*.gz")).expect("a glob");
        assert_eq!(pattern.base, Path::new("logs/AWSLogs"));
        assert!(pattern.matches(Path::new("logs/AWSLogs/1/CloudTrail/x/a.gz")));
        assert!(!pattern.matches(Path::new("logs/AWSLogs/1/CloudTrail/x/y/a.gz")));
        assert!(pattern.may_lie_in(Path::new("logs/AWSLogs/1"), 1));
        assert!(pattern.may_lie_in(Path::new("logs/AWSLogs/1/CloudTrail"), 2));
        assert!(!pattern.may_lie_in(Path::new("logs/AWSLogs/1/Config"), 2));
        assert!(!pattern.may_lie_in(Path::new("logs/AWSLogs/1/CloudTrail/x/a.gz"), 4));
        let deep = Pattern::new(Path::new("/a/2*/**/{b,c/d}.json")).expect("a glob");
        assert!(deep.may_lie_in(Path::new("/a/2024/x/y/z"), 4));
        assert!(!deep.may_lie_in(Path::new("/a/1999"), 1));
        assert!(deep.matches(Path::new("/a/2024/x/c/d.json")));
        assert!(Pattern::new(Path::new("a/[b")).is_err());
    }
}
