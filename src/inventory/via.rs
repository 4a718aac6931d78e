//! The doors to a host.

/// The doors to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// WinRM: over HTTP, sealed, port 5985, or over HTTPS, port 5986.
    #[default]
    Winrm,
    /// SSH, port 22.
    Ssh,
    /// No door at all: the machine that farmhand runs on.
    Local,
    /// SQL Server's own protocol, port 1433: the machine is asked and told T-SQL alone.
    Tds,
}

impl Via {
    /// Whether the machine itself is reached.
    pub fn is_to_machine(self) -> bool {
        self != Via::Tds
    }
}
