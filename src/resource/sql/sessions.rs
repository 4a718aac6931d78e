//! Sessions of others, which some changes of a database cut off.

use std::collections::BTreeMap;

use super::{Database, MASTER, SESSIONS, SqlSession};
use crate::resource::{Disturbance, Found};

/// The sessions that are in a database, as far as the login that asks may see them (`VIEW SERVER STATE`).
pub fn sessions_in(found: &Found, database: &Database) -> Vec<SqlSession> {
    let sessions = found.sql::<SqlSession>(MASTER, SESSIONS).ok().flatten().unwrap_or_default();
    sessions.into_iter().filter(|session| session.database_id == database.database_id).collect()
}

/// What cutting them off is to whoever they belong to.
pub fn cuts_off(sessions: &[SqlSession]) -> Disturbance {
    if sessions.is_empty() { Disturbance::None } else { Disturbance::Restarts }
}

/// Who would be cut off, a line for each login, machine and program.
pub fn would_be_cut_off(sessions: &[SqlSession], seconds: u32) -> Vec<String> {
    let mut by_whom: BTreeMap<String, usize> = BTreeMap::new();
    for session in sessions {
        let or =
            |text: &Option<String>, other: &str| text.clone().filter(|it| !it.is_empty()).unwrap_or(other.to_owned());
        let program = or(&session.program_name, "a program without a name");
        let machine = or(&session.host_name, "a machine without a name");
        let login = or(&session.login_name, "nobody known");
        *by_whom.entry(format!("{login} from {machine} ({program})")).or_default() += 1;
    }
    let sessions = |count: usize| if count == 1 { "1 session".to_owned() } else { format!("{count} sessions") };
    let when = if seconds == 0 { "at once".to_owned() } else { format!("after {seconds} s") };
    by_whom.into_iter().map(|(whom, count)| format!("cuts off {when}: {} of {whom}", sessions(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_told_by_whom() {
        let session = |session_id, login: &str, program: &str| SqlSession {
            session_id,
            database_id: 5,
            login_name: Some(login.to_owned()),
            host_name: Some("WEB01".to_owned()),
            program_name: Some(program.to_owned()),
        };
        let sessions =
            [session(51, "CORP\\svc", ".Net"), session(52, "CORP\\svc", ".Net"), session(53, "CORP\\dba", "")];
        let expected = [
            "cuts off after 30 s: 1 session of CORP\\dba from WEB01 (a program without a name)",
            "cuts off after 30 s: 2 sessions of CORP\\svc from WEB01 (.Net)",
        ];
        assert_eq!(would_be_cut_off(&sessions, 30), expected);
        assert_eq!(cuts_off(&sessions), Disturbance::Restarts);
        assert_eq!(cuts_off(&[]), Disturbance::None);
    }
}
