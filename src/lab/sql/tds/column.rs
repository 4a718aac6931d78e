//! Types and values of columns and parameters (MS-TDS 2.2.5.4, 2.2.5.5).

use std::io;

use uuid::Uuid;

use super::packet::invalid;
use super::reader::{Reader, utf16};
use crate::lab::sql::run::convert_value;
use crate::lab::sql::value::{Type, Value};

/// SQL_Latin1_General_CP1_CI_AS.
pub const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

const INT_N: u8 = 0x26;
const BIT_N: u8 = 0x68;
const GUID: u8 = 0x24;
const DATE_TIME_N: u8 = 0x6F;
const N_VARCHAR: u8 = 0xE7;
const VAR_BINARY: u8 = 0xA5;
const VARIANT: u8 = 0x62;
/// The most bytes of a value that is not (max).
const MOST_BYTES: u16 = 8000;

/// Writes a column's type.
pub fn write_type(kind: Type, out: &mut Vec<u8>) {
    match kind {
        Type::Bit => out.extend([BIT_N, 1]),
        Type::TinyInt | Type::SmallInt | Type::Int | Type::BigInt => out.extend([INT_N, int_bytes(kind)]),
        Type::Guid => out.extend([GUID, 16]),
        Type::Time => out.extend([DATE_TIME_N, 8]),
        Type::Text(length) => {
            out.push(N_VARCHAR);
            out.extend(length.map_or(u16::MAX, |length| length.saturating_mul(2).min(MOST_BYTES)).to_le_bytes());
            out.extend(COLLATION);
        }
        Type::Bytes(length) => {
            out.push(VAR_BINARY);
            out.extend(length.map_or(u16::MAX, |length| length.min(MOST_BYTES)).to_le_bytes());
        }
        Type::Variant => {
            out.push(VARIANT);
            out.extend(8009_u32.to_le_bytes());
        }
    }
}

fn int_bytes(kind: Type) -> u8 {
    match kind {
        Type::TinyInt => 1,
        Type::SmallInt => 2,
        Type::Int => 4,
        _ => 8,
    }
}

/// Writes a value of a column.
pub fn write_value(kind: Type, value: &Value, out: &mut Vec<u8>) {
    let value = convert_value(value, kind, None).unwrap_or(Value::Null);
    match (kind, &value) {
        (Type::Variant, value) => write_variant(value, out),
        (Type::Text(None) | Type::Bytes(None), Value::Null) => out.extend(u64::MAX.to_le_bytes()),
        (Type::Text(_) | Type::Bytes(_), Value::Null) => out.extend(u16::MAX.to_le_bytes()),
        (_, Value::Null) => out.push(0),
        (Type::Text(length), Value::Text(text)) => write_long(&utf16_bytes(text), length.is_none(), out),
        (Type::Bytes(length), Value::Bytes(bytes)) => write_long(bytes, length.is_none(), out),
        (kind, value) => {
            let bytes = fixed_bytes(kind, value);
            out.push(u8::try_from(bytes.len()).unwrap_or(0));
            out.extend(bytes);
        }
    }
}

