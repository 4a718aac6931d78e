//! All doors of a host, one after the other.

use serde::Serialize;

use super::check::{Line, Outcome, Sheet};
use super::lack::Lacking;
use super::{door, inside, sql};
use crate::engine::{Over, Sessions, SqlWay};

/// A door of a host and what came of its checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The door, such as `WinRM`.
    pub door: &'static str,
    /// The checks in order.
    pub lines: Vec<Line>,
}

impl Section {
    /// Whether anything failed.
    pub fn has_failed(&self) -> bool {
        self.lines.iter().any(|line| line.outcome == Outcome::Failed)
    }
}

/// Looks at every door of a host and, where one opens, at the host. It changes nothing. A door that lacks what logs in is
/// looked at from outside.
pub async fn examine(sessions: &Sessions, host: &str, lacking: &Lacking) -> Vec<Section> {
    let Ok(ways) = sessions.ways(host) else { return Vec::new() };
    let mut sections = Vec::new();
    if let Some(reach) = &ways.machine {
        let mut sheet = Sheet::new([door::checks(&reach.over), inside::checks(&reach.over)].concat());
        if let Some((transport, logon)) = door::open(&mut sheet, sessions, host, reach, lacking.machine.as_ref()).await
        {
            inside::look(&mut sheet, transport, &reach.over, logon, &ways.sql).await;
        }
        let door = match &reach.over {
            Over::WinRm(_) => "WinRM",
            Over::Ssh(_) => "SSH",
            Over::Local => "this machine",
        };
        sections.push(Section { door, lines: sheet.finish() });
    }
    if let SqlWay::Tds(reach) = &ways.sql {
        let mut sheet = Sheet::new(sql::OVER_TDS);
        sql::over_tds(&mut sheet, sessions, host, reach, lacking.sql.as_ref()).await;
        sections.push(Section { door: "TDS", lines: sheet.finish() });
    }
    sections
}
