//! `sql_trace_flag`: a trace flag of an instance, now and after its next start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, Argument, MASTER, TraceFlag, run};
use super::{Disturbance, Found, Phase, Problems, Reads, Resource, Writes};
use crate::hostcall::{Refusal, Write};
use crate::value::{Changes, SqlPart};

/// A global trace flag of the instance, such as 4133, which keeps the errors of query notifications out of its log.
///
/// Whether it is on now and whether it is on after the next start are two things; an instance is never restarted.
/// The second is a value in the registry of its machine, which needs a door to that machine: TDS alone can look at it
/// and not change it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlTraceFlag {
    /// Its number.
    pub flag: u32,
    /// Whether it is on now, for all sessions (`DBCC TRACEON`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// Whether SQL Server starts with it (`-T` among the startup arguments).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<bool>,
}

/// The highest number that a trace flag has.
const HIGHEST: u32 = 32_767;

impl SqlTraceFlag {
    /// The flag as a startup argument. A lower-case `-t` would be another, internal thing.
    fn argument(&self) -> String {
        format!("-T{}", self.flag)
    }

    fn arguments(found: &Found) -> Result<Vec<Argument>, Refusal> {
        let mut arguments = found.sql::<Argument>(MASTER, sql::STARTUP_ARGUMENTS)?.unwrap_or_default();
        arguments.sort_by_key(|it| number(&it.value_name));
        Ok(arguments)
    }

    fn is_ours(&self, argument: &Argument) -> bool {
        argument.value_data.as_deref() == Some(self.argument().as_str())
    }
}

/// The number in `SQLArg3`.
fn number(name: &str) -> usize {
    name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(usize::MAX)
}

/// The startup arguments as the steps before in the same stage leave them.
fn with_earlier(arguments: Vec<Argument>, calls: &[(Phase, Write)]) -> Vec<String> {
    let mut list: Vec<String> = arguments.into_iter().map(|it| it.value_data.unwrap_or_default()).collect();
    for (_, call) in calls {
        let Write::SetRegistry { name, text, .. } = call else { continue };
        match (number(name), text) {
            (index, Some(text)) if index < list.len() => list[index].clone_from(text),
            (index, Some(text)) if index == list.len() => list.push(text.clone()),
            (index, None) => list.truncate(index),
            _ => {}
        }
    }
    list
}

impl Resource for SqlTraceFlag {
    const KIND: &'static str = "sql_trace_flag";
    const EXAMPLE: &'static str = include_str!("sql_trace_flag.example.yml");

    fn name(&self) -> String {
        self.flag.to_string()
    }

    fn check(&self, problems: &mut Problems) {
        if self.flag == 0 || self.flag > HIGHEST {
            problems.add("flag", format!("there is no trace flag {}", self.flag), format!("1 to {HIGHEST}"));
        }
    }

