//! Spans of time as operators write them and as IIS keeps them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A span of whole seconds.
///
/// Written `90s`, `20m`, `29h`, `1h30m`, `1d`, `00:20:00` or `1.05:00:00`; `0` needs no unit, any other bare number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan {
    /// How many seconds.
    pub seconds: u64,
}

impl TimeSpan {
    /// Reads a span; `None` when it is none.
    pub fn parse(text: &str) -> Option<TimeSpan> {
        let text = text.trim();
        let seconds = if text == "0" {
            Some(0)
        } else if text.contains(':') {
            clock(text)
        } else {
            units(text)
        };
        seconds.map(|seconds| TimeSpan { seconds })
    }

    /// The span as IIS writes it: `hh:mm:ss`, from one day on `d.hh:mm:ss`.
    pub fn to_clock(self) -> String {
        let (days, hours) = (self.seconds / 86_400, self.seconds / 3600 % 24);
        let (minutes, seconds) = (self.seconds / 60 % 60, self.seconds % 60);
        if days > 0 {
            format!("{days}.{hours:02}:{minutes:02}:{seconds:02}")
        } else {
            format!("{hours:02}:{minutes:02}:{seconds:02}")
        }
    }
}

/// `[d.]hh:mm[:ss]`; hours may pass 23, as in IIS' own `29:00:00`.
fn clock(text: &str) -> Option<u64> {
    let (days, rest) = text.split_once('.').map_or((0, text), |(days, rest)| (days.parse().unwrap_or(u64::MAX), rest));
    let parts: Vec<u64> = rest.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    if minutes > 59 || seconds > 59 {
        return None;
    }
    days.checked_mul(86_400)?.checked_add(hours.checked_mul(3600)?)?.checked_add(minutes * 60 + seconds)
}

/// Numbers with units, each unit at most once, largest first.
fn units(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    for (unit, seconds) in [('d', 86_400_u64), ('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, tail)) = rest.split_once(unit) {
            total = total.checked_add(number.trim().parse::<u64>().ok()?.checked_mul(seconds)?)?;
            rest = tail.trim_start();
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if self.seconds == 0 {
            return formatter.write_str("0");
        }
        let mut rest = self.seconds;
        // Days only where they come out even: `29h` is how the field speaks of IIS' default recycling time.
        let scale: &[(&str, u64)] =
            if rest.is_multiple_of(86_400) { &[("d", 86_400)] } else { &[("h", 3600), ("m", 60), ("s", 1)] };
        for (unit, seconds) in scale {
            if rest >= *seconds {
                write!(formatter, "{}{unit}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Span;
        impl Visitor<'_> for Span {
            type Value = TimeSpan;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a span of time such as `90s`, `20m`, `1h30m` or `0`")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<TimeSpan, E> {
                match number {
                    0 => Ok(TimeSpan { seconds: 0 }),
                    _ => {
                        Err(E::custom(format_args!("{number} of what? write `{number}s`, `{number}m` or `{number}h`")))
                    }
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TimeSpan, E> {
                TimeSpan::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Span)
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A span of time such as `90s`, `20m`, `1h30m`, `1d`, `00:20:00`, or `0`."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let span = TimeSpan::parse(text).map(|span| (span.to_string(), span.to_clock()));
        assert_eq!(span, expected.map(|(words, clock)| (words.to_owned(), clock.to_owned())), "{text}");
    }

    #[test]
    fn spans_are_read_and_written() {
        check("0", Some(("0", "00:00:00")));
        check("20m", Some(("20m", "00:20:00")));
        check("90s", Some(("1m30s", "00:01:30")));
        check("29h", Some(("29h", "1.05:00:00")));
        check("29:00:00", Some(("29h", "1.05:00:00")));
        check("1.05:00:00", Some(("29h", "1.05:00:00")));
        check("1h30m", Some(("1h30m", "01:30:00")));
        check("2d", Some(("2d", "2.00:00:00")));
        check("03:00", Some(("3h", "03:00:00")));
        for wrong in
            ["", "m", "20", "20x", "m20", "00:61:00", "1:2:3:4", "-1s", "1s1h", "99999999999999999999d", "x.00:00:00"]
        {
            check(wrong, None);
        }
    }

    proptest! {
        #[test]
        fn both_forms_read_back(seconds in 0_u64..10_000_000) {
            let span = TimeSpan { seconds };
            prop_assert_eq!(TimeSpan::parse(&span.to_string()), Some(span));
            prop_assert_eq!(TimeSpan::parse(&span.to_clock()), Some(span));
        }
    }
}
