//! The files of tables that RocksDB's manifest names, and whether they are there.
//!
//! A secondary that finds one missing, of another length, or that does not open goes
//! on with the last state in which all are whole, and says nothing: what it answers
//! would be smaller than what is stored. So the manifest is read here as well.
//!
//! **Source**: RocksDB, `db/version_edit.cc`, `VersionEdit::DecodeFrom`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::log_file::{Reason, Records};

/// Names the manifest that counts; the first file that RocksDB reads.
pub const CURRENT: &str = "CURRENT";

/// Why tables are not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub path: PathBuf,
    pub reason: String,
}

/// A manifest as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub state: State,
    /// Bytes of each table, by number.
    tables: BTreeMap<u64, u64>,
}

/// Which manifest, and how much of it: what tells whether it was written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub path: PathBuf,
    pub length: usize,
}

impl Manifest {
    /// Reads the one that counts; none where there is no database.
    ///
    /// **Cost**: reads a file of about 100 bytes a table, more where much was
    /// written since the directory was opened for writing.
    pub fn read(db: &Path) -> Result<Option<Self>, Problem> {
        let current = db.join(CURRENT);
        let failed = |path: &Path, error: &io::Error| Problem {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let name = match fs::read_to_string(&current) {
            Ok(name) => name,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&current, &error)),
        };
        let path = db.join(name.trim_end());
        let bytes = fs::read(&path).map_err(|error| failed(&path, &error))?;
        Self::of(path, &bytes).map(Some)
    }

    fn of(path: PathBuf, bytes: &[u8]) -> Result<Self, Problem> {
        let state = State {
            path,
            length: bytes.len(),
        };
        let problem = |reason: String| Problem {
            path: state.path.clone(),
            reason,
        };
        let mut tables = BTreeMap::new();
        for record in Records::of(bytes) {
            match record {
                Ok(record) => apply(&mut tables, &record)
                    .ok_or_else(|| problem("it holds what this build does not read".to_owned()))?,
                // A writer is about to write the rest, or a crash cut it.
                Err(torn) if torn.reason == Reason::Cut => {}
                Err(torn) => return Err(problem(torn.to_string())),
            }
        }
        Ok(Self { state, tables })
    }

    /// The first table that is missing, has another length, or is not open.
    /// `is_elsewhere` is asked about the length of one that is missing, `is_open`
    /// about the name of one that is there.
    pub fn problem(
        &self,
        is_elsewhere: impl Fn(u64) -> bool,
        is_open: impl Fn(&str) -> bool,
    ) -> Option<Problem> {
        let db = self.state.path.parent().unwrap_or(Path::new(""));
        self.tables.iter().find_map(|(number, length)| {
            let name = table_name(*number);
            let path = db.join(&name);
            let reason = match fs::metadata(&path) {
                Ok(found) if found.len() == *length => match is_open(&name) {
                    true => return None,
                    false => "its own index does not read".to_owned(),
                },
                Ok(found) => format!("it has {} bytes, {length} were written", found.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if is_elsewhere(*length) {
                        return None;
                    }
                    "it is missing".to_owned()
                }
                Err(error) => error.to_string(),
            };
            Some(Problem { path, reason })
        })
    }

    /// How many tables there are, and their bytes.
    pub fn sums(&self) -> (u64, u64) {
        (self.tables.len() as u64, self.tables.values().sum())
    }

    /// Whether a file of `db/` is one of the tables.
    pub fn names(&self, file: &str) -> bool {
        self.tables.keys().any(|number| table_name(*number) == file)
    }
}

fn table_name(number: u64) -> String {
    format!("{number:06}.sst")
}

/// Applies one record: what goes first, because a table that changes its level is
/// in both lists. None where the record does not read.
fn apply(tables: &mut BTreeMap<u64, u64>, record: &[u8]) -> Option<()> {
    let mut edit = Edit { rest: record };
    let (mut added, mut deleted) = (Vec::new(), Vec::new());
    while !edit.rest.is_empty() {
        match edit.number()? {
            // Comparator.
            1 => drop(edit.text()?),
            // Numbers of logs, files, writes and families.
            2 | 3 | 4 | 9 | 10 | 200 | 203 | 300 => drop(edit.number()?),
            // Where the next compaction of a level begins.
            5 => {
                edit.number()?;
                edit.text()?;
            }
            6 => {
                edit.number()?;
                deleted.push(edit.number()?);
            }
            kind @ (7 | 100 | 102 | 103) => added.push(edit.table(kind)?),
            // A family that is made.
            201 => drop(edit.text()?),
            // What older builds may leave out carries its length.
            kind if kind & IGNORABLE != 0 => drop(edit.text()?),
            _ => return None,
        }
    }
    for number in deleted {
        tables.remove(&number);
    }
    tables.extend(added);
    Some(())
}

const IGNORABLE: u64 = 1 << 13;

struct Edit<'r> {
    rest: &'r [u8],
}

impl<'r> Edit<'r> {
    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'r [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    /// A new table: its number and bytes.
    fn table(&mut self, kind: u64) -> Option<(u64, u64)> {
        let _level = self.number()?;
        let number = self.number()?;
        if kind == 102 {
            let _path = self.number()?;
        }
        let length = self.number()?;
        let (_smallest, _largest) = (self.text()?, self.text()?);
        if kind != 7 {
            let (_first_write, _last_write) = (self.number()?, self.number()?);
        }
        if kind == 103 {
            // Fields of its own, up to the one numbered 1.
            while self.number()? != 1 {
                self.text()?;
            }
        }
        Some((number, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records as RocksDB writes them: a new table, then it moves to another level
    /// and a second one comes, then the first goes.
    const ADD: &[u8] = &[
        200, 1, 0, 103, 0, 9, 200, 1, 1, b'a', 1, b'b', 5, 6, 4, 2, 7, 7, 1,
    ];

    #[test]
    fn tables_come_move_and_go() {
        let mut tables = BTreeMap::new();
        apply(&mut tables, ADD).expect("reads");
        assert_eq!(tables, BTreeMap::from([(9, 200)]));
        let moved = [&[6, 0, 9][..], ADD].concat();
        apply(&mut tables, &moved).expect("reads");
        assert_eq!(tables, BTreeMap::from([(9, 200)]));
        let unknown_and_named = [129, 64, 2, b'i', b'd', 6, 0, 9];
        apply(&mut tables, &unknown_and_named).expect("reads");
        assert!(tables.is_empty());
        assert_eq!(apply(&mut tables, &[11]), None);
        assert_eq!(apply(&mut tables, &ADD[..ADD.len() - 1]), None);
    }
}
