//! Values as SQL Server sends them, as [`crate::hostcall::SqlRows`] tells them.

use serde_json::Value;
use tiberius::ColumnData;
use tiberius::time::{Date, DateTime, DateTime2, SmallDateTime, Time};

/// Days from 1 January 0001 to 1 January 1900, from where `datetime` counts.
const DAYS_TO_1900: i64 = 693_595;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;

/// A value. The error says what it is that is not told.
pub(super) fn json(data: &ColumnData<'_>) -> Result<Value, &'static str> {
    let value = match data {
        ColumnData::U8(number) => number.map(Value::from),
        ColumnData::I16(number) => number.map(Value::from),
        ColumnData::I32(number) => number.map(Value::from),
        ColumnData::I64(number) => number.map(Value::from),
        ColumnData::Bit(bit) => bit.map(Value::from),
        ColumnData::String(text) => text.as_deref().map(Value::from),
        ColumnData::Guid(guid) => guid.map(|guid| Value::from(guid.to_string().to_uppercase())),
        ColumnData::Binary(bytes) => bytes.as_deref().map(|bytes| Value::from(binary(bytes))),
        ColumnData::DateTime(time) => time.map(|time| Value::from(date_time(time))),
        ColumnData::SmallDateTime(time) => time.map(|time| Value::from(small_date_time(time))),
        ColumnData::DateTime2(time) => time.map(|time| Value::from(date_time2(time))),
        ColumnData::F32(_) | ColumnData::F64(_) | ColumnData::Numeric(_) => return Err("a number with a fraction"),
        ColumnData::Xml(_) => return Err("XML"),
        _ => return Err("a time or a date alone, or one with an offset"),
    };
    Ok(value.unwrap_or(Value::Null))
}

fn binary(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02X}"))
}

/// Days since 1900 and 300ths of a second since midnight (MS-TDS 2.2.5.5.1.8).
fn date_time(time: DateTime) -> String {
    let fragments = u64::from(time.seconds_fragments());
    point(DAYS_TO_1900 + i64::from(time.days()), (fragments * 10 + 1) / 3)
}

/// Days since 1900 and minutes since midnight.
fn small_date_time(time: SmallDateTime) -> String {
    point(DAYS_TO_1900 + i64::from(time.days()), u64::from(time.seconds_fragments()) * 60_000)
}

/// Days since 1 January 0001 and 10^-scale seconds since midnight.
fn date_time2(moment: DateTime2) -> String {
    let (date, time): (Date, Time) = (moment.date(), moment.time());
    let units_per_second = 10_u64.pow(u32::from(time.scale()));
    point(i64::from(date.days()), time.increments() * 1000 / units_per_second)
}

/// A point in time from days since 1 January 0001 and milliseconds since midnight, which may run over into the next day.
fn point(days: i64, milliseconds: u64) -> String {
    let days = days + i64::from(milliseconds >= DAY_MS);
    let milliseconds = milliseconds % DAY_MS;
    let (year, month, day) = civil(days);
    let (seconds, fraction) = (milliseconds / 1000, milliseconds % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}")
}

/// Year, month and day of the proleptic Gregorian calendar from days since 1 January 0001.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 1 March of a year divisible by 400, so that leap days come last.
    let days = days + 306;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiberius::Uuid;

    #[test]
    fn values_are_told_as_the_contract_says() {
        let check = |data: ColumnData, expected: &str| assert_eq!(json(&data).unwrap().to_string(), expected);
        check(ColumnData::U8(Some(6)), "6");
        check(ColumnData::I64(Some(-5)), "-5");
        check(ColumnData::I32(None), "null");
        check(ColumnData::Bit(Some(true)), "true");
        check(ColumnData::String(Some("it's".into())), "\"it's\"");
        let guid = Uuid::parse_str("6f9619ff-8b86-d011-b42d-00c04fc964ff").unwrap();
        check(ColumnData::Guid(Some(guid)), "\"6F9619FF-8B86-D011-B42D-00C04FC964FF\"");
        check(ColumnData::Binary(Some(vec![1, 0xAB].into())), "\"0x01AB\"");
        check(ColumnData::DateTime(Some(DateTime::new(0, 0))), "\"1900-01-01T00:00:00.000\"");
        // What SQL Server prints as .003, .007 and .997.
        check(ColumnData::DateTime(Some(DateTime::new(46_345, 1))), "\"2026-11-21T00:00:00.003\"");
        check(ColumnData::DateTime(Some(DateTime::new(59, 2))), "\"1900-03-01T00:00:00.007\"");
        check(ColumnData::DateTime(Some(DateTime::new(-53_690, 25_919_999))), "\"1753-01-01T23:59:59.997\"");
        check(ColumnData::SmallDateTime(Some(SmallDateTime::new(36_583, 61))), "\"2000-02-29T01:01:00.000\"");
        let moment = DateTime2::new(Date::new(3_652_058), Time::new(863_999_999_999, 7));
        check(ColumnData::DateTime2(Some(moment)), "\"9999-12-31T23:59:59.999\"");
        assert!(json(&ColumnData::F64(Some(0.5))).is_err());
    }

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before() {
        let mut expected = (1, 1, 1);
        for day in 0..365_242 {
            assert_eq!(civil(day), expected, "{day}");
            let (year, month, of_month) = expected;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = if of_month < length {
                (year, month, of_month + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }
}
