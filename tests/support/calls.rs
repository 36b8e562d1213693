//! The calls to the system that this binary makes for files, RocksDB's and the
//! standard library's alike: the functions below stand before libc's.
//!
//! Each asks [`faults`] whether it is to fail, and a sync tells the [`platter`].
//! The work itself goes to the kernel directly, since libc's own functions are
//! hidden by these. Reads through a `FILE` (RocksDB's when it opens) and through
//! mappings (splits) make no call of this kind.

use std::ffi::{CStr, OsStr, c_char, c_int, c_long, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libc::{mode_t, off_t, size_t, ssize_t};

use super::faults::{self, Call, Refusal};
use super::platter;

/// What a call that is refused answers.
const FAILED: c_int = -1;

/// The path of an open file; none of what is no file.
fn path_of(fd: c_int) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{fd}")).ok()
}

/// SAFETY: `path` is what a caller gave a function of libc as a path: a text
/// that ends.
unsafe fn path_at<'p>(path: *const c_char) -> &'p Path {
    // SAFETY: the caller's word.
    let text = unsafe { CStr::from_ptr(path) };
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

fn set_errno(errno: c_int) {
    // SAFETY: libc gives each thread a place of its own, which lives as long.
    unsafe { *libc::__errno_location() = errno };
}

/// Whether the call may go on. Where it may not, its error is set.
fn may(call: Call, path: impl FnOnce() -> Option<PathBuf>) -> bool {
    match faults::refusal(call, path) {
        Some(Refusal::Error(errno)) => {
            set_errno(errno);
            false
        }
        Some(Refusal::Half) | None => true,
    }
}

/// How many bytes of a write go to the disk; none where it fails.
fn writable(fd: c_int, length: size_t) -> Option<size_t> {
    match faults::refusal(Call::Write, || path_of(fd)) {
        Some(Refusal::Error(errno)) => {
            set_errno(errno);
            None
        }
        Some(Refusal::Half) => Some(length.div_ceil(2)),
        None => Some(length),
    }
}

fn open_at(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller of an open gives a path.
    let named = || Some(unsafe { path_at(path) }.to_owned());
    if !may(Call::Open, named) {
        return FAILED;
    }
    // SAFETY: the caller's arguments, as libc would hand them on.
    let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) };
    fd as c_int
}

/// A call that names one path, or two.
fn on_name(path: *const c_char, call: impl FnOnce() -> c_long) -> c_int {
    // SAFETY: the caller gives a path.
    let named = || Some(unsafe { path_at(path) }.to_owned());
    match may(Call::Name, named) {
        true => call() as c_int,
        false => FAILED,
    }
}

// SAFETY of all below: the name and the types of libc's function, and its work
// or a failure that it could have. `open` takes its mode among variable
// arguments, which Linux passes like others.

#[unsafe(no_mangle)]
extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_at(path, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_at(path, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    let Some(length) = writable(fd, length) else {
        return FAILED as ssize_t;
    };
    // SAFETY: the caller's bytes, all or the first of them.
    let written = unsafe { libc::syscall(libc::SYS_write, fd, bytes, length) };
    written as ssize_t
}

fn write_at(fd: c_int, bytes: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    let Some(length) = writable(fd, length) else {
        return FAILED as ssize_t;
    };
    // SAFETY: the caller's bytes, all or the first of them.
    let written = unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes, length, offset) };
    written as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn pwrite(fd: c_int, bytes: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    write_at(fd, bytes, length, offset)
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    write_at(fd, bytes, length, offset)
}

#[unsafe(no_mangle)]
extern "C" fn read(fd: c_int, bytes: *mut c_void, length: size_t) -> ssize_t {
    if !may(Call::Read, || path_of(fd)) {
        return FAILED as ssize_t;
    }
    // SAFETY: the caller's room.
    let n = unsafe { libc::syscall(libc::SYS_read, fd, bytes, length) };
    n as ssize_t
}

fn read_at(fd: c_int, bytes: *mut c_void, length: size_t, offset: off_t) -> ssize_t {
    if !may(Call::Read, || path_of(fd)) {
        return FAILED as ssize_t;
    }
    // SAFETY: the caller's room.
    let n = unsafe { libc::syscall(libc::SYS_pread64, fd, bytes, length, offset) };
    n as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn pread(fd: c_int, bytes: *mut c_void, length: size_t, offset: off_t) -> ssize_t {
    read_at(fd, bytes, length, offset)
}

#[unsafe(no_mangle)]
extern "C" fn pread64(fd: c_int, bytes: *mut c_void, length: size_t, offset: off_t) -> ssize_t {
    read_at(fd, bytes, length, offset)
}

fn synced(fd: c_int, call: c_long) -> c_int {
    if !may(Call::Sync, || path_of(fd)) {
        return FAILED;
    }
    if platter::is_taken_down(fd) {
        return 0;
    }
    // SAFETY: a number that is no open file is refused by the kernel.
    let done = unsafe { libc::syscall(call, fd) };
    done as c_int
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    synced(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    synced(fd, libc::SYS_fdatasync)
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    if !may(Call::Write, || path_of(fd)) {
        return FAILED;
    }
    // SAFETY: a number that is no open file is refused by the kernel.
    let done = unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) };
    done as c_int
}

#[unsafe(no_mangle)]
extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int {
    if !may(Call::Write, || path_of(fd)) {
        return FAILED;
    }
    // SAFETY: as above.
    let done = unsafe { libc::syscall(libc::SYS_fallocate, fd, mode, offset, length) };
    done as c_int
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    on_name(to, || {
        let here = libc::AT_FDCWD;
        // SAFETY: the caller's paths.
        unsafe { libc::syscall(libc::SYS_renameat2, here, from, here, to, 0) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    on_name(to, || {
        let here = libc::AT_FDCWD;
        // SAFETY: the caller's paths.
        unsafe { libc::syscall(libc::SYS_linkat, here, from, here, to, 0) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn unlink(path: *const c_char) -> c_int {
    on_name(path, || {
        // SAFETY: the caller's path.
        unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    on_name(path, || {
        // SAFETY: the caller's path.
        unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) }
    })
}
