//! The folder that queries spill to, and what a killed process left in it.
//!
//! Each engine has a folder of its own with a lock that lives as long as the process. A
//! folder whose lock is free belongs to nobody any more and goes, so a crash leaves no
//! intermediate results of old queries behind.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";

/// An engine's own folder; it goes with the value.
#[derive(Debug)]
pub struct SpillFolder {
    path: PathBuf,
    _lock: File,
}

impl SpillFolder {
    /// Makes a folder inside `parent` that only this user can enter, after clearing away
    /// those of processes that are gone.
    pub fn create(parent: &Path) -> io::Result<Self> {
        private_folder(true).create(parent)?;
        make_private(parent)?;
        clear_abandoned(parent);
        let mut number: u64 = 0;
        loop {
            let path = parent.join(format!("query-{number}"));
            number += 1;
            match private_folder(false).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            // Until the lock is held another process may take the folder for abandoned.
            let Ok(lock) = File::create(path.join(LOCK)) else {
                continue;
            };
            if lock.try_lock().is_ok() && path.join(LOCK).exists() {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next process.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn clear_abandoned(parent: &Path) {
    let Ok(folders) = fs::read_dir(parent) else {
        return;
    };
    for folder in folders.flatten() {
        let path = folder.path();
        let Ok(lock) = File::open(path.join(LOCK)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn private_folder(recursive: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// A folder that was there before may have been made with other rights.
fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_living_stay() -> io::Result<()> {
        let parent = tempfile::tempdir()?;
        let parent = parent.path().join("tmp");
        let first = SpillFolder::create(&parent)?;
        let abandoned = parent.join("query-7");
        fs::create_dir(&abandoned)?;
        fs::write(abandoned.join(LOCK), "")?;
        fs::write(abandoned.join("rows"), "secret")?;
        let second = SpillFolder::create(&parent)?;
        assert!(first.path().exists());
        assert!(!abandoned.exists());
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists());
        Ok(())
    }
}
