//! Trace flags.

use super::{Carried, Run};
use crate::lab::sql::error::not_in_azure;
use crate::lab::sql::reply::{Column, Reply, Rows, SqlError};
use crate::lab::sql::tsql::TraceVerb;
use crate::lab::sql::value::{Type, Value};
use crate::lab::sql::versions::Edition;

impl Run<'_> {
    pub(super) fn trace(&mut self, verb: TraceVerb, flags: &[i64], global: bool, quiet: bool) -> Carried {
        if self.state.content.server.edition == Edition::AzureSqlDatabase && verb != TraceVerb::Status {
            return Err(not_in_azure(if verb == TraceVerb::On { "DBCC TRACEON" } else { "DBCC TRACEOFF" }).into());
        }
        match verb {
            TraceVerb::Status => self.trace_status(flags, global),
            TraceVerb::On | TraceVerb::Off => self.switch(verb, flags, global)?,
        }
        if !quiet {
            let text = "DBCC execution completed. If DBCC printed error messages, contact your system administrator.";
            self.say(2528, text);
        }
        Ok(())
    }

    fn switch(&mut self, verb: TraceVerb, flags: &[i64], global: bool) -> Carried {
        if !self.is_sysadmin() {
            let verb = if verb == TraceVerb::On { "TRACEON" } else { "TRACEOFF" };
            let text = format!("User '{}' does not have permission to run DBCC {verb}.", self.session.login);
            return Err(SqlError::new(2571, 14, text).with_state(3).into());
        }
        let on = if global { &mut self.state.content.server.trace_flags } else { &mut self.session.trace_flags };
        on.retain(|flag| !flags.contains(flag));
        if verb == TraceVerb::On {
            on.extend(flags);
            on.sort_unstable();
        }
        Ok(())
    }

    fn trace_status(&mut self, flags: &[i64], global: bool) {
        let (everywhere, here) = (&self.state.content.server.trace_flags, &self.session.trace_flags);
        let mut wanted: Vec<i64> = flags.to_vec();
        // Without flags those that are on are told; -1 alone means the global ones.
        if wanted.is_empty() {
            wanted.extend(everywhere);
            if !global {
                wanted.extend(here);
            }
            wanted.sort_unstable();
            wanted.dedup();
        }
        let flag = |on: bool| Value::Int(i64::from(on));
        let rows: Vec<Vec<Value>> = wanted
            .iter()
            .map(|number| {
                let (global, session) = (everywhere.contains(number), here.contains(number));
                vec![Value::Int(*number), flag(global || session), flag(global), flag(session)]
            })
            .collect();
        if rows.is_empty() {
            return;
        }
        let column = |name: &str| Column { name: name.to_owned(), kind: Type::SmallInt };
        let columns = ["TraceFlag", "Status", "Global", "Session"].map(column).to_vec();
        self.row_count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.replies.push(Reply::Rows(Rows { columns, rows }));
    }
}