    fn reads(&self, reads: &mut Reads) {
        if self.running.is_some() {
            reads.sql(MASTER, sql::TRACE_FLAGS);
        }
        if self.startup.is_some() {
            reads.sql(MASTER, sql::STARTUP_ARGUMENTS);
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let Some(startup) = self.startup else { return };
        let Ok(arguments) = Self::arguments(found) else { return };
        if arguments.iter().any(|it| self.is_ours(it)) != startup && found.host().is_err() {
            let message =
                "startup arguments are in the registry of SQL Server's machine, and nothing says how to reach it";
            problems.add(
                "startup",
                message,
                "give the host a `connection` (via: winrm) beside its `sql`, or leave it out",
            );
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let mut actual = self.clone();
        if self.running.is_some() {
            let flags = found.sql::<TraceFlag>(MASTER, sql::TRACE_FLAGS)?.unwrap_or_default();
            let on = |it: &TraceFlag| it.traceflag == i64::from(self.flag) && it.status == 1 && it.global == 1;
            actual.running = Some(flags.iter().any(on));
        }
        if self.startup.is_some() {
            actual.startup = Some(Self::arguments(found)?.iter().any(|it| self.is_ours(it)));
        }
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        if changes.touch("running") {
            let on = self.running == Some(true);
            let template = if on { sql::TRACE_ON } else { sql::TRACE_OFF };
            let purpose = format!("turn trace flag {} {}", self.flag, if on { "on" } else { "off" });
            run(writes, MASTER, purpose, template, &[("flag", SqlPart::Number(self.flag))]);
        }
        if changes.touch("startup") {
            let arguments = Self::arguments(found).unwrap_or_default();
            let key = arguments.first().map(|it| it.registry_key.clone()).unwrap_or_default();
            let list = with_earlier(arguments, &writes.calls);
            let mut wanted: Vec<String> = list.iter().filter(|it| **it != self.argument()).cloned().collect();
            if self.startup == Some(true) {
                wanted.push(self.argument());
            }
            // SQL Server reads SQLArg0, SQLArg1 … up to the first that is not there.
            for index in 0..list.len().max(wanted.len()) {
                let (was, text) = (list.get(index).cloned(), wanted.get(index).cloned());
                if was != text {
                    let name = format!("SQLArg{index}");
                    writes.add(Phase::Sql, Write::SetRegistry { key: key.clone(), name, was, text });
                }
            }
        }
    }

    fn disturbs(&self, _: &Found, _: &Changes) -> Disturbance {
        Disturbance::None
    }

    fn remarks(&self, _: &Found, changes: &Changes) -> Vec<String> {
        let startup = "startup takes effect when SQL Server next starts; it is not restarted".to_owned();
        if changes.touch("startup") { vec![startup] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::SecretMacs;
    use crate::resource::sql::canned::rows;
    use crate::value::Change;
    use serde_json::{Value, json};

    type Set<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    /// What is set in the registry when flags are to be among the startup arguments, or not.
    fn set(before: &[&str], flags: &[(u32, bool)]) -> Vec<(String, Option<String>, Option<String>)> {
        let row = |(at, data): (usize, &&str)| json!(["HKLM\\K", format!("SQLArg{at}"), data]);
        let list: Vec<Value> = before.iter().enumerate().map(row).collect();
        let columns = ["registry_key", "value_name", "value_data"];
        let answers = [rows(MASTER, sql::STARTUP_ARGUMENTS, &columns, &Value::Array(list))];
        let (mut writes, macs) = (Writes::default(), SecretMacs::default());
        let change = Change { property: "startup".to_owned(), actual: Value::Null, desired: Value::Null };
        let changes = Changes(vec![change]);
        for (flag, startup) in flags {
            let flag = SqlTraceFlag { flag: *flag, running: None, startup: Some(*startup) };
            flag.writes(&Found::new(&answers, &macs), &changes, &mut writes);
        }
        let told = |(_, write)| match write {
            Write::SetRegistry { name, was, text, .. } => (name, was, text),
            other => panic!("{other:?}"),
        };
        writes.calls.into_iter().map(told).collect()
    }

    #[test]
    fn startup_arguments_keep_their_order_and_have_no_gap() {
        let check = |before: &[&str], flags: &[(u32, bool)], expected: &[Set]| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let expected: Vec<_> =
                expected.iter().map(|(name, was, text)| ((*name).to_owned(), own(*was), own(*text))).collect();
            assert_eq!(set(before, flags), expected);
        };
        let plain = ["-dC:\\m", "-eC:\\e", "-lC:\\l"];
        let with = ["-dC:\\m", "-T4133", "-T1118"];
        check(&plain, &[(4133, true)], &[("SQLArg3", None, Some("-T4133"))]);
        check(
            &plain,
            &[(4133, true), (1118, true)],
            &[("SQLArg3", None, Some("-T4133")), ("SQLArg4", None, Some("-T1118"))],
        );
        let gone = [("SQLArg1", Some("-T4133"), Some("-T1118")), ("SQLArg2", Some("-T1118"), None)];
        check(&with, &[(4133, false)], &gone);
        let both = [gone[0], gone[1], ("SQLArg1", Some("-T1118"), None)];
        check(&with, &[(4133, false), (1118, false)], &both);
        // `-T41330` and `-t4133` are others.
        check(&["-T41330", "-t4133"], &[(4133, true)], &[("SQLArg2", None, Some("-T4133"))]);
    }
}
