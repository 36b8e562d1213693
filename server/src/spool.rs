//! Files that are sent, kept in the data directory until they are imported.
//!
//! The store reads files, and may read them in another process; what is sent streams
//! to the disk first. A file is known by the name that its sender gives it, and lies
//! under a number: no name of a request is ever a path here.

use std::fs;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use tarn_store::import::discover::SentFile;

use crate::error::Problem;
use crate::multipart::{Multipart, MultipartError};

/// A longer name is no path.
const NAME_BYTES_MAX: usize = 4_096;

/// A folder of sent files; removed with this.
pub struct Spool {
    folder: PathBuf,
    pub files: Vec<SentFile>,
}

impl Spool {
    /// `tmp` is the data directory's folder for what is on its way.
    pub fn new(tmp: &Path) -> Result<Self, Problem> {
        static SPOOLS: AtomicU64 = AtomicU64::new(0);
        let n = SPOOLS.fetch_add(1, Ordering::Relaxed);
        // Told by its name as a running process's, it is not cleared away.
        let folder = tmp.join(format!("upload-{}-{n}", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| not_kept(&error))?;
        let files = Vec::new();
        Ok(Self { folder, files })
    }

    /// Keeps a body that is one file.
    pub fn one(&mut self, name: String, body: &mut dyn Read) -> Result<(), Problem> {
        let (at, mut file) = self.begin()?;
        // A body that fails is told by who reads it.
        io::copy(body, &mut file)
            .and_then(|_| file.flush())
            .map_err(|error| not_kept(&error))?;
        self.add(name, None, at)
    }

    /// Keeps the files of a body of many.
    pub fn many(
        &mut self,
        boundary: &str,
        body: impl Read,
        files_max: usize,
    ) -> Result<(), Problem> {
        let mut parts = Multipart::new(body, boundary);
        while let Some(part) = parts.next_part().map_err(|e| not_cut(&e))? {
            if self.files.len() >= files_max {
                return Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too-many-files",
                    format!("there are more than {files_max} files in one request"),
                )
                .hint("send them in several requests"));
            }
            let (at, mut file) = self.begin()?;
            parts.copy_to(&mut file).map_err(|e| not_cut(&e))?;
            file.flush().map_err(|error| not_kept(&error))?;
            self.add(part.file_name, part.mtime_ns, at)?;
        }
        match self.files.is_empty() {
            true => Err(Problem::bad_request("the body holds no file")),
            false => Ok(()),
        }
    }

    fn begin(&self) -> Result<(PathBuf, io::BufWriter<fs::File>), Problem> {
        let at = self.folder.join(self.files.len().to_string());
        let mut options = fs::File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(&at);
        let file = file.map_err(|error| not_kept(&error))?;
        Ok((at, io::BufWriter::with_capacity(64 << 10, file)))
    }

    fn add(&mut self, name: String, mtime_ns: Option<i64>, at: PathBuf) -> Result<(), Problem> {
        check_name(&name)?;
        self.files.push(SentFile { name, at, mtime_ns });
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What stays is removed by the next process that has the directory.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Names come back in listings: they are text of a sane length.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let is_good = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    match is_good {
        true => Ok(()),
        false => Err(Problem::bad_request(format!(
            "a name is 1 to {NAME_BYTES_MAX} bytes of text without control characters"
        ))),
    }
}

/// The disk did not take it.
fn not_kept(error: &io::Error) -> Problem {
    Problem::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "not-kept",
        format!("what was sent could not be kept until it is imported: {error}"),
    )
}

fn not_cut(error: &MultipartError) -> Problem {
    match error {
        MultipartError::Write(error) => not_kept(error),
        other => Problem::bad_request(format!("multipart/form-data: {other}")),
    }
}
