//! Finds the files to import, in the order of the times in their names.
//!
//! Files of all accounts come sorted by time and not folder by folder, because
//! splits span time: an import that walked account by account would build each
//! span once per account.
//!
//! **What is left out by time.** A name tells when CloudTrail delivered a file,
//! and a file can hold events from any time before that ("written at any point
//! before", says the user guide), so a file is left out
//! - before `since`, when it was delivered more than an hour before it (names
//!   are cut to minutes, and clocks differ);
//! - after `until`, when it was delivered more than 30 days after it: that long
//!   CloudTrail retries a delivery.
//!
//! Folders of days, months and years, of accounts and of regions are left out
//! unlisted by the same rules. Paths that do not tell are kept. What is kept may
//! hold other events too: this saves reading, it does not select.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>

mod layout;
mod pattern;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use layout::{Layout, Name, Span};
use pattern::Pattern;

/// Delivery this much before `since` is kept.
pub const EARLY_MS: i64 = 60 * 60 * 1000;

/// Delivery this much after `until` is kept.
pub const LATE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Folders with more entries have them examined in parallel.
const ENTRIES_AT_ONCE: usize = 512;

/// What to leave out by its path. The default leaves out nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoverOptions {
    /// Milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
    /// Excluded itself.
    pub until_ms: Option<i64>,
    /// Empty for all.
    pub accounts: Vec<String>,
    /// Empty for all.
    pub regions: Vec<String>,
}

/// A file that came with a request. It is known by the name that its sender gives
/// it, which nobody opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    pub name: String,
    /// Where its bytes lie.
    pub at: PathBuf,
    /// As its sender knows it, in nanoseconds since 1970; without it the file counts
    /// as changed.
    pub mtime_ns: Option<i64>,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Absolute and without links, so that one file has one path; of a sent file its
    /// name.
    pub path: PathBuf,
    /// Where the bytes of a sent file lie.
    pub sent_to: Option<PathBuf>,
    /// Bytes as stored.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
    /// When CloudTrail delivered it, or the start of its folder's day, in
    /// milliseconds since 1970 UTC.
    pub time_hint_ms: Option<i64>,
    /// The account in its path or name. Shared among the files of a folder.
    pub account: Option<Arc<str>>,
    /// The region in its path or name.
    pub region: Option<Arc<str>>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovered {
    /// By time, then path; files without a time last. Each file once.
    pub files: Vec<SourceFile>,
    /// What cannot be taken, and why: no files, or not readable.
    pub failed: Vec<(PathBuf, String)>,
    /// Files left out by the options one by one. Those in [`Self::pruned_folders`]
    /// are not counted, because nobody looked.
    pub pruned: u64,
    /// Folders left out unlisted.
    pub pruned_folders: u64,
}

/// Why nothing can be imported: a path that leads nowhere is a mistake to be
/// told before an hour of work and not after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    #[error("{} does not exist", path.display())]
    NotFound { path: PathBuf },
    #[error("no file matches {}", pattern.display())]
    NoMatch { pattern: PathBuf },
    #[error("{} is no pattern: {}", pattern.display(), source.kind())]
    BadPattern {
        pattern: PathBuf,
        source: globset::Error,
    },
}

/// Finds the files below `paths`: files, folders with all they hold, and
/// patterns. A path that exists is taken as it is written, wildcards or not.
///
/// **Cost**: one `readdir` a folder and one `stat` a file, on all cores; about
/// 300 bytes of memory a file.
///
/// **Errors**: a path that does not exist, or a pattern without a match. What
/// exists and cannot be read is in [`Discovered::failed`].
pub fn discover(paths: &[PathBuf], options: &DiscoverOptions) -> Result<Discovered, DiscoverError> {
    let mut found = Discovered::default();
    let mut by_links = false;
    for path in paths {
        by_links |= take_root(path, options, &mut found)?;
    }
    if by_links || paths.len() > 1 {
        let mut seen = HashSet::new();
        let is_new: Vec<bool> = found.files.iter().map(|f| seen.insert(&f.path)).collect();
        let mut is_new = is_new.into_iter();
        found.files.retain(|_| is_new.next().unwrap_or(true));
    }
    put_in_order(&mut found);
    Ok(found)
}

