//! Empty: the tests are in the one test binary, `all.rs`.
