//! What a person can do about a disk that refuses.

use std::io;

/// What a refusal is called by the system, and what helps.
const HELP: [(&str, &str); 6] = [
    ("No space left on device", "free some space and do it again"),
    ("Disk quota exceeded", "free some space and do it again"),
    (
        "Too many open files",
        "raise the limit (`ulimit -n`) and do it again",
    ),
    (
        "Permission denied",
        "the user who runs tarn must own the data directory and all that is in it",
    ),
    ("Read-only file system", "mount it writable and do it again"),
    (
        "Input/output error",
        "the disk fails: look into the system's log, and run `tarn check` afterwards",
    ),
];

/// What helps against an error, to be put behind its text; empty where nobody
/// knows.
pub(crate) fn on(error: &io::Error) -> String {
    on_text(&error.to_string())
}

/// The same for an error that is known by its text only.
pub(crate) fn on_text(error: &str) -> String {
    HELP.iter()
        .find(|(refusal, _)| error.contains(refusal))
        .map(|(_, help)| format!("; {help}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    /// The texts are the system's, so they are asked of it.
    #[test]
    fn every_refusal_has_its_advice() {
        for errno in [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::MFILE,
            Errno::NFILE,
            Errno::ACCESS,
            Errno::ROFS,
            Errno::IO,
        ] {
            let error = io::Error::from(errno);
            assert!(on(&error).starts_with("; "), "{error}");
        }
        assert_eq!(on(&Errno::NOENT.into()), "");
    }
}
