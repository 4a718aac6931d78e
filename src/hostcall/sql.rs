//! What SQL Server answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Refusal, RefusalCode};

/// Answer to a `sql` read: the rows of its one result.
///
/// Values are texts, whole numbers, booleans (`bit`) and null; a `uniqueidentifier` is told in upper case, a point in
/// time as `2026-11-21T12:34:56.123`, bytes as `0x` and hexadecimal digits in upper case, whichever way they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlRows {
    /// Names of the columns, in lower case.
    pub columns: Vec<String>,
    /// The rows, a value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl SqlRows {
    /// Each row by the names of its columns.
    pub fn into_objects(self) -> impl Iterator<Item = Map<String, Value>> {
        let SqlRows { columns, rows } = self;
        rows.into_iter().map(move |row| columns.iter().cloned().zip(row).collect())
    }
}

/// What a `sql` write tells when done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlDone {
    /// What took the place of `{found}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What the server said besides, such as message 15588 of a key that is the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<SqlMessage>,
}

/// A message of the server that is no error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlMessage {
    /// Its number.
    pub number: i32,
    /// Its text.
    pub text: String,
}

/// No database of that name (sys.messages).
const NO_DATABASE: i32 = 911;

impl Refusal {
    /// An error of SQL Server, in its own words. How it was numbered stands where other refusals have a code.
    pub fn sql(number: i32, level: u8, state: u8, text: impl Into<String>) -> Refusal {
        let hresult = Some(format!("Msg {number}, Level {level}, State {state}"));
        Refusal { code: RefusalCode::Failed, text: text.into(), hresult }
    }

    /// The number of SQL Server's error, where it is one.
    pub fn sql_number(&self) -> Option<i32> {
        let numbered = self.hresult.as_ref()?.strip_prefix("Msg ")?;
        numbered.split(',').next()?.parse().ok()
    }

    /// Whether it says that there is no such database.
    pub fn is_no_database(&self) -> bool {
        self.sql_number() == Some(NO_DATABASE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_number() {
        let refusal = Refusal::sql(911, 16, 1, "Database 'x' does not exist.");
        assert_eq!(refusal.hresult.as_deref(), Some("Msg 911, Level 16, State 1"));
        assert_eq!((refusal.sql_number(), refusal.is_no_database()), (Some(911), true));
        let other = Refusal { hresult: Some("0x80070005".to_owned()), ..refusal };
        assert_eq!((other.sql_number(), other.is_no_database()), (None, false));
    }

    #[test]
    fn rows_are_told_by_name() {
        let rows: SqlRows = serde_json::from_str(r#"{"columns":["a","b"],"rows":[[1,null],["x",true]]}"#).unwrap();
        let objects: Vec<_> = rows.into_objects().map(Value::Object).collect();
        assert_eq!(Value::Array(objects).to_string(), r#"[{"a":1,"b":null},{"a":"x","b":true}]"#);
    }
}
