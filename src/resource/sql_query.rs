//! `sql_query`: a statement of one's own, for what no kind knows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::sql;
use super::{Disturbance, Found, Phase, Problems, Reads, Resource, Writes};
use crate::hostcall::{Refusal, Text, Write};
use crate::value::Changes;

/// A query of one's own and what to run where it does not give what it shall.
///
/// farmhand does not know what either does. So `plan` and `audit` run neither, and say that they did not look, unless
/// `--run-opaque` is given; `apply` runs `test`, and `set` where the result differs, and `test` again.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlQuery {
    /// What it is about, in words.
    pub name: String,
    /// The database in which both run.
    pub database: String,
    /// One SELECT, whose first row's first column is compared.
    #[schemars(extend("writeOnly" = true))]
    pub test: String,
    /// What it shall give: a text, a whole number, `true`, `false`, or `null` for no row.
    pub expect: Scalar,
    /// The batch to run where it gives something else.
    #[schemars(extend("writeOnly" = true))]
    pub set: String,
}

/// A single value as T-SQL gives it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Scalar(Value);

/// What stands for no value, which in a comparison would be a property that nobody manages.
const NO_VALUE: &str = "no value";

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Value::Null => serializer.serialize_str(NO_VALUE),
            value => value.serialize(serializer),
        }
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "boolean", "null"] })
    }
}

impl Scalar {
    /// The value as a text; T-SQL's `bit` is 1 or 0 for whoever writes a number.
    fn text(&self) -> Option<String> {
        match &self.0 {
            Value::Null => None,
            Value::Bool(on) => Some(i32::from(*on).to_string()),
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// The desired spelling where the value found says the same.
    fn in_own_words(&self, found: Value) -> Scalar {
        let found = Scalar(found);
        if found.text() == self.text() { self.clone() } else { found }
    }
}

impl Resource for SqlQuery {
    const KIND: &'static str = "sql_query";
    const EXAMPLE: &'static str = include_str!("sql_query.example.yml");
    const BARRIER: Option<&'static str> = Some("sql_query");
    const OPAQUE: bool = true;

    fn name(&self) -> String {
        format!("{}/{}", self.database, self.name)
    }

    fn check(&self, problems: &mut Problems) {
        sql::check_name("database", &self.database, problems);
        if matches!(self.expect.0, Value::Array(_) | Value::Object(_) | Value::Number(_))
            && self.expect.0.as_i64().is_none()
        {
            problems.add("expect", "one value is compared", "a text, a whole number, true, false or null");
        }
        for (property, text) in [("test", &self.test), ("set", &self.set)] {
            let is_go = |line: &str| line.trim().eq_ignore_ascii_case("go");
            if text.lines().any(is_go) {
                problems.add(property, "GO is no T-SQL but a word of some tools", "one batch; a step for each");
            }
        }
        if !self.test.trim_start().to_ascii_lowercase().starts_with("select") {
            problems.add("test", "a test is a SELECT", "SELECT COUNT(*) FROM …");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.sql_text(&self.database, &self.test);
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let Some(rows) = found.sql_text(&self.database, &self.test)? else { return Ok(None) };
        let first = rows.rows.into_iter().next().and_then(|row| row.into_iter().next());
        let expect = self.expect.in_own_words(first.unwrap_or(Value::Null));
        Ok(Some(SqlQuery { expect, ..self.clone() }))
    }

    fn writes(&self, _: &Found, _: &Changes, writes: &mut Writes) {
        let write = Write::Sql {
            instance: String::new(),
            database: self.database.clone(),
            purpose: format!("see to it that {}", self.name),
            text: Text::Plain(self.set.clone()),
            arguments: std::collections::BTreeMap::new(),
            find: None,
        };
        writes.add(Phase::Sql, write);
    }

    fn disturbs(&self, _: &Found, _: &Changes) -> Disturbance {
        // What it does is not known, so the worst that a statement can do to whoever is connected is taken.
        Disturbance::Restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_the_same_however_it_is_written() {
        let check = |desired: Value, found: Value, same: bool| {
            let desired = Scalar(desired);
            assert_eq!(desired.in_own_words(found.clone()) == desired, same, "{desired:?} {found}");
        };
        check(json!(1), json!(1), true);
        check(json!(1), json!(true), true);
        check(json!("1"), json!(1), true);
        check(json!(false), json!(0), true);
        check(json!(null), json!(null), true);
        check(json!(null), json!(0), false);
        check(json!("a"), json!("A"), false);
    }
}
