//! kill -9 at every step of the way to the disk, and at any time, and power loss
//! at every step: nothing acknowledged is lost, and nothing half done is seen.
//!
//! The victim is this test binary ([`crate::support::victim`]): it carries out a
//! [`Story`], writing down what it was told is done. A killed process loses
//! nothing that it has written; what a machine without power loses is told by
//! [`crate::support::platter`].

mod events;
mod pushes;
mod stores;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tarn_store::WriteOptions;

use crate::support::home;
#[cfg(target_os = "linux")]
use crate::support::platter::Platter;
use crate::support::random::Random;
use crate::support::victim::{Orders, Role};
pub use events::Events;
pub use pushes::Pushes;
pub use stores::Stores;

/// What a victim does in a folder of its own, and how what it leaves is judged.
pub trait Story: Sync {
    const ROLE: Role;

    /// Lays out what the story needs; the same for the same seed.
    fn begin(seed: u64) -> Self;

    /// The folder of the story, with the directory `data`.
    fn path(&self) -> &Path;

    /// What the victim does; notes each part that it was told is done.
    fn play(home: &Path, options: &WriteOptions);

    /// Checks what a killed process has left, finishes its work, and compares.
    /// Returns how many batches were undone.
    fn verify(&self, when: &str) -> u64;

    /// What the victim noted.
    fn said(&self) -> Vec<String> {
        let text = fs::read_to_string(Done::path(self.path())).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn victim(&self, stop_at: Option<usize>) -> Orders {
        Orders {
            stop_at,
            threads: 1,
            ..Orders::new(Self::ROLE, self.path())
        }
    }
}

/// Where a victim notes what is done, a line each.
pub struct Done(PathBuf);

impl Done {
    fn path(home: &Path) -> PathBuf {
        home.join("done")
    }

    fn at(home: &Path) -> Self {
        Self(Self::path(home))
    }

    fn note(&self, name: &str) {
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(&self.0)
            .expect("a file");
        file.write_all(format!("{name}\n").as_bytes())
            .expect("written");
    }
}

/// Every step that the store tells of, so that none is left out unnoticed.
const STEPS: [&str; 22] = [
    "batches dropped",
    "events dropped",
    "events ingested",
    "events staged",
    "files finished",
    "import begun",
    "import ended",
    "intent written",
    "merged",
    "opened",
    "opening",
    "published",
    "pushed",
    "pushes begun",
    "pushes ended",
    "reindexed",
    "sealed",
    "split written",
    "splits dropped",
    "store purged",
    "store saved",
    "swapped",
];

/// The type of [`WriteOptions::on_step`].
type OnStep = Arc<dyn Fn(&str) + Send + Sync>;

/// Kills this process at its `n`-th step, counted from 1.
pub fn kill_at(n: usize) -> OnStep {
    let steps = AtomicUsize::new(0);
    Arc::new(move |_| {
        if steps.fetch_add(1, Ordering::Relaxed) + 1 == n {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
        }
    })
}

/// The steps of a story that nobody interrupts.
fn steps_of<S: Story>(seed: u64) -> Vec<String> {
    let story = S::begin(seed);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = Arc::clone(&seen);
    let options = WriteOptions {
        on_step: Some(Arc::new(move |step: &str| {
            seeing.lock().expect("nobody panics").push(step.to_owned());
        })),
        ..home::options(1)
    };
    S::play(story.path(), &options);
    story.verify("never killed");
    let seen = seen.lock().expect("nobody panics");
    seen.clone()
}

/// Kills a victim at each of the steps. Returns how many batches were undone.
fn kill_at_each<S: Story>(seed: u64, names: &[String]) -> u64 {
    let undone = AtomicU64::new(0);
    let next = AtomicUsize::new(0);
    // Victims mostly wait for the disk.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(name) = names.get(at) else {
                        break;
                    };
                    let n = at + 1;
                    let story = S::begin(seed);
                    let status = story.victim(Some(n)).start().wait();
                    let when = format!("{:?} killed at step {n}, {name:?}", S::ROLE);
                    assert!(!status.success(), "{when}: it lives");
                    undone.fetch_add(story.verify(&when), Ordering::Relaxed);
                }
            });
        }
    });
    undone.into_inner()
}

#[test]
fn killed_at_every_step() {
    let names = [
        steps_of::<Events>(11),
        steps_of::<Stores>(11),
        steps_of::<Pushes>(11),
    ];
    let distinct: BTreeSet<&str> = names.iter().flatten().map(String::as_str).collect();
    assert_eq!(
        distinct,
        BTreeSet::from(STEPS),
        "the stories go through every step"
    );
    let [events, stores, pushes] = names;
    assert!(events.len() >= 25, "{} moments", events.len());
    assert!(stores.len() >= 25, "{} moments", stores.len());
    assert!(pushes.len() >= 20, "{} moments", pushes.len());
    let undone = kill_at_each::<Events>(11, &events);
    assert!(undone >= 10, "{undone} batches were on their way at a kill");
    kill_at_each::<Stores>(11, &stores);
    kill_at_each::<Pushes>(11, &pushes);
    let kills = events.len() + stores.len() + pushes.len();
    println!("{kills} kills");
}

