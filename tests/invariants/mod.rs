//! The invariants of DESIGN.md, section 3: each has its test here.
//!
//! The first one, that nothing acknowledged is lost, is in [`crate::crash`]; the
//! fifth, that fast equals slow, in [`crate::agreement`].

mod as_delivered;
mod bounded;
mod followed;
mod once;
mod pushes;
mod scoped;
mod sent;
mod sums;
mod whole;
