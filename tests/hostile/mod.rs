//! What is made to break things, or looks like it.

mod input;
mod places;
mod queries;
