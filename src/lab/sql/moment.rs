//! Points in time as SQL Server's `datetime` keeps them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::lab::utc;

/// A point in time to a three-hundredth of a second, written `2026-11-21T12:34:56.123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    /// Seconds since 1970.
    seconds: u64,
    /// Three-hundredths of a second, 0 to 299.
    ticks: u16,
}

impl Moment {
    /// Now, on a clock that is wrong by some seconds.
    pub fn now(skew_seconds: i64) -> Moment {
        let since = utc::now(skew_seconds).duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let ticks = u16::try_from(since.subsec_micros() * 3 / 10_000).unwrap_or(0);
        Moment { seconds: since.as_secs(), ticks }
    }

    /// Days since 1900-01-01 and three-hundredths of a second since midnight, as TDS carries them (MS-TDS 2.2.5.5.1.8).
    pub fn days_and_ticks(self) -> (i32, u32) {
        let days = i32::try_from(self.seconds / 86_400).unwrap_or(i32::MAX - 25_567);
        let second = u32::try_from(self.seconds % 86_400).unwrap_or(0);
        (days + 25_567, second * 300 + u32::from(self.ticks))
    }

    /// Milliseconds of the second, as SQL Server rounds them: they end in 0, 3 or 7.
    fn millis(self) -> u32 {
        (u32::from(self.ticks) * 10 + 1) / 3
    }

    /// The text of style 126, ISO 8601: no fraction where it is zero.
    pub fn iso(self) -> String {
        let text = utc::text(UNIX_EPOCH + Duration::from_secs(self.seconds));
        let text = text.trim_end_matches('Z');
        if self.ticks == 0 { text.to_owned() } else { format!("{text}.{:03}", self.millis()) }
    }

    /// The text of style 121, ODBC canonical: always with milliseconds.
    pub fn odbc(self) -> String {
        let text = utc::text(UNIX_EPOCH + Duration::from_secs(self.seconds));
        format!("{}.{:03}", text.trim_end_matches('Z').replace('T', " "), self.millis())
    }

    /// The text of style 0, as PRINT has it: `Nov 21 2026 12:34PM`.
    pub fn plain(self) -> String {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let text = utc::text(UNIX_EPOCH + Duration::from_secs(self.seconds));
        let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<usize>().ok()).unwrap_or(0);
        let (month, hour) = (MONTHS.get(part(5, 7).saturating_sub(1)).unwrap_or(&"Jan"), part(11, 13));
        let (half, clock) = (if hour < 12 { "AM" } else { "PM" }, if hour % 12 == 0 { 12 } else { hour % 12 });
        format!("{month} {:2} {:04} {clock:2}:{:02}{half}", part(8, 10), part(0, 4), part(14, 16))
    }

    /// Reads `2026-11-21T12:34:56.123`, with a blank for the `T` and without a fraction as well.
    pub fn parse(text: &str) -> Option<Moment> {
        let text = text.trim().trim_end_matches('Z');
        let (main, fraction) = text.split_once('.').unwrap_or((text, ""));
        let numbers: Vec<u64> = main.split(['-', 'T', ' ', ':']).map(str::parse).collect::<Result<_, _>>().ok()?;
        let [year, month, day, hour, minute, second] = <[u64; 6]>::try_from(numbers).ok()?;
        if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let millis: u64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<3}").get(..3)?.parse().ok()? };
        // Years are counted from March, so that the day a leap year adds is its last.
        let (year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * shifted + 2) / 5 + day - 1;
        let seconds = (days.checked_sub(719_468)?) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Moment { seconds, ticks: u16::try_from((millis * 3 + 5) / 10).unwrap_or(0) })
    }

    /// The same point on the system's clock.
    pub fn system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.seconds)
    }
}

impl Default for Moment {
    fn default() -> Moment {
        // 2003-04-08T09:13:36, when master of every SQL Server was made.
        Moment { seconds: 1_049_793_216, ticks: 0 }
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Moment, String> {
        Moment::parse(&text).ok_or_else(|| format!("`{text}` is no time such as 2026-11-21T12:34:56.123"))
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> String {
        moment.iso()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in
            ["2026-11-21T12:34:56.123", "2000-02-29T00:00:00", "1999-12-31T23:59:59.997", "2004-03-01T01:00:00.003"]
        {
            assert_eq!(Moment::parse(text).unwrap().iso(), text);
        }
        for text in ["", "2026-13-01T00:00:00", "2026-11-21", "yesterday", "2026-11-21T24:00:00"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_styles_are_sql_servers() {
        let moment = Moment::parse("2026-11-01T00:04:56.123").unwrap();
        assert_eq!(moment.odbc(), "2026-11-01 00:04:56.123");
        assert_eq!(moment.plain(), "Nov  1 2026 12:04AM");
        assert_eq!(Moment::parse("1970-01-01T00:00:01").unwrap().days_and_ticks(), (25_567, 300));
    }
}
