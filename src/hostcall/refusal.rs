//! Why a host did not do or say what it was asked.

use serde::{Deserialize, Serialize};

/// Why a host did not do or say what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub code: RefusalCode,
    /// What Windows said, or the agent's own words where Windows said nothing; never a secret.
    pub text: String,
    /// The HRESULT or Win32 code as `0x` and eight hexadecimal digits, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hresult: Option<String>,
}

/// The kinds of refusal an operator can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Access denied.
    Denied,
    /// In use by somebody else, or a section locked at a level above.
    Locked,
    /// What is there cannot be parsed.
    Invalid,
    /// Not there on this version of Windows or IIS, or IIS is not installed.
    Unsupported,
    /// A payload was removed from the image and no source has it.
    SourceMissing,
    /// No space left.
    DiskFull,
    /// The host takes part in IIS shared configuration, where one commit would switch every node at once.
    SharedConfiguration,
    /// Servicing waits for a reboot.
    RebootPending,
    /// A logon was refused; the Win32 code says why (1326 wrong, 1909 locked, 1330 expired, 1331 disabled …).
    Logon,
    /// A name the call was given is not known to the host.
    Unknown,
    /// Another controller is changing the host; the text names it.
    Held,
    /// A mutating call in a read-only session.
    ReadOnly,
    /// Anything else; the text says it.
    Failed,
}
