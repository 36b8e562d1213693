//! A bit or a cut at many places of every file.
//!
//! The places are drawn by a seed, besides the first and the last bytes of each
//! file, where headers and footers lie.

use std::fs;
use std::path::Path;

use tarn_store::owner::Session;

use super::{Answers, Copied, Damage, QUERIES, Scene, answers, problems};
use crate::agreement::answer::Asker;
use crate::support::home::{self, Home};
use crate::support::random::Random;

const SEED: u64 = 17;

/// Places of a file of `length` bytes, each with a kind of damage in turn.
fn damages(random: &mut Random, length: usize, n: usize) -> Vec<Damage> {
    let mut damages = Vec::new();
    for i in 0..n {
        let at = match i {
            0 => 0,
            1 => length - 1,
            2 => length.saturating_sub(21),
            _ => random.below(length),
        };
        damages.push(Damage::Flip {
            at,
            bit: random.below(8) as u8,
        });
        if i % 3 == 0 {
            damages.push(Damage::Cut {
                at: random.below(length),
            });
        }
    }
    damages
}

/// What became of a damaged directory.
#[derive(Debug)]
enum Outcome {
    /// It does not open, for this reason.
    Refused(String),
    Opened {
        answers: Answers,
        problems: Vec<String>,
    },
}

fn outcome(asker: &Asker, copied: &Copied) -> Outcome {
    match copied.open() {
        Err(reason) => Outcome::Refused(reason),
        Ok(snapshot) => Outcome::Opened {
            answers: answers(asker, &snapshot),
            problems: problems(&snapshot),
        },
    }
}

/// Fails where a wrong answer was given, or an error that does not say where.
fn judge(outcome: &Outcome, expected: &Answers, file: &Path, damage: Damage) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let says_where = |reason: &str| {
        reason.contains(name.as_ref()) || reason.contains("/db") || reason.contains(" db/")
    };
    match outcome {
        Outcome::Refused(reason) => {
            assert!(
                says_where(reason),
                "{}, {damage:?}: {reason}",
                file.display()
            );
        }
        Outcome::Opened { answers, problems } => {
            for ((query, answer), expected) in QUERIES.iter().zip(answers).zip(expected) {
                match answer {
                    Ok(_) => assert_eq!(
                        answer,
                        expected,
                        "a wrong answer: {}, {damage:?}, {query:?}",
                        file.display()
                    ),
                    Err(reason) => {
                        assert!(
                            says_where(reason),
                            "{}, {damage:?}: {reason}",
                            file.display()
                        );
                        assert!(!problems.is_empty(), "{}, {damage:?}", file.display());
                    }
                }
            }
            // Events that are gone are told by their batch.
            let is_told = |problem: &String| says_where(problem) || problem.starts_with("batch ");
            for problem in problems {
                assert!(
                    is_told(problem),
                    "{}, {damage:?}: {problem}",
                    file.display()
                );
            }
        }
    }
}

/// Damages each file whose name passes at `n` places; tells how many were
/// noticed.
fn sweep(n: usize, passes: impl Fn(&str) -> bool, must_be_noticed: bool) {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let mut random = Random::new(SEED);
    let (mut n_all, mut n_noticed) = (0, 0);
    for file in scene.files(passes) {
        let path = scene.home.data().join(&file);
        let length = fs::metadata(&path).expect("there").len() as usize;
        for damage in damages(&mut random, length, n) {
            let copied = scene.copy();
            copied.damage(&file, damage);
            let outcome = outcome(&asker, &copied);
            judge(&outcome, &scene.expected, &file, damage);
            let is_noticed = match &outcome {
                Outcome::Refused(_) => true,
                Outcome::Opened { problems, .. } => !problems.is_empty(),
            };
            assert!(
                is_noticed || !must_be_noticed,
                "{}, {damage:?} was not noticed",
                file.display()
            );
            n_all += 1;
            n_noticed += usize::from(is_noticed);
        }
    }
    println!("{n_noticed} of {n_all} damages noticed; no wrong answer");
}

#[test]
fn splits() {
    sweep(30, |name| name.ends_with(".split"), true);
}

#[test]
fn events_in_ssts() {
    // Not every byte of an SST is data that somebody reads.
    sweep(20, |name| name.ends_with(".sst"), false);
}

#[test]
fn logs_and_manifests() {
    sweep(
        12,
        |name| name.ends_with(".log") || name.contains("MANIFEST-") || name.ends_with("CURRENT"),
        true,
    );
}

