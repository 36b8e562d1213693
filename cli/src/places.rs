//! Where things are kept: the data directory, the shell's history, the demo.
//!
//! The platform's rules: the XDG folders where they are set or where the
//! system is Linux, `~/Library` on macOS. Variables are passed in, so the rules
//! can be tested.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::exit;

/// Reads an environment variable.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The process's own environment.
pub fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The data directory: as given (`--data` or `$TARN_DATA`), else `tarn` in the
/// platform's data folder.
pub fn data_dir(given: Option<PathBuf>, variables: Variables) -> anyhow::Result<PathBuf> {
    let found = given.filter(|dir| !dir.as_os_str().is_empty()).or_else(|| {
        folder(
            variables,
            "XDG_DATA_HOME",
            ".local/share",
            "Library/Application Support",
        )
    });
    found.ok_or_else(|| exit::usage("no data directory: give --data DIR, or set TARN_DATA or HOME"))
}

/// The shell's history. None where there is no home to keep it in.
pub fn history_file(variables: Variables) -> Option<PathBuf> {
    let folder = folder(
        variables,
        "XDG_STATE_HOME",
        ".local/state",
        "Library/Application Support",
    )?;
    Some(folder.join("history"))
}

/// Where `tarn demo` works unless told otherwise.
pub fn demo_dir(variables: Variables) -> PathBuf {
    folder(variables, "XDG_CACHE_HOME", ".cache", "Library/Caches")
        .and_then(|folder| Some(folder.parent()?.join("tarn-demo")))
        .unwrap_or_else(|| std::env::temp_dir().join("tarn-demo"))
}

fn folder(variables: Variables, xdg: &str, linux: &str, macos: &str) -> Option<PathBuf> {
    // The XDG rules call a relative path invalid, to be ignored.
    let absolute = |name: &str| {
        variables(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let within_home = if cfg!(target_os = "macos") {
        macos
    } else {
        linux
    };
    let base = absolute(xdg).or_else(|| Some(absolute("HOME")?.join(within_home)))?;
    Some(base.join("tarn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn what_is_given_wins_over_the_platform() {
        let variables = with(&[("XDG_DATA_HOME", "/x"), ("HOME", "/home/a")]);
        assert_eq!(
            data_dir(Some("there".into()), &variables).unwrap(),
            PathBuf::from("there")
        );
        assert_eq!(
            data_dir(None, &variables).unwrap(),
            PathBuf::from("/x/tarn")
        );
        assert_eq!(
            data_dir(Some("".into()), &variables).unwrap(),
            PathBuf::from("/x/tarn")
        );
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn home_is_enough_and_relative_xdg_folders_are_ignored() {
        let variables = with(&[("XDG_DATA_HOME", "x"), ("HOME", "/home/a")]);
        assert_eq!(
            data_dir(None, &variables).unwrap(),
            PathBuf::from("/home/a/.local/share/tarn")
        );
        assert_eq!(
            demo_dir(&variables),
            PathBuf::from("/home/a/.cache/tarn-demo")
        );
        assert_eq!(
            history_file(&variables),
            Some(PathBuf::from("/home/a/.local/state/tarn/history"))
        );
        assert!(data_dir(None, &with(&[])).is_err());
    }
}
