//! Values and their types, as SQL Server has them.

use uuid::Uuid;

use super::moment::Moment;

/// A value of a column, a variable or an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// `bit`.
    Bit(bool),
    /// `tinyint`, `smallint`, `int` and `bigint`.
    Int(i64),
    /// `nvarchar` and its kin.
    Text(String),
    /// `varbinary`.
    Bytes(Vec<u8>),
    /// `uniqueidentifier`.
    Guid(Uuid),
    /// `datetime`.
    Time(Moment),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bit`.
    Bit,
    /// `tinyint`.
    TinyInt,
    /// `smallint`.
    SmallInt,
    /// `int`.
    Int,
    /// `bigint`.
    BigInt,
    /// `nvarchar(n)`, at most 4000 characters; `None` for `nvarchar(max)`.
    Text(Option<u16>),
    /// `varbinary(n)`, at most 8000 bytes; `None` for `varbinary(max)`.
    Bytes(Option<u16>),
    /// `uniqueidentifier`.
    Guid,
    /// `datetime`.
    Time,
    /// `sql_variant`, a value that brings its type along.
    Variant,
}

impl Type {
    /// `sysname`, the type of all names.
    pub const NAME: Type = Type::Text(Some(128));

    /// Its name, as messages have it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bit => "bit",
            Type::TinyInt => "tinyint",
            Type::SmallInt => "smallint",
            Type::Int => "int",
            Type::BigInt => "bigint",
            Type::Text(_) => "nvarchar",
            Type::Bytes(_) => "varbinary",
            Type::Guid => "uniqueidentifier",
            Type::Time => "datetime",
            Type::Variant => "sql_variant",
        }
    }

    /// The smallest and largest whole number of the type; `None` where it holds no numbers.
    pub fn range(self) -> Option<(i64, i64)> {
        match self {
            Type::TinyInt => Some((0, 255)),
            Type::SmallInt => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
            Type::Int => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Type::BigInt => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A value, or NULL where there is none.
    pub fn or_null<T>(value: Option<T>, of: impl FnOnce(T) -> Value) -> Value {
        value.map_or(Value::Null, of)
    }

    /// The type a value has by itself.
    pub fn natural_type(&self) -> Type {
        match self {
            Value::Null => Type::Int,
            Value::Bit(_) => Type::Bit,
            Value::Int(number) if i32::try_from(*number).is_ok() => Type::Int,
            Value::Int(_) => Type::BigInt,
            Value::Text(text) => {
                let units = text.encode_utf16().count();
                Type::Text(u16::try_from(units.max(1)).ok().filter(|units| *units <= 4000))
            }
            Value::Bytes(bytes) => Type::Bytes(u16::try_from(bytes.len().max(1)).ok().filter(|length| *length <= 8000)),
            Value::Guid(_) => Type::Guid,
            Value::Time(_) => Type::Time,
        }
    }

    /// As text, as an implicit conversion makes it; `None` for NULL.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Value::Null => None,
            Value::Bit(bit) => Some(u8::from(*bit).to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::Bytes(bytes) => {
                // Two bytes are one UTF-16 character, as in SQL Server.
                let units: Vec<u16> = bytes
                    .chunks(2)
                    .map(|pair| pair.iter().rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
                    .collect();
                Some(String::from_utf16_lossy(&units))
            }
            Value::Guid(guid) => Some(guid_text(guid)),
            Value::Time(moment) => Some(moment.plain()),
        }
    }
}

/// A GUID as SQL Server writes it: upper case, with hyphens.
pub fn guid_text(guid: &Uuid) -> String {
    guid.hyphenated().to_string().to_ascii_uppercase()
}

/// Bytes in hexadecimal, upper case.
pub fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The bytes of a hexadecimal text; a missing first digit counts as 0.
pub fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let text = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
    if !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
