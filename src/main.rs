//! The `farmhand` program.

fn main() {}
