//! Times of day.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimeSpan;

/// A time of day in the host's own time zone, written `03:30`; IIS keeps it as `03:30:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// Reads `hh:mm` or `hh:mm:00`; `None` when it is none.
    pub fn parse(text: &str) -> Option<TimeOfDay> {
        let span = text.contains(':').then(|| TimeSpan::parse(text)).flatten()?;
        let whole = span.seconds < 86_400 && span.seconds.is_multiple_of(60);
        whole.then(|| TimeOfDay { minutes: u16::try_from(span.seconds / 60).unwrap_or(0) })
    }

    /// The time as IIS keeps it.
    pub fn to_clock(self) -> String {
        format!("{self}:00")
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<TimeOfDay, String> {
        TimeOfDay::parse(&text).ok_or_else(|| format!("`{text}` is no time of day; write it as `03:30`"))
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(TimeOfDay::parse(text).map(TimeOfDay::to_clock).as_deref(), expected, "{text}");
        };
        check("3:30", Some("03:30:00"));
        check("23:59:00", Some("23:59:00"));
        check("24:00", None);
        check("03:30:30", None);
        check("3h", None);
    }
}
