//! What the bootstrap script leaves on a server, as data: the script is made from it, and a host is judged by it.

/// What one way in consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// The service that answers.
    pub service: &'static str,
    /// How it starts, as `Win32_Service.StartMode` has it.
    pub start_mode: &'static str,
    /// What it does, as `Win32_Service.State` has it.
    pub state: &'static str,
    /// Its TCP port where nothing else is said.
    pub port: u16,
    /// The name of the firewall rule.
    pub rule: &'static str,
    /// What the firewall's list calls the rule.
    pub rule_title: &'static str,
}

/// WinRM over HTTPS.
pub const WINRM: Leaves = Leaves {
    service: "WinRM",
    start_mode: "Auto",
    state: "Running",
    port: 5986,
    rule: "farmhand-winrm-https",
    rule_title: "farmhand: WinRM over HTTPS",
};

/// OpenSSH.
pub const SSH: Leaves = Leaves {
    service: "sshd",
    start_mode: "Auto",
    state: "Running",
    port: 22,
    rule: "farmhand-ssh",
    rule_title: "farmhand: SSH",
};

/// The listener's transport, as `winrm/config/listener` has it.
pub const LISTENER_TRANSPORT: &str = "HTTPS";

/// The listener's address: all of the server's.
pub const LISTENER_ADDRESS: &str = "*";

/// A certificate that lasts no longer than this many days is replaced, and complained of.
pub const CERTIFICATE_DAYS: i64 = 30;

/// The name in the store of a certificate that the script made.
pub const CERTIFICATE_NAME: &str = "farmhand WinRM";

/// The file of administrators' keys, below `%ProgramData%` (Win32-OpenSSH, `sshd_config_default`).
pub const KEYS_FILE: &str = r"ssh\administrators_authorized_keys";

/// Who may touch that file and nobody else: SYSTEM and the administrators. sshd ignores it otherwise.
pub const KEY_OWNERS: [&str; 2] = ["S-1-5-18", "S-1-5-32-544"];
