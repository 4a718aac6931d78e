//! Templates in the user's values: variables of one host, rendered when they are needed, within bounds.
//!
//! Only what stands in the user's own files is a template, and it is rendered once: what a template gives is never
//! taken for one. There is no function that looks at the disk, the environment or the network.
//! `secret('name')` gives a reference, which can be handed on whole and in no other way.

mod deep;
mod engine;
mod extra;
mod json;
mod scope;
mod secret;
mod variables;
mod view;

pub use minijinja::Value;

pub use deep::with_deep_stack;
pub use extra::extra_variables;
pub use json::to_json;
pub use scope::{Scope, is_template};
pub use variables::{Variables, reserved};
