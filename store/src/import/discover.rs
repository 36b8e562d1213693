//! Placeholder until discovery lands.
use std::path::PathBuf;

pub struct DiscoverOptions {
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
}

pub struct SourceFile {
    pub path: PathBuf,
    pub size: u64,
    pub mtime_ns: i64,
    pub time_hint_ms: Option<i64>,
    pub account: Option<String>,
    pub region: Option<String>,
}

pub struct Discovered {
    pub files: Vec<SourceFile>,
    pub failed: Vec<(PathBuf, String)>,
    pub pruned: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct DiscoverError {
    pub reason: String,
}

pub fn discover(
    paths: &[PathBuf],
    _options: &DiscoverOptions,
) -> Result<Discovered, DiscoverError> {
    let mut files = Vec::new();
    let mut todo: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            if let Ok(entries) = std::fs::read_dir(&path) {
                todo.extend(entries.flatten().map(|e| e.path()));
            }
        } else if let Ok(meta) = path.metadata() {
            files.push(SourceFile {
                size: meta.len(),
                mtime_ns: 0,
                time_hint_ms: None,
                account: None,
                region: None,
                path,
            });
        }
    }
    files.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
    Ok(Discovered {
        files,
        failed: Vec::new(),
        pruned: 0,
    })
}
