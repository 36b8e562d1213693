//! A file to a store: every record in it is stored as delivered or told of, and
//! is found by index as without.
//!
//! Input: a file. Each is imported into a store of its own.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Mutex;

use tarn_store::event::EventHeader;
use tarn_store::import::decode::DecodeLimits;
use tarn_store::json::{Json, Kind};
use tarn_store::manage::NewStore;
use tarn_store::owner::Session;
use tarn_store::path::{Arrays, FieldPath, Step};
use tarn_store::{Field, FieldTest, Matcher, Predicate, ScanColumn, ScanRequest};

use super::decode::decoded;
use crate::support::ask::{self, everything, text_column};
use crate::support::home::{self, Home};

/// After so many files a new directory is made: a snapshot costs the more the
/// more stores there are.
const FILES_PER_HOME: usize = 100;
/// Columns that are asked for.
const PATHS_MAX: usize = 40;

/// A directory and its writer, which is dropped before the directory is removed.
struct Place {
    session: Session,
    home: Home,
    n_files: usize,
}

static PLACE: Mutex<Option<Place>> = Mutex::new(None);

/// See the module.
pub fn run(input: &[u8]) {
    // A file that failed leaves a directory that nobody uses again.
    let taken = PLACE.lock().unwrap_or_else(|e| e.into_inner()).take();
    let mut place = taken
        .filter(|p| p.n_files < FILES_PER_HOME)
        .unwrap_or_else(|| {
            let home = Home::new();
            let session = home.session(1);
            Place {
                home,
                session,
                n_files: 0,
            }
        });
    place.n_files += 1;
    import(&place, input);
    *PLACE.lock().unwrap_or_else(|e| e.into_inner()) = Some(place);
}

fn import(place: &Place, input: &[u8]) {
    let name = format!("store-{}", place.n_files);
    let store = NewStore {
        name: name.clone(),
        ..NewStore::default()
    };
    place.session.create_store(store).expect("made");
    let path = place.home.logs().join(format!("{name}.json"));
    std::fs::create_dir_all(place.home.logs()).expect("a folder");
    std::fs::write(&path, input).expect("written");
    let mut request = home::request(&[path]);
    request.store = name.clone();
    let summary = home::run(&place.session, &request);

    let snapshot = place.home.snapshot();
    home::check(&snapshot);
    let store = snapshot.find_store(&name).expect("made above").id;
    let records = ask::records(&snapshot, store);
    assert_eq!(records.len() as u64, summary.records.stored);
    let rejects = snapshot.rejects(summary.import).expect("they read");
    let (found, end) = decoded(&mut Cursor::new(input), &DecodeLimits::default());
    if end.is_err() {
        let is_told = summary.files.failed + summary.files.not_event_logs == 1;
        assert!(
            is_told && summary.failures.len() + summary.foreign.len() == 1,
            "{summary:?}"
        );
        return;
    }
    let (events, others): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|f| f.reason.is_none() && EventHeader::read(&f.bytes).is_ok());
    assert_eq!(summary.records.seen, found.len() as u64);
    assert_eq!(rejects.len(), others.len());
    let delivered: BTreeSet<&[u8]> = events.iter().map(|f| f.bytes.as_slice()).collect();
    for record in &records {
        assert!(delivered.contains(record.as_bytes()), "{record}");
    }
    let request = everything(store);
    let fields = fields(&records);
    ask::agreed_rows(
        &snapshot,
        &ScanRequest {
            columns: columns(&fields),
            ..request.clone()
        },
    );
    for field in fields.into_iter().take(4) {
        ask::agreed_rows(
            &snapshot,
            &ScanRequest {
                predicate: Predicate::Field(FieldTest {
                    field,
                    matcher: Matcher::Present,
                    when_missing: false,
                }),
                ..request.clone()
            },
        );
    }
}

fn columns(fields: &[Field]) -> Vec<ScanColumn> {
    let named = fields.iter().enumerate();
    named
        .map(|(i, field)| text_column(&i.to_string(), field.clone()))
        .collect()
}

/// The paths of some of the records, meant in both ways.
fn fields(records: &[String]) -> Vec<Field> {
    let mut paths = BTreeSet::new();
    for record in records {
        let json = Json::parse(record.as_bytes()).expect("it was stored");
        add_paths(&json, &mut Vec::new(), &mut paths);
    }
    paths
        .into_iter()
        .take(PATHS_MAX)
        .flat_map(|path: Vec<Step>| {
            let path = FieldPath::new(path);
            [Arrays::Any, Arrays::Exact].map(|arrays| Field::path(path.clone(), arrays))
        })
        .collect()
}

fn add_paths(json: &Json<'_>, path: &mut Vec<Step>, paths: &mut BTreeSet<Vec<Step>>) {
    if paths.len() >= PATHS_MAX {
        return;
    }
    if !path.is_empty() {
        paths.insert(path.clone());
    }
    match &json.kind {
        Kind::Object(members) => {
            for (key, value) in members {
                path.push(Step::Key(key.to_string()));
                add_paths(value, path, paths);
                path.pop();
            }
        }
        Kind::Array(elements) => {
            for (i, element) in elements.iter().enumerate().take(2) {
                add_paths(element, path, paths);
                path.push(Step::Index(i));
                add_paths(element, path, paths);
                path.pop();
            }
        }
        _ => {}
    }
}
