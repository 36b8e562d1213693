//! What the one test binary, `all.rs`, shares with the fuzzers of `fuzz/`, which
//! are built apart from it.

/// What is fuzzed, and how input for it is made.
pub mod fuzz {
    pub mod inputs;
    pub mod targets;
}

/// The tools that need nothing of the test binary.
pub mod support {
    pub mod ask;
    pub mod corpus;
    pub mod files;
    pub mod home;
    pub mod random;
    pub mod value;
}
