//! What the tests share: events to import, directories to import them into,
//! questions to ask, processes to kill, disks that fail.

pub mod ask;
#[cfg(target_os = "linux")]
mod calls;
pub mod corpus;
#[cfg(target_os = "linux")]
pub mod faults;
pub mod files;
pub mod home;
#[cfg(target_os = "linux")]
pub mod platter;
pub mod random;
pub mod value;
pub mod victim;
pub mod world;