/// The same of files that came with a request.
pub fn sent(files: &[SentFile], options: &DiscoverOptions) -> Discovered {
    let search = Search {
        options,
        pattern: None,
    };
    let mut listing = Listing::default();
    for file in files {
        let path = PathBuf::from(&file.name);
        let meta = match file.at.metadata() {
            Ok(meta) => meta,
            Err(error) => {
                listing.failed.push((path, reason(&error)));
                continue;
            }
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let name = path.file_name().unwrap_or_default().to_owned();
        let n_before = listing.files.len();
        let context = Context::of(&folder, &folder);
        search.file(path, &name, &meta, &context, &mut listing);
        for found in listing.files.iter_mut().skip(n_before) {
            found.sent_to = Some(file.at.clone());
            found.mtime_ns = file.mtime_ns.unwrap_or(found.mtime_ns);
        }
    }
    let mut found = Discovered {
        files: listing.files,
        failed: listing.failed,
        pruned: listing.pruned,
        pruned_folders: 0,
    };
    put_in_order(&mut found);
    found
}

fn put_in_order(found: &mut Discovered) {
    found.files.par_sort_unstable_by(|a, b| {
        let key = |f: &SourceFile| (f.time_hint_ms.is_none(), f.time_hint_ms);
        key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
    });
    found.failed.sort();
}

/// A folder still to be listed.
#[derive(Debug)]
struct Folder {
    /// Absolute and without links.
    path: PathBuf,
    /// The way that led to it, which patterns are matched with.
    written: PathBuf,
    /// How far below the root.
    level: usize,
    /// Everything in it is wanted, whatever the pattern says.
    is_whole: bool,
}

/// What one folder, or one path, holds.
#[derive(Default)]
struct Listing {
    files: Vec<SourceFile>,
    folders: Vec<Folder>,
    failed: Vec<(PathBuf, String)>,
    pruned: u64,
    pruned_folders: u64,
    by_links: bool,
}

/// Adds what one path holds; whether links led to some of it.
fn take_root(
    path: &Path,
    options: &DiscoverOptions,
    found: &mut Discovered,
) -> Result<bool, DiscoverError> {
    let exists = path.symlink_metadata().is_ok();
    let pattern = match Pattern::is_one(path) && !exists {
        true => Some(
            Pattern::new(path).map_err(|source| DiscoverError::BadPattern {
                pattern: path.to_owned(),
                source,
            })?,
        ),
        false => None,
    };
    if pattern.is_none() && !exists {
        return Err(DiscoverError::NotFound {
            path: path.to_owned(),
        });
    }
    let no_match = || DiscoverError::NoMatch {
        pattern: path.to_owned(),
    };
    let base = pattern.as_ref().map_or(path, |p| &p.base);
    let base = match base.as_os_str().is_empty() {
        true => Path::new("."),
        false => base,
    };
    let real = match (base.canonicalize(), &pattern) {
        (Ok(real), _) => real,
        (Err(_), Some(_)) => return Err(no_match()),
        (Err(error), None) => {
            found.failed.push((path.to_owned(), reason(&error)));
            return Ok(false);
        }
    };
    let search = Search {
        options,
        pattern: pattern.as_ref(),
    };
    let state = |f: &Discovered| (f.files.len(), f.failed.len(), f.pruned, f.pruned_folders);
    let before = state(found);
    let by_links = search.walk(search.start(real, base), found);
    if pattern.is_some() && state(found) == before {
        return Err(no_match());
    }
    Ok(by_links)
}

/// The search below one path.
struct Search<'o> {
    options: &'o DiscoverOptions,
    /// What the path is, when it has wildcards.
    pattern: Option<&'o Pattern>,
}

