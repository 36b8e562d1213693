//! Forty questions in both languages, answered as DuckDB answers them over the same
//! public logs.
//!
//! The comparison itself is `conformance/compare.py`, which can be run by hand.
//! DuckDB comes from PyPI, in an environment in the target folder that later runs find
//! again. Without the logs beside the repository, or without a way to PyPI, nothing is
//! compared and the reason is printed.

use std::path::Path;
use std::process::Command;

/// The exit status of compare.py when something that is not the project's is missing.
const SKIPPED: i32 = 3;

#[test]
fn forty_queries_equal_duckdb() {
    // <target>/release/deps/all-0123456789abcdef: the binary is a folder up.
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("cargo puts tests into a folder below the profile's");
    let target = profile
        .parent()
        .expect("a profile's folder is in the target folder");
    let tarn = profile.join("tarn");
    assert!(
        tarn.is_file(),
        "no binary at {}: `make test` builds it before the tests",
        tarn.display()
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/compare.py");
    let compared = Command::new("python3")
        .arg(&script)
        .arg("--tarn")
        .arg(&tarn)
        .arg("--venv")
        .arg(target.join("conformance-venv"))
        .output()
        .expect("python3 runs: the comparison is written in Python");
    let report = String::from_utf8_lossy(&compared.stdout);
    let reason = String::from_utf8_lossy(&compared.stderr);
    if compared.status.code() == Some(SKIPPED) {
        println!("{reason}");
        return;
    }
    assert!(compared.status.success(), "{report}{reason}");
    println!("{report}");
    let questions = report.lines().filter(|line| line.ends_with(" ok")).count();
    assert_eq!(questions, 40, "{report}");
}
