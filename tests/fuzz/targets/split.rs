//! A split whose bytes are not those that were written: each question is answered
//! as before or with an error.
//!
//! Input: `d` and changes of the file of [`CHANGE`] bytes each, or `f` and a text
//! that stands in the place of the footer, with its length and checksum put right:
//! that is opened or refused.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tarn_store::index::docset::DocSet;
use tarn_store::index::reader::SplitReader;
use tarn_store::index::split_file::{SplitFile, SplitFileError};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use crate::support::corpus::Corpus;
use crate::support::home::{self, Home};

/// What footers are made of.
pub const WORDS: &[&str] = &[
    "\"version\":1",
    "\"version\":3",
    "\"sections\":[]",
    "\"offset\":0",
    "\"length\":0",
    "\"offset\":18446744073709551615",
    "\"length\":18446744073709551615",
    "\"block_bytes\":0",
    "\"block_bytes\":1",
    "\"sums_xxh3\":0",
    "\"xxh3\":0",
    "{\"name\":\"ids\",\"offset\":0,\"length\":4},",
];

/// A place in the file (u16), a kind, a byte.
const CHANGE: usize = 4;
/// Footer length, checksum, end mark.
const TRAILER: usize = 4 + 8 + 8;

/// What a question gives: an answer, or that there is none.
type Answer = Result<String, SplitFileError>;

struct Place {
    bytes: Vec<u8>,
    answers: Vec<String>,
    folder: TempDir,
}

static PLACE: OnceLock<Place> = OnceLock::new();