impl Search<'_> {
    fn start(&self, real: PathBuf, written: &Path) -> Listing {
        let mut start = Listing::default();
        match real.metadata() {
            Ok(meta) if meta.is_dir() => start.folders.push(Folder {
                path: real,
                written: self.pattern.map_or(written, |p| &p.base).to_owned(),
                level: 0,
                is_whole: self.pattern.is_none(),
            }),
            Ok(meta) => {
                let parent = written.parent().unwrap_or(Path::new(""));
                let context = Context::of(real.parent().unwrap_or(&real), parent);
                let name = written.file_name().unwrap_or_default();
                self.file(real, name, &meta, &context, &mut start);
            }
            Err(error) => start.failed.push((real, reason(&error))),
        }
        start
    }

    /// Lists folders level by level, those of a level in parallel.
    fn walk(&self, start: Listing, found: &mut Discovered) -> bool {
        let mut by_links = false;
        let mut visited = HashSet::new();
        let mut listings = vec![start];
        while !listings.is_empty() {
            let mut todo = Vec::new();
            for listing in listings {
                found.files.extend(listing.files);
                found.failed.extend(listing.failed);
                found.pruned += listing.pruned;
                found.pruned_folders += listing.pruned_folders;
                by_links |= listing.by_links;
                for folder in listing.folders {
                    // A link to a folder further up would be followed for ever.
                    if visited.insert(folder.path.clone()) {
                        todo.push(folder);
                    }
                }
            }
            listings = todo.par_iter().map(|folder| self.list(folder)).collect();
        }
        by_links
    }

    fn list(&self, folder: &Folder) -> Listing {
        let mut listing = Listing::default();
        let context = Context::of(&folder.path, &folder.written);
        if !self.wants(&context.layout, context.layout.delivered) {
            listing.pruned_folders = 1;
            return listing;
        }
        let entries = match folder.path.read_dir() {
            Ok(entries) => entries,
            Err(error) => {
                listing.failed.push((folder.path.clone(), reason(&error)));
                return listing;
            }
        };
        let mut known = Vec::new();
        for entry in entries {
            match entry.and_then(|e| Ok((e.file_type()?, e))) {
                Ok(entry) => known.push(entry),
                Err(error) => listing.failed.push((folder.path.clone(), reason(&error))),
            }
        }
        let parts: Vec<Listing> = known
            .par_chunks(ENTRIES_AT_ONCE)
            .map(|entries| {
                let mut part = Listing::default();
                for (kind, entry) in entries {
                    self.entry(folder, &context, *kind, entry, &mut part);
                }
                part
            })
            .collect();
        for part in parts {
            listing.files.extend(part.files);
            listing.folders.extend(part.folders);
            listing.failed.extend(part.failed);
            listing.pruned += part.pruned;
            listing.by_links |= part.by_links;
        }
        listing
    }

    fn entry(
        &self,
        folder: &Folder,
        context: &Context,
        kind: FileType,
        entry: &DirEntry,
        listing: &mut Listing,
    ) {
        let pattern = self.pattern;
        let name = entry.file_name();
        let mut path = PathBuf::with_capacity(folder.path.as_os_str().len() + 1 + name.len());
        path.push(&folder.path);
        path.push(&name);
        let written = match pattern {
            Some(_) => folder.written.join(&name),
            None => PathBuf::new(),
        };
        let is_whole = folder.is_whole || pattern.is_none_or(|p| p.matches(&written));
        let (kind, meta) = if kind.is_symlink() {
            listing.by_links = true;
            match path.canonicalize().and_then(|p| Ok((p.metadata()?, p))) {
                Ok((meta, real)) => {
                    path = real;
                    (meta.file_type(), Ok(meta))
                }
                Err(_) if !is_whole => return,
                Err(error) => {
                    listing.failed.push((path, reason(&error)));
                    return;
                }
            }
        } else if kind.is_file() && is_whole {
            (kind, entry.metadata())
        } else {
            (kind, Err(io::ErrorKind::Unsupported.into()))
        };
        if kind.is_dir() {
            let level = folder.level + 1;
            if is_whole || pattern.is_none_or(|p| p.may_lie_in(&written, level)) {
                let written = match pattern {
                    Some(_) => written,
                    None => folder.written.join(&name),
                };
                listing.folders.push(Folder {
                    path,
                    written,
                    level,
                    is_whole,
                });
            }
            return;
        }
        if !is_whole {
            return;
        }
        match meta {
            Ok(meta) => self.file(path, &name, &meta, context, listing),
            Err(error) if kind.is_file() => listing.failed.push((path, reason(&error))),
            Err(_) => listing.failed.push((path, what_it_is(kind).to_owned())),
        }
    }

    /// Adds what is no folder, if it is a file and wanted.
    fn file(
        &self,
        path: PathBuf,
        name: &OsStr,
        meta: &Metadata,
        context: &Context,
        listing: &mut Listing,
    ) {
        if !meta.is_file() {
            let reason = what_it_is(meta.file_type()).to_owned();
            listing.failed.push((path, reason));
            return;
        }
        let name = Name::of(name);
        let of_name = |ms| Span {
            from_ms: ms,
            until_ms: ms + 1,
        };
        let delivered = match name.delivered_ms {
            Some(ms) => Some(of_name(ms)),
            None => context.layout.delivered,
        };
        let told = Layout {
            account: None,
            region: None,
            delivered,
            is_trail: name.is_trail || context.layout.is_trail,
        };
        let account = shared(&context.account, name.account);
        let region = shared(&context.region, name.region);
        let is_wanted = self.wants(&told, delivered)
            && allows(&self.options.accounts, account.as_deref())
            && allows(&self.options.regions, region.as_deref());
        if !is_wanted {
            listing.pruned += 1;
            return;
        }
        let mtime_ns = meta
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(meta.mtime_nsec());
        let is_day = |s: &Span| s.until_ms - s.from_ms <= 24 * 60 * 60 * 1000;
        listing.files.push(SourceFile {
            path,
            sent_to: None,
            size: meta.len(),
            mtime_ns,
            time_hint_ms: delivered.filter(is_day).map(|s| s.from_ms),
            account,
            region,
        });
    }

    /// Whether files delivered in this span, of this layout, can hold events
    /// that the options ask for.
    fn wants(&self, layout: &Layout, delivered: Option<Span>) -> bool {
        let DiscoverOptions {
            since_ms,
            until_ms,
            accounts,
            regions,
        } = self.options;
        let in_time = match delivered.filter(|_| layout.is_trail) {
            Some(span) => {
                since_ms.is_none_or(|since| span.until_ms > since.saturating_sub(EARLY_MS))
                    && until_ms.is_none_or(|until| span.from_ms < until.saturating_add(LATE_MS))
            }
            None => true,
        };
        in_time
            && allows(accounts, layout.account.as_deref())
            && allows(regions, layout.region.as_deref())
    }
}

