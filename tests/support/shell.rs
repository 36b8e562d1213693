//! The binary, as people and scripts run it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::home::Home;
use crate::http::built;

/// A data directory, a folder of files beside it, and the binary.
pub struct Shell {
    pub home: Home,
    pub tarn: PathBuf,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub status: i32,
    pub out: String,
    pub told: String,
}

impl Ended {
    /// What was printed, of a command that is to go well.
    pub fn done(self) -> String {
        assert_eq!(self.status, 0, "{}", self.told);
        self.out
    }

    /// What was told, of a command that is refused.
    pub fn refused(self) -> String {
        assert_eq!(self.status, 2, "{}{}", self.out, self.told);
        assert_eq!(self.out, "");
        self.told
    }

    pub fn rows(self) -> Vec<Value> {
        let out = self.done();
        let rows = out.lines().map(serde_json::from_str);
        rows.collect::<Result<_, _>>().expect("ndjson in a pipe")
    }

    /// One JSON value.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("JSON")
    }
}

impl Shell {
    pub fn new() -> Self {
        let (_, tarn) = built();
        Self {
            home: Home::new(),
            tarn,
        }
    }

    pub fn tarn(&self, arguments: &[&str]) -> Ended {
        self.told(arguments, "")
    }

    pub fn told(&self, arguments: &[&str], stdin: &str) -> Ended {
        let data = self.home.data();
        let place = [OsStr::new("--data"), data.as_os_str()];
        self.run(&place, arguments, stdin)
    }

    /// The same command, asked of a server.
    pub fn over(&self, server: &str, arguments: &[&str], stdin: &str) -> Ended {
        self.run(&["--server", server].map(OsStr::new), arguments, stdin)
    }

    fn run(&self, place: &[&OsStr], arguments: &[&str], stdin: &str) -> Ended {
        let mut child = Command::new(&self.tarn)
            .args(place)
            .args(["--memory", "256MB", "--threads", "2"])
            .args(arguments)
            .env_remove("NO_COLOR")
            .env_remove("TARN_SERVER")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("a pipe");
        // Whoever reads nothing closes it.
        let _ = input.write_all(stdin.as_bytes());
        drop(input);
        let ended = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ended {
            status: ended.status.code().unwrap_or(-1),
            out: text(ended.stdout),
            told: text(ended.stderr),
        }
    }
}
