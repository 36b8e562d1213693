//! A `tarn serve` of a test's own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Serves until it is dropped.
pub struct Served {
    child: Child,
    pub url: String,
}

impl Served {
    pub fn start(tarn: &Path, data: &Path) -> Self {
        let mut child = Command::new(tarn)
            .arg("--data")
            .arg(data)
            .args(["--memory", "512MB", "--threads", "2"])
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_remove("TARN_SERVER")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let url = loop {
            let line = lines
                .next()
                .expect("it says where it listens")
                .expect("text");
            if let Some((_, told)) = line.split_once("listening on ") {
                break told.split(';').next().unwrap_or(told).to_owned();
            }
        };
        // It would wait with a pipe that is full.
        thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
