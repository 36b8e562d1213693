//! The test binary as another process: to be killed, to write beside us, to be
//! measured.
//!
//! A child runs the hidden test [`play`], which does what the environment asks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::json;
use tarn_store::owner::Session;
use tarn_store::{Cancel, WriteOptions};

use super::home;
use crate::crash::{self, Events, Pushes, Stores, Story};

/// The variable that holds a child's orders, as JSON.
const ORDERS: &str = "TARN_TESTS_ORDERS";

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Stories of [`crash`], killed at a step where one is set.
    Events,
    Pushes,
    Stores,
    /// Imports all logs of its home, and writes `summary.json`.
    Import,
}

impl Role {
    const ALL: [Self; 4] = [Self::Events, Self::Pushes, Self::Stores, Self::Import];

    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Pushes => "pushes",
            Self::Stores => "stores",
            Self::Import => "import",
        }
    }
}

/// A child process. Killed when it is dropped, so that a failed test leaves
/// none behind.
pub struct Victim {
    child: Child,
    home: PathBuf,
}

/// What a child is told.
#[derive(Debug, Clone)]
pub struct Orders {
    pub role: Role,
    /// A folder with `data` and `logs`.
    pub home: PathBuf,
    pub threads: usize,
    pub memory_bytes: usize,
    /// Kills itself after so many steps towards durability.
    pub stop_at: Option<usize>,
}

impl Orders {
    pub fn new(role: Role, home: &Path) -> Self {
        Self {
            role,
            home: home.to_owned(),
            threads: 2,
            memory_bytes: 64 << 20,
            stop_at: None,
        }
    }

    /// The orders of this process, if it is a child.
    fn given() -> Option<Self> {
        let text = std::env::var(ORDERS).ok()?;
        let orders: serde_json::Value = serde_json::from_str(&text).expect("written by start");
        let number = |name: &str| orders[name].as_u64().map(|n| n as usize);
        let role = Role::ALL.into_iter().find(|r| orders["role"] == r.name());
        Some(Self {
            role: role.expect("one of the roles"),
            home: orders["home"].as_str().expect("a path").into(),
            threads: number("threads").expect("a number"),
            memory_bytes: number("memory_bytes").expect("a number"),
            stop_at: number("stop_at"),
        })
    }

    pub fn start(&self) -> Victim {
        let orders = json!({
            "role": self.role.name(),
            "home": self.home,
            "threads": self.threads,
            "memory_bytes": self.memory_bytes,
            "stop_at": self.stop_at,
        });
        let child = Command::new(std::env::current_exe().expect("this test binary"))
            .args([
                "--exact",
                "support::victim::play",
                "--ignored",
                "--nocapture",
            ])
            .env(ORDERS, orders.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Victim {
            child: child.expect("the test binary starts"),
            home: self.home.clone(),
        }
    }
}

impl Victim {
    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("a child of ours")
    }

    /// Kills it now, if it still runs. Tells whether it did.
    pub fn kill(mut self) -> bool {
        let was_running = self.child.try_wait().expect("a child of ours").is_none();
        let _ = self.child.kill();
        self.child.wait().expect("a child of ours");
        was_running
    }

    /// Waits for its end and says the most anonymous memory that it was seen
    /// with, in bytes.
    pub fn peak_anonymous_bytes(mut self) -> u64 {
        let status = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let mut peak = 0;
        loop {
            if let Some(end) = self.child.try_wait().expect("a child of ours") {
                assert!(end.success(), "the child failed: {end}");
                return peak;
            }
            let text = fs::read_to_string(&status).unwrap_or_default();
            peak = peak.max(anonymous_bytes(&text).unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What a child of [`Role::Import`] reports when it is done.
    pub fn summary(self) -> serde_json::Value {
        let path = summary_path(&self.home, self.child.id());
        let end = self.wait();
        assert!(end.success(), "the child failed: {end}");
        let text = fs::read(path).expect("it wrote its summary");
        serde_json::from_slice(&text).expect("JSON")
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn anonymous_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn summary_path(home: &Path, process: u32) -> PathBuf {
    home.join(format!("summary-{process}.json"))
}

/// Not a test of its own: what a child process runs.
#[test]
#[ignore = "runs in child processes of other tests"]
fn play() {
    let Some(orders) = Orders::given() else {
        return;
    };
    let options = WriteOptions {
        memory_bytes: orders.memory_bytes,
        ..home::options(orders.threads)
    };
    match orders.role {
        Role::Events => play_story::<Events>(&orders, options),
        Role::Pushes => play_story::<Pushes>(&orders, options),
        Role::Stores => play_story::<Stores>(&orders, options),
        Role::Import => import(&orders.home, &options),
    }
}

fn play_story<S: Story>(orders: &Orders, mut options: WriteOptions) {
    options.on_step = orders.stop_at.map(crash::kill_at);
    S::play(&orders.home, &options);
}

fn import(home: &Path, options: &WriteOptions) {
    let session = Session::open(&home.join("data"), options).expect("the directory opens");
    let is_guest = session.is_guest();
    let summary = session
        .import(
            &home::request(&[home.join("logs")]),
            &mut |_| {},
            &Cancel::default(),
        )
        .expect("imported");
    session.close().expect("closed");
    let report = json!({ "is_guest": is_guest, "summary": summary });
    fs::write(summary_path(home, std::process::id()), report.to_string()).expect("written");
}