impl Place {
    fn new() -> Self {
        let home = Home::new();
        let corpus = Corpus::new(31, 30);
        let session = home.session(1);
        home::import(&session, &[home.log("all.json", &corpus.deliveries)]);
        session.close().expect("closed");
        let splits = fs::read_dir(home.data().join("splits")).expect("listed");
        let paths: Vec<PathBuf> = splits.map(|e| e.expect("an entry").path()).collect();
        let [path] = paths.as_slice() else {
            panic!("one split: {paths:?}");
        };
        let answers = answers(path).into_iter();
        Self {
            bytes: fs::read(path).expect("it reads"),
            answers: answers.map(|a| a.expect("nothing is damaged")).collect(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }
}

/// See the module.
pub fn run(input: &[u8]) {
    let place = PLACE.get_or_init(Place::new);
    let Some((kind, input)) = input.split_first() else {
        return;
    };
    // A file that is mapped must not change: each thread, and each input, has its own.
    let name = format!("{:?}.split", std::thread::current().id());
    let path = place.folder.path().join(name);
    let _ = fs::remove_file(&path);
    if *kind == b'f' {
        fs::write(&path, with_footer(&place.bytes, input)).expect("written");
        return opened_or_refused(&path);
    }
    fs::write(&path, changed(&place.bytes, input)).expect("written");
    let answers = answers(&path);
    for (answer, expected) in answers.into_iter().zip(&place.answers) {
        if let Ok(answer) = answer {
            assert_eq!(&answer, expected, "another answer");
        }
    }
}

fn changed(whole: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for change in changes.chunks_exact(CHANGE) {
        let [high, low, kind, byte] = [change[0], change[1], change[2], change[3]];
        // Places are spread over the whole file; every second one counts from its
        // end, where the footer is.
        let place = usize::from(u16::from_be_bytes([high, low]));
        let at = match kind & 1 {
            0 => place * 7919 % bytes.len().max(1),
            _ => bytes.len().saturating_sub(place % 2048 + 1),
        };
        match kind >> 1 & 7 {
            0..4 => {
                if let Some(here) = bytes.get_mut(at) {
                    *here ^= byte.max(1);
                }
            }
            4 => bytes.truncate(at),
            5 => bytes.insert(at.min(bytes.len()), byte),
            6 => drop(bytes.drain(at.min(bytes.len())..bytes.len().min(at + usize::from(byte)))),
            _ => {
                let end = bytes.len().min(at + usize::from(byte));
                bytes[at.min(end)..end].fill(0);
            }
        }
    }
    bytes
}

/// The split under another footer.
fn with_footer(whole: &[u8], footer: &[u8]) -> Vec<u8> {
    let trailer = whole.len() - TRAILER;
    let length = u32::from_le_bytes(whole[trailer..trailer + 4].try_into().expect("four bytes"));
    [
        &whole[..trailer - length as usize],
        footer,
        &(footer.len() as u32).to_le_bytes(),
        &xxh3_64(footer).to_le_bytes(),
        &whole[whole.len() - 8..],
    ]
    .concat()
}

/// Reads the sections that a footer names.
fn opened_or_refused(path: &Path) {
    let Ok(file) = SplitFile::open(path) else {
        return;
    };
    let _ = file.verify();
    for name in ["columns", "packed-ids", "tantivy/meta.json", ""] {
        if let Some(section) = file.section(name) {
            let _ = section.read();
            let _ = section.slice(0..usize::MAX);
        }
    }
    // What lies under another name than its own is not what the checksums keep.
}

/// Every question that a split can be asked.
fn answers(path: &Path) -> Vec<Answer> {
    let reader = match SplitReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return vec![Err(error)],
    };
    let mut answers = vec![
        Ok(reader.n_docs().to_string()),
        reader.column_names().map(|names| format!("{names:?}")),
        keys(&reader),
        ids(&reader),
        tokens(&reader),
    ];
    for name in reader.column_names().unwrap_or_default() {
        answers.push(column(&reader, &name).map(|values| format!("{name}: {values}")));
    }
    answers
}

fn keys(reader: &SplitReader) -> Answer {
    let keys = reader.keys()?;
    let key = |doc| {
        let (time, batch) = (keys.time.value(doc), keys.batch.value(doc));
        format!(
            "{time} {batch} {} {}",
            keys.ordinal.value(doc),
            keys.account_of(doc)
        )
    };
    Ok((0..reader.n_docs()).map(key).collect::<Vec<_>>().join(","))
}

fn ids(reader: &SplitReader) -> Answer {
    let unread = |e| reader.damaged("ids", e);
    let entries: Vec<(u32, u32)> = reader.ids().entries().map_err(unread)?.collect();
    let mut answer = format!("{entries:?}");
    for (hash, _) in entries {
        let documents = reader.ids().documents(u64::from(hash) << 32);
        let _ = write!(answer, " {:?}", documents.map_err(unread)?);
    }
    Ok(answer)
}

fn tokens(reader: &SplitReader) -> Answer {
    let mut documents = Vec::new();
    let mut add = |mut postings: tarn_store::index::text::Postings| {
        let mut doc = postings.at_or_after(0);
        while let Some(found) = doc {
            documents.push(found);
            doc = postings.advance();
        }
    };
    let unread = |e| reader.damaged("full-text index", e);
    let text = reader.text()?;
    text.documents_of_prefix("", &mut add).map_err(unread)?;
    if let Some(postings) = text.documents("getobject").map_err(unread)? {
        add(postings);
    }
    Ok(format!("{documents:?}"))
}

fn column(reader: &SplitReader, name: &str) -> Answer {
    let all = DocSet::all(0..reader.n_docs());
    let docs: Vec<u32> = all.iter().collect();
    let mut values = String::new();
    match name.split_once(':') {
        Some(("s" | "l", _)) => {
            if let Some(column) = reader.texts(name)? {
                let texts = column.texts().map_err(|e| reader.damaged(name, e))?;
                column.visit(&docs, |i, ord| {
                    let _ = write!(values, "{i} {:?}, ", texts.text(ord));
                });
            }
        }
        Some(("i", _)) => {
            if let Some(column) = reader.integers(name)? {
                column.visit(&docs, |i, value| {
                    let _ = write!(values, "{i} {value}, ");
                });
            }
        }
        Some(("u", path)) => {
            if let Some(column) = reader.uuids(path)? {
                column.visit(&docs, |i, value| {
                    let _ = write!(values, "{i} {value:032x}, ");
                });
            }
        }
        Some(("b", _)) => {
            if let Some(column) = reader.booleans(name)? {
                column.visit(&docs, |i, value| {
                    let _ = write!(values, "{i} {value}, ");
                });
            }
        }
        _ => {
            if let Some(marks) = reader.marks(name)? {
                let marked: Vec<u32> = marks.documents(&all).iter().collect();
                let _ = write!(values, "{marked:?}");
            }
        }
    }
    Ok(values)
}