/// How long a story takes when nobody kills it.
fn duration<S: Story>() -> Duration {
    let story = S::begin(12);
    let begun = Instant::now();
    assert!(story.victim(None).start().wait().success());
    begun.elapsed()
}

/// Kills at random times. Returns how many victims were alive to be killed.
fn kill_at_random<S: Story>(kills: u64, seed: u64) -> u64 {
    let mut whole = duration::<S>();
    let mut random = Random::new(seed);
    let mut killed = 0;
    for seed in seed..seed + kills {
        let story = S::begin(seed);
        let victim = Orders {
            threads: 3,
            ..story.victim(None)
        };
        let victim = victim.start();
        let delay = whole * random.below(1000) as u32 / 1000;
        std::thread::sleep(delay);
        match victim.kill() {
            true => killed += 1,
            // The machine has less to do by now.
            false => whole = whole.min(delay),
        }
        story.verify(&format!(
            "{:?} killed after {delay:?}, seed {seed}",
            S::ROLE
        ));
    }
    killed
}

/// A number that the environment gives, for longer runs.
fn given(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// More kills with `TARN_TESTS_KILLS`, others with `TARN_TESTS_SEED`.
#[test]
fn killed_at_any_time() {
    let kills = given("TARN_TESTS_KILLS", 4);
    let seed = given("TARN_TESTS_SEED", 100);
    let killed = kill_at_random::<Events>(kills, seed)
        + kill_at_random::<Stores>(kills, seed)
        + kill_at_random::<Pushes>(kills, seed);
    println!("{killed} kills");
    assert!(
        killed > kills,
        "{killed} of {} were alive to be killed",
        kills * 3
    );
}

/// The second process dies while it recovers, or somewhere behind; the third at
/// a step of what is left.
#[test]
fn killed_again_and_again() {
    let seed = given("TARN_TESTS_SEED", 200);
    let mut random = Random::new(seed);
    for seed in seed..seed + 5 {
        let story = Events::begin(seed);
        let first = 2 + random.below(25);
        assert!(!story.victim(Some(first)).start().wait().success());
        let second = story.victim(None).start();
        let delay = Duration::from_millis(random.below(120) as u64);
        std::thread::sleep(delay);
        second.kill();
        let third = 1 + random.below(6);
        story.victim(Some(third)).start().wait();
        story.verify(&format!(
            "killed at step {first}, after {delay:?} and at step {third}, seed {seed}"
        ));
    }
}

/// Takes the power away at every step of a story.
#[cfg(target_os = "linux")]
fn lose_power_at_each<S: Story>(seed: u64) {
    let story = S::begin(seed);
    let platter = Platter::under(story.path());
    let moments = Arc::new(Mutex::new(Vec::new()));
    let path = story.path().to_owned();
    let (taking, noting) = (Arc::clone(&platter), Arc::clone(&moments));
    let lose = move |step: &str| {
        let mut moments = noting.lock().expect("nobody panics");
        let image = path.join(format!("image-{}", moments.len()));
        taking.image("data", &image);
        let said = fs::read(Done::path(&path)).unwrap_or_default();
        moments.push((step.to_owned(), image, said));
    };
    let options = WriteOptions {
        on_step: Some(Arc::new(lose.clone())),
        ..home::options(1)
    };
    S::play(story.path(), &options);
    lose("everything is done");
    drop(platter);

    let moments = moments.lock().expect("nobody panics").clone();
    assert!(moments.len() >= 20, "{} moments", moments.len());
    for (step, image, said) in moments {
        let data = story.path().join("data");
        fs::remove_dir_all(&data).expect("left by the last one");
        if image.join("data").exists() {
            fs::rename(image.join("data"), data).expect("both ours");
        }
        fs::write(Done::path(story.path()), said).expect("a file");
        story.verify(&format!("{:?}: power lost at {step:?}", S::ROLE));
    }
}

/// What was not synced is gone: RocksDB's log, splits, and the names of files.
#[cfg(target_os = "linux")]
#[test]
fn power_lost_at_every_step() {
    lose_power_at_each::<Events>(15);
}

/// The same while stores are deleted and events expire.
#[cfg(target_os = "linux")]
#[test]
fn power_lost_while_stores_go() {
    lose_power_at_each::<Stores>(15);
}

/// The same while events are pushed.
#[cfg(target_os = "linux")]
#[test]
fn power_lost_while_events_are_pushed() {
    lose_power_at_each::<Pushes>(15);
}
