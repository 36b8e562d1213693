//! What is made to break things, or looks like it.

mod input;
mod patterns;
mod places;
mod queries;
mod store;
mod work;
