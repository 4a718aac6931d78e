//! Functions of texts.

use sha1::Digest as _;

use crate::lab::sql::error::incorrect;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::value::Value;

/// HASHBYTES.
pub fn hash(algorithm: &str, value: &Value) -> Value {
    let bytes = match value {
        Value::Null => return Value::Null,
        Value::Bytes(bytes) => bytes.clone(),
        other => other.to_text().unwrap_or_default().encode_utf16().flat_map(u16::to_le_bytes).collect(),
    };
    match algorithm.to_ascii_uppercase().as_str() {
        "SHA2_256" => Value::Bytes(<sha2::Sha256 as sha2::Digest>::digest(&bytes).to_vec()),
        "SHA2_512" => Value::Bytes(<sha2::Sha512 as sha2::Digest>::digest(&bytes).to_vec()),
        "SHA1" | "SHA" => Value::Bytes(sha1::Sha1::digest(&bytes).to_vec()),
        _ => Value::Null,
    }
}

/// A function of texts by its name in upper case.
///
/// # Errors
/// When an argument is of the wrong type.
pub fn text_function(name: &str, arguments: &[Value]) -> Result<Value, SqlError> {
    let text = |at: usize| arguments.get(at).and_then(Value::to_text);
    let number = |at: usize| match arguments.get(at) {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(incorrect(name)),
    };
    if name == "CONCAT" {
        return Ok(Value::Text((0..arguments.len()).filter_map(text).collect()));
    }
    if name == "DATALENGTH" {
        let length = match arguments.first() {
            Some(Value::Bytes(bytes)) => bytes.len(),
            Some(Value::Null) | None => return Ok(Value::Null),
            Some(Value::Text(text)) => 2 * text.encode_utf16().count(),
            Some(Value::Guid(_)) => 16,
            Some(Value::Time(_)) => 8,
            Some(_) => 4,
        };
        return Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)));
    }
    let Some(first) = text(0) else { return Ok(Value::Null) };
    let characters = || first.chars();
    let size = |number: i64| usize::try_from(number).unwrap_or(0);
    Ok(Value::Text(match name {
        "UPPER" => first.to_uppercase(),
        "LOWER" => first.to_lowercase(),
        "LTRIM" => first.trim_start_matches(' ').to_owned(),
        "RTRIM" => first.trim_end_matches(' ').to_owned(),
        "LEN" => {
            let length = first.trim_end_matches(' ').encode_utf16().count();
            return Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)));
        }
        "LEFT" => characters().take(size(number(1)?)).collect(),
        "RIGHT" => characters().skip(characters().count().saturating_sub(size(number(1)?))).collect(),
        "SUBSTRING" => {
            // Positions before the first count towards the length, as in SQL Server.
            let (start, length) = (number(1)?, number(2)?);
            let end = (start + length.max(0)).max(1);
            characters().skip(size(start.max(1) - 1)).take(size(end - start.max(1))).collect()
        }
        "REPLACE" => match (text(1), text(2)) {
            (Some(from), Some(to)) if !from.is_empty() => first.replace(&from, &to),
            (Some(_), Some(_)) => first,
            _ => return Ok(Value::Null),
        },
        "CHARINDEX" => {
            let Some(within) = text(1) else { return Ok(Value::Null) };
            let (within, first) = (within.to_lowercase(), first.to_lowercase());
            let at = within.find(&first).map_or(0, |at| within[..at].chars().count() + 1);
            return Ok(Value::Int(i64::try_from(at).unwrap_or(0)));
        }
        "QUOTENAME" => {
            if first.encode_utf16().count() > 128 {
                return Ok(Value::Null);
            }
            match text(1).as_deref() {
                None | Some("[" | "]" | "") => format!("[{}]", first.replace(']', "]]")),
                Some("'") => format!("'{}'", first.replace('\'', "''")),
                Some("\"") => format!("\"{}\"", first.replace('"', "\"\"")),
                Some(_) => return Ok(Value::Null),
            }
        }
        _ => return Err(incorrect(name)),
    }))
}
