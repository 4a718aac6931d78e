//! CONVERT and CAST, and the conversions that happen by themselves.

use uuid::Uuid;

use crate::lab::sql::moment::Moment;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::value::{Type, Value, guid_text, hex_bytes, hex_text};

/// A value as another type.
///
/// # Errors
/// 245, 529, 8169 and their kin for what cannot be converted.
pub fn convert(value: &Value, to: Type, style: Option<i64>) -> Result<Value, SqlError> {
    let converted = match (value, to) {
        (Value::Null, _) => Value::Null,
        (value, Type::Variant) => value.clone(),
        (value, Type::Text(length)) => {
            let text = text_of(value, style);
            match length {
                Some(length) => Value::Text(cut(&text, usize::from(length))),
                None => Value::Text(text),
            }
        }
        (Value::Bytes(bytes), Type::Guid) => match <[u8; 16]>::try_from(bytes.get(..16).unwrap_or_default()) {
            Ok(bytes) => Value::Guid(Uuid::from_bytes_le(bytes)),
            Err(_) => return Err(not_a_guid()),
        },
        (Value::Guid(guid), Type::Guid) => Value::Guid(*guid),
        (Value::Text(text), Type::Guid) => {
            let text = text.trim().trim_start_matches('{').trim_end_matches('}');
            Value::Guid(Uuid::parse_str(text).map_err(|_| not_a_guid())?)
        }
        (value, Type::Bytes(length)) => {
            let mut bytes = bytes_of(value, style)?;
            if let Some(length) = length {
                bytes.truncate(usize::from(length));
            }
            Value::Bytes(bytes)
        }
        (Value::Bit(bit), Type::Bit) => Value::Bit(*bit),
        (Value::Int(number), Type::Bit) => Value::Bit(*number != 0),
        (Value::Text(text), Type::Bit) => match text.trim().to_ascii_lowercase().as_str() {
            "1" | "true" => Value::Bit(true),
            "0" | "false" | "" => Value::Bit(false),
            _ => return Err(failed(value, to)),
        },
        (Value::Time(moment), Type::Time) => Value::Time(*moment),
        (Value::Text(text), Type::Time) => Value::Time(Moment::parse(text).ok_or_else(|| {
            SqlError::new(241, 16, "Conversion failed when converting date and/or time from character string.")
        })?),
        (value, to) => match to.range() {
            Some(range) => number(value, to, range)?,
            None => return Err(not_allowed(value, to)),
        },
    };
    Ok(converted)
}

fn number(value: &Value, to: Type, (least, most): (i64, i64)) -> Result<Value, SqlError> {
    let number = match value {
        Value::Int(number) => *number,
        Value::Bit(bit) => i64::from(*bit),
        Value::Text(text) if text.trim().is_empty() => 0,
        Value::Text(text) => text.trim().parse().map_err(|_| failed(value, to))?,
        Value::Bytes(bytes) => bytes.iter().rev().take(8).rev().fold(0, |number, byte| number << 8 | i64::from(*byte)),
        _ => return Err(not_allowed(value, to)),
    };
    if (least..=most).contains(&number) {
        return Ok(Value::Int(number));
    }
    let text = format!("Arithmetic overflow error converting expression to data type {}.", to.name());
    Err(SqlError::new(8115, 16, text).with_state(2))
}

fn text_of(value: &Value, style: Option<i64>) -> String {
    match (value, style) {
        (Value::Bytes(bytes), Some(1)) => format!("0x{}", hex_text(bytes)),
        (Value::Bytes(bytes), Some(2)) => hex_text(bytes),
        (Value::Time(moment), Some(126 | 127)) => moment.iso(),
        (Value::Time(moment), Some(20 | 120)) => moment.odbc().chars().take(19).collect(),
        (Value::Time(moment), Some(21 | 121 | 25)) => moment.odbc(),
        (Value::Time(moment), Some(112)) => moment.odbc().chars().take(10).filter(|digit| *digit != '-').collect(),
        (Value::Time(moment), Some(23)) => moment.odbc().chars().take(10).collect(),
        _ => value.to_text().unwrap_or_default(),
    }
}

fn bytes_of(value: &Value, style: Option<i64>) -> Result<Vec<u8>, SqlError> {
    Ok(match (value, style) {
        (Value::Bytes(bytes), _) => bytes.clone(),
        (Value::Guid(guid), _) => guid.to_bytes_le().to_vec(),
        (Value::Text(text), Some(1 | 2)) => {
            let digits = if style == Some(1) { text.strip_prefix("0x") } else { Some(text.as_str()) };
            let bytes = digits.filter(|digits| digits.len() % 2 == 0).and_then(hex_bytes);
            bytes.ok_or_else(|| {
                SqlError::new(8114, 16, "Error converting data type nvarchar to varbinary.").with_state(5)
            })?
        }
        (Value::Text(text), _) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        (Value::Int(number), _) => match i32::try_from(*number) {
            Ok(number) => number.to_be_bytes().to_vec(),
            Err(_) => number.to_be_bytes().to_vec(),
        },
        (Value::Bit(bit), _) => vec![u8::from(*bit)],
        (value, _) => return Err(not_allowed(value, Type::Bytes(None))),
    })
}

