//! What the tests share: events to import, directories to import them into,
//! questions to ask, processes to kill.

pub mod ask;
pub mod corpus;
pub mod files;
pub mod home;
pub mod random;
pub mod value;
pub mod victim;
pub mod world;