#[test]
fn what_holds_no_data() {
    sweep(
        3,
        |name| name.contains("OPTIONS-") || name.ends_with("IDENTITY") || name == "CLOSED",
        false,
    );
}

#[test]
fn the_format() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let file = Path::new("FORMAT");
    for at in 0..fs::read(copied.data().join(file)).expect("there").len() {
        for damage in [Damage::Flip { at, bit: 0 }, Damage::Cut { at }] {
            let copied = scene.copy();
            copied.damage(file, damage);
            let reason = copied.refusal();
            assert!(reason.contains("has format"), "{damage:?}: {reason}");
            let refused = Session::open(&copied.data(), &home::options(1));
            assert!(refused.is_err(), "{damage:?}");
        }
    }
    fs::remove_file(copied.data().join(file)).expect("removed");
    let reason = copied.refusal();
    assert!(reason.contains("FORMAT is missing"), "{reason}");
    assert!(Session::open(&copied.data(), &home::options(1)).is_err());
}

/// Each file that is there after closing is needed, or is made anew.
#[test]
fn files_that_are_gone() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    for file in scene.files(|name| !name.contains("LOG") && name != "FORMAT") {
        let copied = scene.copy();
        fs::remove_file(copied.data().join(&file)).expect("removed");
        let damage = Damage::Cut { at: 0 };
        let outcome = outcome(&asker, &copied);
        judge(&outcome, &scene.expected, &file, damage);
        let is_table = file.extension().is_some_and(|e| e == "sst");
        let is_refused = matches!(outcome, Outcome::Refused(_));
        assert!(is_refused || !is_table, "{} is gone", file.display());
        // A writer refuses what a reader refuses, and removes nothing.
        if is_refused {
            let n_files = count_files(&copied.data());
            let opened = Session::open(&copied.data(), &home::options(1));
            assert!(opened.is_err(), "{} is gone", file.display());
            assert!(count_files(&copied.data()) >= n_files, "{}", file.display());
        }
    }
}

fn count_files(data: &Path) -> usize {
    ["db", "splits"]
        .iter()
        .flat_map(|folder| fs::read_dir(data.join(folder)).expect("listed"))
        .filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            let name = name.to_string_lossy();
            name.ends_with(".sst") || name.ends_with(".split")
        })
        .count()
}

/// Without its first file the database would be taken for a new one, and what
/// is there for left over.
#[test]
fn a_database_without_its_beginning_is_not_made_anew() {
    let scene = Scene::closed(&Asker::new());
    for all_of_it in [false, true] {
        let copied = scene.copy();
        let db = copied.data().join("db");
        fs::remove_file(copied.data().join("CLOSED")).expect("removed");
        match all_of_it {
            false => fs::remove_file(db.join("CURRENT")).expect("removed"),
            true => {
                fs::remove_dir_all(&db).expect("removed");
            }
        }
        let n_files = match all_of_it {
            false => count_files(&copied.data()),
            true => fs::read_dir(copied.data().join("splits"))
                .expect("listed")
                .count(),
        };
        let Err(refused) = Session::open(&copied.data(), &home::options(1)) else {
            panic!("opened as a new one");
        };
        assert!(
            refused.to_string().contains("CURRENT is missing"),
            "{refused}"
        );
        assert_eq!(count_files(&copied.data()), n_files);
    }
}

/// After a crash nobody has written down where the log ends; a record that is
/// damaged before its end is an error all the same.
#[test]
fn the_log_of_a_crash() {
    let home = Home::new();
    let corpus = crate::support::corpus::Corpus::new(3, 60);
    let session = home.session(1);
    home::import(&session, &[home.log("first.json", &corpus.deliveries)]);
    let copied = Copied {
        folder: tempfile::tempdir().expect("a folder"),
    };
    super::copy_folder(&home.data(), &copied.data());
    drop(session);
    assert!(!copied.data().join("CLOSED").exists());
    let log = fs::read_dir(copied.data().join("db"))
        .expect("listed")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|e| e == "log"))
        .expect("a log");
    let name = log.file_name().expect("a name").to_owned();
    // Inside of the first record, behind its header.
    copied.damage(&Path::new("db").join(name), Damage::Flip { at: 20, bit: 3 });
    let Err(refused) = Session::open(&copied.data(), &home::options(1)) else {
        panic!("what was acknowledged is gone without a word");
    };
    let refused = refused.to_string();
    assert!(refused.contains(".log is damaged at byte 0"), "{refused}");
    assert!(refused.contains("tarn check --salvage"), "{refused}");
    assert_eq!(copied.refusal(), refused);
}
