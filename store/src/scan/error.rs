//! Why a scan ended without its answer.

use std::path::{Path, PathBuf};

use crate::catalog::SplitEntry;
use crate::index::split_file::SplitFileError;
use crate::kv::db::KvError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    Split(SplitFileError),
    /// The writer has merged the split away; a newer snapshot names its
    /// successor.
    #[error("split {} is gone: its events are in another by now", path.display())]
    SplitGone { path: PathBuf },
    #[error("{place} does not read: {reason}")]
    Corrupt { place: String, reason: String },
    #[error("building a column of results: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    #[error("cancelled")]
    Cancelled,
}

impl From<SplitFileError> for ScanError {
    fn from(error: SplitFileError) -> Self {
        match error {
            SplitFileError::Io { path, source, .. }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Self::SplitGone { path }
            }
            other => Self::Split(other),
        }
    }
}

impl ScanError {
    /// The split whose content is not to be had any more; it can be built anew.
    pub fn lost_split(&self) -> Option<u64> {
        match self {
            Self::Split(error) => error.lost().and_then(SplitEntry::id_of),
            Self::SplitGone { path } => SplitEntry::id_of(path),
            _ => None,
        }
    }

    /// A part of a split that cannot be read.
    pub(crate) fn damaged(path: &Path, part: &str, reason: impl std::fmt::Display) -> Self {
        Self::Split(SplitFileError::Damaged {
            path: path.to_owned(),
            reason: format!("{part}: {reason}"),
        })
    }
}
