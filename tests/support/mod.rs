//! What the tests share: events to import, directories to import them into,
//! questions to ask, processes to kill.

pub mod ask;
pub mod corpus;
pub mod files;
pub mod home;
#[cfg(target_os = "linux")]
pub mod platter;
pub mod random;
pub mod value;
pub mod victim;
pub mod world;
