//! `docs/first-hour.md`, done: what it shows is what its commands print, and it leads to
//! everything that `tarn generate` has hidden.

use std::path::Path;
use std::process::Command;

use crate::http::built;

#[test]
fn the_first_hour_leads_to_every_step() {
    let (_, tarn) = built();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("first_hour/transcript.py");
    let ran = Command::new("python3")
        .arg(script)
        .arg("--tarn")
        .arg(tarn)
        .output()
        .expect("python3 runs: it gives the commands a terminal");
    let report = String::from_utf8_lossy(&ran.stdout);
    let reason = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{report}{reason}");
}
