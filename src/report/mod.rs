//! Plans and outcomes as text and as JSON. Makes strings; prints nothing.

mod not_compared;
mod plan;
mod recap;
mod shown;
mod style;

pub use not_compared::not_compared_text;
pub use plan::{Counts, Differences, differences_json, differences_text};
pub use recap::{recap_json, recap_text};
pub use style::Style;