/// What is the same for all files of a folder.
struct Context {
    layout: Layout,
    account: Option<Arc<str>>,
    region: Option<Arc<str>>,
}

impl Context {
    /// Where the real path tells nothing, the way that led there may: links can
    /// lay CloudTrail's folders over any other store of files.
    fn of(real: &Path, written: &Path) -> Self {
        let layout = Layout::of_folder(real);
        let layout = match layout.is_trail {
            true => layout,
            false => Some(Layout::of_folder(written))
                .filter(|l| l.is_trail)
                .unwrap_or(layout),
        };
        Self {
            account: layout.account.as_deref().map(Arc::from),
            region: layout.region.as_deref().map(Arc::from),
            layout,
        }
    }
}

/// The folder's value, or the name's.
fn shared(of_folder: &Option<Arc<str>>, of_name: Option<&str>) -> Option<Arc<str>> {
    of_folder.clone().or_else(|| of_name.map(Arc::from))
}

/// Whether a list of wanted values (empty for all) allows one, or its lack.
fn allows(wanted: &[String], value: Option<&str>) -> bool {
    wanted.is_empty() || value.is_none_or(|v| wanted.iter().any(|w| w == v))
}

fn what_it_is(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe and not a file; its content can be given on standard input"
    } else if kind.is_socket() {
        "a socket and not a file"
    } else {
        "a device and not a file"
    }
}

fn reason(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

#[cfg(test)]
mod tests;
