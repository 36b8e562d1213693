//! A real server, asked by real clients: curl and Python's http.client, through every
//! route, well and wrongly (`cases/`); and what only a socket shows: clients that are
//! slow, too many or gone, signals (`behaviour.py`), and kill -9 under load (`killed.py`).
//!
//! schemathesis asks every route whatever its description allows, and more; it comes
//! from PyPI, in an environment in the target folder that later runs find again.
//! Without a way to PyPI it is skipped and the reason printed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The exit status of a script when something that is not the project's is missing.
const SKIPPED: i32 = 3;

/// The folder of what was built, and the binary in it.
pub fn built() -> (PathBuf, PathBuf) {
    // <target>/release/deps/all-0123456789abcdef: the binary is a folder up.
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("cargo puts tests into a folder below the profile's");
    let tarn = profile.join("tarn");
    assert!(
        tarn.is_file(),
        "no binary at {}: `make test` builds it before the tests",
        tarn.display()
    );
    let target = profile
        .parent()
        .expect("a profile's folder is in the target folder");
    (target.to_owned(), tarn)
}

fn script(name: &str, arguments: &[&str]) {
    let (target, tarn) = built();
    let ran = Command::new("python3")
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("http")
                .join(name),
        )
        .arg("--tarn")
        .arg(&tarn)
        .args(arguments)
        .env("TARN_TESTS_VENVS", &target)
        .output()
        .expect("python3 runs: the clients are written in Python");
    let report = String::from_utf8_lossy(&ran.stdout);
    let reason = String::from_utf8_lossy(&ran.stderr);
    println!("{report}{reason}");
    if ran.status.code() != Some(SKIPPED) {
        assert!(ran.status.success(), "{report}{reason}");
    }
}

#[test]
fn every_route_with_curl() {
    script("drive.py", &["--client", "curl"]);
}

#[test]
fn every_route_with_python() {
    script("drive.py", &["--client", "python"]);
}

#[test]
fn slow_many_and_gone() {
    script("behaviour.py", &[]);
}

#[test]
fn killed_while_it_does_everything() {
    script("killed.py", &[]);
}

#[test]
fn whatever_the_description_allows() {
    script("schemathesis", &[]);
}