/// The first UTF-16 units of a text.
fn cut(text: &str, units: usize) -> String {
    let mut left = units;
    text.chars()
        .take_while(|character| {
            let enough = left >= character.len_utf16();
            left = left.saturating_sub(character.len_utf16());
            enough
        })
        .collect()
}

fn failed(value: &Value, to: Type) -> SqlError {
    let (from, text) = (value.natural_type().name(), value.to_text().unwrap_or_default());
    SqlError::new(
        245,
        16,
        format!("Conversion failed when converting the {from} value '{text}' to data type {}.", to.name()),
    )
}

fn not_allowed(value: &Value, to: Type) -> SqlError {
    let from = value.natural_type().name();
    SqlError::new(529, 16, format!("Explicit conversion from data type {from} to {} is not allowed.", to.name()))
}

fn not_a_guid() -> SqlError {
    SqlError::new(8169, 16, "Conversion failed when converting from a character string to uniqueidentifier.")
        .with_state(2)
}

/// A SID as Windows and SQL Server keep it, in hexadecimal: revision, count, authority, parts (MS-DTYP 2.4.2.2).
pub fn binary_sid(sid: &str) -> String {
    let mut parts = sid.split('-').skip(2).map(|part| part.parse::<u64>().unwrap_or(0));
    let authority = parts.next().unwrap_or(0);
    let rest: Vec<u32> = parts.map(|part| u32::try_from(part).unwrap_or(0)).collect();
    let mut bytes = vec![1, u8::try_from(rest.len()).unwrap_or(0)];
    bytes.extend_from_slice(&authority.to_be_bytes()[2..]);
    bytes.extend(rest.iter().flat_map(|part| part.to_le_bytes()));
    hex_text(&bytes)
}

/// Two values by SQL Server's order, texts without regard to case; `None` where one of them is NULL.
///
/// # Errors
/// When they cannot be compared.
pub fn compare(left: &Value, right: &Value) -> Result<Option<std::cmp::Ordering>, SqlError> {
    Ok(Some(match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Text(left), Value::Text(right)) => folded(left).cmp(&folded(right)),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Guid(left), Value::Guid(right)) => guid_text(left).cmp(&guid_text(right)),
        (Value::Time(left), Value::Time(right)) => left.cmp(right),
        (Value::Guid(_), other) => return flip(other, left, Type::Guid),
        (other, Value::Guid(_)) => return same(other, right, Type::Guid),
        (Value::Time(_), other) => return flip(other, left, Type::Time),
        (other, Value::Time(_)) => return same(other, right, Type::Time),
        (Value::Int(_) | Value::Bit(_), _) | (_, Value::Int(_) | Value::Bit(_)) => {
            let number = |value: &Value| number(value, Type::BigInt, (i64::MIN, i64::MAX));
            match (number(left)?, number(right)?) {
                (Value::Int(left), Value::Int(right)) => left.cmp(&right),
                _ => return Ok(None),
            }
        }
        (Value::Bytes(left), Value::Text(_)) => left.cmp(&bytes_of(right, None)?),
        (Value::Text(_), Value::Bytes(right)) => bytes_of(left, None)?.cmp(right),
    }))
}

fn same(other: &Value, typed: &Value, kind: Type) -> Result<Option<std::cmp::Ordering>, SqlError> {
    compare(&convert(other, kind, None)?, typed)
}

fn flip(other: &Value, typed: &Value, kind: Type) -> Result<Option<std::cmp::Ordering>, SqlError> {
    compare(typed, &convert(other, kind, None)?)
}

/// A text as a comparison sees it: letter case and blanks at the end do not count.
pub fn folded(text: &str) -> String {
    text.trim_end_matches(' ').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_are_windows_own() {
        assert_eq!(binary_sid("S-1-5-32-544"), "01020000000000052000000020020000");
        assert_eq!(binary_sid("S-1-5-18"), "010100000000000512000000");
    }

    #[test]
    fn values_are_converted_as_sql_server_does() {
        let moment = Value::Time(Moment::parse("2026-11-21T12:34:56.123").unwrap());
        for (value, to, style, expected) in [
            (Value::Bytes(vec![1, 171]), Type::Text(None), Some(1), Value::text("0x01AB")),
            (moment.clone(), Type::Text(Some(30)), Some(126), Value::text("2026-11-21T12:34:56.123")),
            (moment, Type::Text(Some(30)), Some(112), Value::text("20261121")),
            (Value::text("12"), Type::Int, None, Value::Int(12)),
            (Value::text("0x0A"), Type::Bytes(None), Some(1), Value::Bytes(vec![10])),
            (Value::text("abcdef"), Type::Text(Some(3)), None, Value::text("abc")),
            (Value::Int(258), Type::Bytes(Some(4)), None, Value::Bytes(vec![0, 0, 1, 2])),
            (Value::Int(5), Type::Bit, None, Value::Bit(true)),
        ] {
            assert_eq!(convert(&value, to, style).unwrap(), expected);
        }
        assert_eq!(convert(&Value::text("x"), Type::Int, None).unwrap_err().number, 245);
        assert_eq!(convert(&Value::Int(256), Type::TinyInt, None).unwrap_err().number, 8115);
        assert_eq!(convert(&Value::text("x"), Type::Guid, None).unwrap_err().number, 8169);
    }
}
