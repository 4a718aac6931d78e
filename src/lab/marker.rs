//! The marker of a host: who changes it, for as long as the process that said so lives.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::refused_plainly;
use super::model::{Model, Told};
use crate::hostcall::write::Marker;
use crate::hostcall::{Outcome, Refusal, RefusalCode};

/// Where it is kept, as on a real host.
const FILE: &str = "C/farmhand/run/marker.json";

/// A process of a host that runs an agent. It lives as long as somebody holds it.
#[derive(Debug)]
pub struct AgentProcess {
    id: u32,
}

impl AgentProcess {
    /// A new one.
    pub fn start() -> Arc<AgentProcess> {
        Arc::new(AgentProcess { id: Uuid::new_v4().as_fields().0 })
    }
}

/// Who has marked the host, where that process runs in this lab. A lab that is started anew knows none.
#[derive(Debug, Default)]
pub(super) struct Marking(Weak<AgentProcess>);

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Written {
    run: String,
    controller: String,
    who: String,
    why: String,
    since: String,
    process: u32,
    started: String,
}

impl Marking {
    /// Carries out `marker` for a process.
    pub(super) fn mark(&mut self, model: &Model, marker: &Marker, process: &Arc<AgentProcess>) -> Outcome {
        self.told(model, marker, process).map_or_else(Outcome::Failed, Outcome::Done)
    }

    fn told(&mut self, model: &Model, marker: &Marker, process: &Arc<AgentProcess>) -> Told {
        let before = model.folder.read(FILE)?;
        // What a crash has cut short was written by a process that is gone.
        let before = before.and_then(|bytes| serde_json::from_slice::<Written>(&bytes).ok());
        if let Some(before) = before
            && self.0.upgrade().is_some_and(|holder| holder.id == before.process)
            && before.controller != marker.controller
            && before.run != marker.run
        {
            return Err(held(&before));
        }
        // A disk that is full still has room for a file this small, in NTFS's own table.
        model
            .writable()
            .or_else(|refusal| if refusal.code == RefusalCode::DiskFull { Ok(()) } else { Err(refusal) })?;
        let Marker { run, controller, who, why, since } = marker.clone();
        let started = model.computer.utc();
        model.folder.write_json(FILE, &Written { run, controller, who, why, since, process: process.id, started })?;
        self.0 = Arc::downgrade(process);
        Ok(serde_json::Value::Null)
    }
}

fn held(by: &Written) -> Refusal {
    let Written { run, who, why, since, .. } = by;
    refused_plainly(RefusalCode::Held, format!("{who} has been changing this host since {since}: {why}, run {run}"))
}