/// A value behind its length; in chunks where it may be of any length (PLP).
fn write_long(bytes: &[u8], chunked: bool, out: &mut Vec<u8>) {
    if !chunked {
        let bytes = bytes.get(..usize::from(MOST_BYTES)).unwrap_or(bytes);
        out.extend(u16::try_from(bytes.len()).unwrap_or(MOST_BYTES).to_le_bytes());
        out.extend(bytes);
        return;
    }
    out.extend(u64::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    if !bytes.is_empty() {
        out.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        out.extend(bytes);
    }
    out.extend(0_u32.to_le_bytes());
}

fn fixed_bytes(kind: Type, value: &Value) -> Vec<u8> {
    match value {
        Value::Bit(bit) => vec![u8::from(*bit)],
        Value::Int(number) => number.to_le_bytes()[..usize::from(int_bytes(kind))].to_vec(),
        Value::Guid(guid) => guid.to_bytes_le().to_vec(),
        Value::Time(moment) => {
            let (days, ticks) = moment.days_and_ticks();
            [days.to_le_bytes(), ticks.to_le_bytes()].concat()
        }
        Value::Null | Value::Text(_) | Value::Bytes(_) => Vec::new(),
    }
}

/// sql_variant: length, base type, properties, bytes.
fn write_variant(value: &Value, out: &mut Vec<u8>) {
    let cut = |bytes: Vec<u8>| bytes.into_iter().take(usize::from(MOST_BYTES)).collect::<Vec<u8>>();
    let (base, properties, bytes) = match value {
        Value::Null => return out.extend(0_u32.to_le_bytes()),
        Value::Bit(_) => (0x32, Vec::new(), fixed_bytes(Type::Bit, value)),
        Value::Int(number) if i32::try_from(*number).is_ok() => (0x38, Vec::new(), fixed_bytes(Type::Int, value)),
        Value::Int(_) => (0x7F, Vec::new(), fixed_bytes(Type::BigInt, value)),
        Value::Guid(_) => (GUID, Vec::new(), fixed_bytes(Type::Guid, value)),
        Value::Time(_) => (0x3D, Vec::new(), fixed_bytes(Type::Time, value)),
        Value::Text(text) => {
            let properties = [&COLLATION[..], &MOST_BYTES.to_le_bytes()].concat();
            (N_VARCHAR, properties, cut(utf16_bytes(text)))
        }
        Value::Bytes(bytes) => (VAR_BINARY, MOST_BYTES.to_le_bytes().to_vec(), cut(bytes.clone())),
    };
    let total = 2 + properties.len() + bytes.len();
    out.extend(u32::try_from(total).unwrap_or(0).to_le_bytes());
    out.extend([base, u8::try_from(properties.len()).unwrap_or(0)]);
    out.extend(properties);
    out.extend(bytes);
}

/// A text as UTF-16, little-endian.
pub fn utf16_bytes(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Reads the type and value of a parameter.
///
/// # Errors
/// When it is broken or of a type that the lab does not take.
pub fn read_parameter(reader: &mut Reader) -> io::Result<(Type, Value)> {
    let code = reader.u8()?;
    Ok(match code {
        0x1F => (Type::Int, Value::Null),
        0x30 => (Type::TinyInt, Value::Int(i64::from(reader.u8()?))),
        0x32 => (Type::Bit, Value::Bit(reader.u8()? != 0)),
        0x34 => (Type::SmallInt, signed(reader.bytes(2)?)),
        0x38 => (Type::Int, signed(reader.bytes(4)?)),
        0x7F => (Type::BigInt, signed(reader.bytes(8)?)),
        INT_N | BIT_N | GUID => {
            let most = reader.u8()?;
            let length = reader.u8()?;
            let bytes = reader.bytes(usize::from(length))?;
            let kind = match (code, most) {
                (BIT_N, _) => Type::Bit,
                (GUID, _) => Type::Guid,
                (_, 1) => Type::TinyInt,
                (_, 2) => Type::SmallInt,
                (_, 4) => Type::Int,
                _ => Type::BigInt,
            };
            let value = match (kind, bytes) {
                (_, []) => Value::Null,
                (Type::Bit, [bit, ..]) => Value::Bit(*bit != 0),
                (Type::TinyInt, [byte, ..]) => Value::Int(i64::from(*byte)),
                (Type::Guid, bytes) => {
                    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| invalid("a GUID that is none"))?;
                    Value::Guid(Uuid::from_bytes_le(bytes))
                }
                (_, bytes) => signed(bytes),
            };
            (kind, value)
        }
        N_VARCHAR | 0xEF => {
            let most = reader.u16()?;
            reader.bytes(5)?;
            let bytes = read_long(reader, most)?;
            (Type::Text(units(most, 2)), Value::or_null(bytes, |bytes| Value::Text(utf16(&bytes))))
        }
        0xA7 | 0xAF => {
            let most = reader.u16()?;
            reader.bytes(5)?;
            let bytes = read_long(reader, most)?;
            // Code page 1252 is Latin-1 where the lab's texts are concerned.
            let text = |bytes: Vec<u8>| Value::Text(bytes.into_iter().map(char::from).collect());
            (Type::Text(units(most, 1)), Value::or_null(bytes, text))
        }
        VAR_BINARY | 0xAD => {
            let most = reader.u16()?;
            let bytes = read_long(reader, most)?;
            (Type::Bytes(units(most, 1)), Value::or_null(bytes, Value::Bytes))
        }
        0x63 => {
            reader.bytes(4 + 5)?;
            let length = reader.u32()?;
            let bytes = if length == u32::MAX {
                None
            } else {
                Some(reader.bytes(usize::try_from(length).unwrap_or(usize::MAX))?)
            };
            (Type::Text(None), Value::or_null(bytes, |bytes| Value::Text(utf16(bytes))))
        }
        _ => return Err(invalid("a parameter of a type that the lab does not take")),
    })
}

/// The length of a type in characters or bytes; `None` for (max).
fn units(most_bytes: u16, size: u16) -> Option<u16> {
    (most_bytes != u16::MAX).then_some((most_bytes / size).max(1))
}

fn signed(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let start: i64 = if negative { -1 } else { 0 };
    Value::Int(bytes.iter().rev().fold(start, |number, byte| number << 8 | i64::from(*byte)))
}

fn read_long(reader: &mut Reader, most: u16) -> io::Result<Option<Vec<u8>>> {
    if most != u16::MAX {
        let length = reader.u16()?;
        return if length == u16::MAX {
            Ok(None)
        } else {
            reader.bytes(usize::from(length)).map(|bytes| Some(bytes.to_vec()))
        };
    }
    if reader.u64()? == u64::MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    loop {
        let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if length == 0 {
            return Ok(Some(bytes));
        }
        bytes.extend_from_slice(reader.bytes(length)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_a_parameter() {
        let long = "ä".repeat(5000);
        for (kind, value) in [
            (Type::Int, Value::Int(-5)),
            (Type::BigInt, Value::Int(i64::MIN)),
            (Type::TinyInt, Value::Int(200)),
            (Type::Bit, Value::Bit(true)),
            (Type::Text(Some(10)), Value::text("it's")),
            (Type::Text(None), Value::text(long)),
            (Type::Bytes(Some(8)), Value::Bytes(vec![1, 2, 255])),
            (Type::Bytes(None), Value::Null),
            (Type::Guid, Value::Guid(Uuid::from_u128(77))),
            (Type::Int, Value::Null),
            (Type::Text(Some(3)), Value::Null),
        ] {
            let mut bytes = Vec::new();
            write_type(kind, &mut bytes);
            write_value(kind, &value, &mut bytes);
            let mut reader = Reader::new(&bytes);
            assert_eq!(read_parameter(&mut reader).unwrap(), (kind, value));
            assert!(reader.is_done());
        }
    }
}
