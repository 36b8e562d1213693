//! What the tests share: events to import, directories to import them into,
//! questions to ask, processes to kill, disks that fail.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
pub mod faults;
#[cfg(target_os = "linux")]
pub mod platter;
pub mod served;
pub mod shell;
pub mod victim;
pub mod world;

pub use tarn_tests::support::*;
