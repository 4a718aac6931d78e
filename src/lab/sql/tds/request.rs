//! Requests: batches, remote procedure calls, transactions (MS-TDS 2.2.6.6, 2.2.6.7, 2.2.6.9).

use std::io;

use super::column::read_parameter;
use super::packet::{Kind, invalid};
use super::reader::Reader;
use crate::lab::sql::run::Parameter;
use crate::lab::sql::value::Value;

/// A request, as T-SQL.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// How it came.
    pub kind: crate::lab::sql::Kind,
    /// Its text.
    pub text: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
}

/// Reads a request.
///
/// # Errors
/// When it is broken, or asks for what the lab does not have.
pub fn read(kind: Kind, payload: &[u8]) -> io::Result<Request> {
    let mut reader = Reader::new(payload);
    reader.skip_headers()?;
    match kind {
        Kind::Batch => Ok(plain(crate::lab::sql::Kind::Batch, reader.rest_text())),
        Kind::Rpc => call(&mut reader),
        Kind::Transaction => {
            let text = match reader.u16()? {
                5 => "BEGIN TRANSACTION",
                7 => "COMMIT TRANSACTION",
                8 => "ROLLBACK TRANSACTION",
                _ => return Err(invalid("a request of the transaction manager that the lab does not take")),
            };
            Ok(plain(crate::lab::sql::Kind::Transaction, text.to_owned()))
        }
        _ => Err(invalid("a message that is no request")),
    }
}

fn plain(kind: crate::lab::sql::Kind, text: String) -> Request {
    Request { kind, text, parameters: Vec::new() }
}

fn call(reader: &mut Reader) -> io::Result<Request> {
    let units = reader.u16()?;
    let procedure = if units == u16::MAX {
        match reader.u16()? {
            10 => "sp_executesql".to_owned(),
            number => {
                return Err(invalid(&format!("a call of system procedure {number}, which the lab does not have")));
            }
        }
    } else {
        reader.text(usize::from(units))?
    };
    reader.u16()?;
    let mut parameters = Vec::new();
    // Another call in the same message would follow a separator.
    while !reader.is_done() && !reader.peeks(0xFF) && !reader.peeks(0x80) {
        let name = reader.short_text()?;
        reader.u8()?;
        let (kind, value) = read_parameter(reader)?;
        parameters.push(Parameter { name, kind, value });
    }
    let kind = crate::lab::sql::Kind::Rpc;
    let bare = procedure.rsplit('.').next().unwrap_or(&procedure).trim_matches(['[', ']']);
    if bare.eq_ignore_ascii_case("sp_executesql") {
        let mut given = parameters.into_iter();
        let Some(Parameter { value: Value::Text(text), .. }) = given.next() else {
            return Err(invalid("sp_executesql without a statement"));
        };
        let declared = given.next().and_then(|declared| declared.value.to_text()).unwrap_or_default();
        let declared = crate::lab::sql::run::declarations(&declared).map_err(|error| invalid(&error.text))?;
        let parameters = given.enumerate().map(|(at, parameter)| {
            let (name, kind) = declared.get(at).cloned().unwrap_or((parameter.name.clone(), parameter.kind));
            let name = if parameter.name.is_empty() { name } else { parameter.name };
            Parameter { name, kind, value: parameter.value }
        });
        return Ok(Request { kind, text, parameters: parameters.collect() });
    }
    let mut arguments = Vec::new();
    for (at, parameter) in parameters.iter_mut().enumerate() {
        let variable = format!("@rpc{at}");
        let named = if parameter.name.is_empty() { String::new() } else { format!("{} = ", parameter.name) };
        arguments.push(format!("{named}{variable}"));
        parameter.name = variable;
    }
    Ok(Request { kind, text: format!("EXEC {procedure} {}", arguments.join(", ")), parameters })
}
