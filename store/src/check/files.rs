//! What lies in the directory that nothing refers to.

use std::fs;
use std::io;
use std::path::Path;

use hashbrown::HashSet;

use crate::catalog::SplitEntry;
use crate::directory::Directory;
use crate::kv::db::Db;
use crate::kv::manifest::Manifest;
use crate::snapshot::Snapshot;

/// Files that nothing names, each with what becomes of it; none where a process
/// writes, because those that it makes are named last.
///
/// `tmp/` is left out: nothing there counts.
pub fn leftovers(snapshot: &Snapshot, tables: Option<&Manifest>) -> Option<Vec<String>> {
    let directory = snapshot.directory();
    let found = found(snapshot, &directory, tables);
    // One that opened meanwhile has it still, or has removed what was found.
    (!directory.is_owned()).then_some(found)
}

fn found(snapshot: &Snapshot, directory: &Directory, tables: Option<&Manifest>) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |folder: &Path, name: &str, what: &str| {
        found.push(format!("{}: {what}", folder.join(name).display()));
    };
    let foreign = "it is not of Tarn's making, and is left alone";
    for name in names_in(directory.root()) {
        if !Directory::is_ours(name.as_ref()) {
            note(directory.root(), &name, foreign);
        }
    }
    let named: HashSet<String> = snapshot
        .splits()
        .iter()
        .map(|split| SplitEntry::file_name(split.entry.id))
        .collect();
    let unnamed = "the catalogue does not name it; the next process that writes removes it";
    for name in names_in(&directory.splits()) {
        if !named.contains(&name) {
            note(&directory.splits(), &name, unnamed);
        }
    }
    for name in names_in(&directory.db()) {
        if !Db::is_file_name(&name) {
            note(&directory.db(), &name, foreign);
        } else if Db::is_table_name(&name) && tables.is_some_and(|tables| !tables.names(&name)) {
            note(
                &directory.db(),
                &name,
                "the manifest does not name it; the next process that writes removes it",
            );
        }
    }
    found
}

/// What is in a folder, sorted; nothing where it cannot be listed, which whoever
/// needs what is in it tells.
fn names_in(folder: &Path) -> Vec<String> {
    let listed: io::Result<Vec<String>> = fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    });
    let mut names = listed.unwrap_or_default();
    names.sort();
    names
}
