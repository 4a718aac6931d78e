//! Numbers and time spans as IIS writes them.

/// An integer in decimal or, after `0x`, in hexadecimal.
pub(super) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let unsigned = digits.strip_prefix('-').filter(|_| radix == 10).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok()
}

/// A time span `[d.]hh:mm[:ss]` in seconds. Hours may exceed a day, as in the `29:00:00` of the schema.
pub(super) fn timespan_seconds(text: &str) -> Option<i64> {
    let (days, clock) = match text.trim().split_once('.') {
        Some((days, clock)) => (integer(days)?, clock),
        None => (0, text.trim()),
    };
    let parts: Vec<i64> = clock.split(':').map(integer).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (*hours, *minutes, 0),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let fits = days >= 0 && hours >= 0 && (0..60).contains(&minutes) && (0..60).contains(&seconds);
    if !fits {
        return None;
    }
    let hours = days.checked_mul(24)?.checked_add(hours)?;
    hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
}

/// Seconds as `hh:mm:ss`, from one day on as `d.hh:mm:ss`.
pub(super) fn timespan(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days == 0 { clock } else { format!("{days}.{clock}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_of_all_shapes_are_read() {
        for (text, expected) in [
            ("00:20:00", Some(1200)),
            ("00:20", Some(1200)),
            ("29:00:00", Some(104_400)),
            ("1.05:00:00", Some(104_400)),
            ("20", None),
            ("00:60:00", None),
            ("-1.00:00:00", None),
            ("9223372036854775807.00:00:00", None),
            ("", None),
        ] {
            assert_eq!(timespan_seconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_span_is_read_as_it_was_written(seconds in 0i64..10_000_000) {
            prop_assert_eq!(timespan_seconds(&timespan(seconds)), Some(seconds));
        }
    }
}
