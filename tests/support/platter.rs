//! A disk that loses power: of what was written under a folder, it knows what
//! was synced.
//!
//! [`super::calls`] tells it of every sync of this binary, RocksDB's included.
//! A sync of a file takes down its bytes, a sync of a folder the names in it;
//! [`Platter::image`] lays out what a machine would find after power loss:
//! names that a synced folder knows, with the bytes that were synced. Disks
//! keep more than that mostly; no one may count on it.

use std::collections::HashMap;
use std::ffi::{OsString, c_int};
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

/// The platters of tests that run.
static WATCHED: Mutex<Vec<Weak<Platter>>> = Mutex::new(Vec::new());

/// A file or folder, whatever its name is by now: a number is given again, to
/// one that is made later.
type Node = (u64, u64, i64, i64);

fn node(metadata: &Metadata) -> Node {
    let created = metadata.created().ok();
    let created = created.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    let (seconds, nanos) = created.map_or((0, 0), |t| (t.as_secs(), t.subsec_nanos()));
    (
        metadata.dev(),
        metadata.ino(),
        seconds as i64,
        i64::from(nanos),
    )
}

/// What was synced under a folder.
pub struct Platter {
    root: PathBuf,
    synced: Mutex<Synced>,
}

#[derive(Default)]
struct Synced {
    files: HashMap<Node, Vec<u8>>,
    folders: HashMap<Node, Vec<(OsString, Node)>>,
}

impl Platter {
    /// Takes down every sync under `root`, a folder that is on the disk.
    pub fn under(root: &Path) -> Arc<Self> {
        let platter = Arc::new(Self {
            root: root.canonicalize().expect("a folder of ours"),
            synced: Mutex::default(),
        });
        let mut watched = WATCHED.lock().expect("nothing panics under it");
        watched.retain(|other| other.strong_count() > 0);
        watched.push(Arc::downgrade(&platter));
        platter
    }

    /// Lays out under `target` what would be left of the folder `name`.
    pub fn image(&self, name: &str, target: &Path) {
        let synced = self.synced.lock().expect("nothing panics under it");
        fs::create_dir_all(target).expect("a folder");
        let root = node(&fs::metadata(&self.root).expect("a folder of ours"));
        let names = synced.folders.get(&root).into_iter().flatten();
        for (_, node) in names.filter(|(n, _)| n == name) {
            synced.lay_out(*node, &target.join(name));
        }
    }

    fn take_down(&self, path: &Path) -> std::io::Result<()> {
        let metadata = fs::metadata(path)?;
        let mut synced = self.synced.lock().expect("nothing panics under it");
        if !metadata.is_dir() {
            synced.files.insert(node(&metadata), fs::read(path)?);
            return Ok(());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // A name that goes meanwhile may be missing.
            if let Ok(metadata) = entry.metadata()
                && (metadata.is_file() || metadata.is_dir())
            {
                names.push((entry.file_name(), node(&metadata)));
                if metadata.is_dir() {
                    synced.folders.entry(node(&metadata)).or_default();
                }
            }
        }
        synced.folders.insert(node(&metadata), names);
        Ok(())
    }
}

impl Synced {
    /// A file whose name was synced and whose bytes were not is empty.
    fn lay_out(&self, node: Node, target: &Path) {
        let Some(names) = self.folders.get(&node) else {
            let bytes = self.files.get(&node).map_or(&[][..], Vec::as_slice);
            return fs::write(target, bytes).expect("a file");
        };
        fs::create_dir_all(target).expect("a folder");
        for (name, node) in names {
            self.lay_out(*node, &target.join(name));
        }
    }
}

/// Tells the platter whose file it is; says whether there is one.
pub(super) fn is_taken_down(fd: c_int) -> bool {
    let watched: Vec<Arc<Platter>> = {
        let watched = WATCHED.lock().expect("nothing panics under it");
        watched.iter().filter_map(Weak::upgrade).collect()
    };
    if watched.is_empty() {
        return false;
    }
    let Ok(path) = fs::read_link(format!("/proc/self/fd/{fd}")) else {
        return false;
    };
    match watched.iter().find(|p| path.starts_with(&p.root)) {
        // A file that was unlinked has no path: nothing of it is to be kept.
        Some(platter) => platter.take_down(&path).is_ok() || !path.exists(),
        None => false,
    }
}

#[test]
fn what_is_not_synced_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let platter = Platter::under(folder.path());
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    for name in ["named", "synced", "both", "unnamed"] {
        fs::write(data.join(name), name).expect("a file");
        if name == "both" {
            sync(&data);
        }
    }
    for name in ["synced", "both", "unnamed"] {
        sync(&data.join(name));
    }
    fs::write(data.join("both"), "more").expect("a file");
    let lost = folder.path().join("lost");
    platter.image("data", &lost);
    assert!(!lost.join("data").exists(), "no synced folder knows it");
    sync(folder.path());
    platter.image("data", &lost);
    let left = |name: &str| fs::read_to_string(lost.join("data").join(name)).ok();
    assert_eq!(left("named").as_deref(), Some(""));
    assert_eq!(left("synced").as_deref(), Some("synced"));
    assert_eq!(left("both").as_deref(), Some("both"));
    assert_eq!(left("unnamed"), None);
}

fn sync(path: &Path) {
    let file = File::open(path).expect("there");
    file.sync_all().expect("synced");
}
