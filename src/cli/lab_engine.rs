//! What answers for the lab's hosts.

use std::sync::Arc;

use super::Failure;
use crate::lab::pwsh::{Pwsh, PwshError};

/// What answers for the lab's hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LabEngine {
    /// The lab's own model of Windows
    #[default]
    Lab,
    /// The agent itself, run by the PowerShell 7 on PATH over the same model
    Pwsh,
}

impl LabEngine {
    /// The PowerShell that it needs; `None` where it needs none.
    pub fn pwsh(self) -> Result<Option<Arc<Pwsh>>, Failure> {
        if self == LabEngine::Lab {
            return Ok(None);
        }
        Pwsh::find().map(|pwsh| Some(Arc::new(pwsh))).map_err(|error| match error {
            PwshError::Missing => Failure::input(error.to_string())
                .hint("install PowerShell 7 (https://aka.ms/powershell), or add its folder to PATH")
                .hint("leave out `--lab-engine`: the lab's own engine needs no PowerShell"),
            PwshError::SetUp(_) => Failure::work(error),
        })
    }
}
