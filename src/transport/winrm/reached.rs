//! How far a conversation with WinRM has come, for whoever has to say where it stopped.

/// The furthest that any connection of a shell has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// There was no connection yet.
    #[default]
    Nothing,
    /// There was one, with TLS where that was asked for.
    Connected,
    /// The first token of this side was made.
    Begun,
    /// A token of the host came and was good enough to be answered.
    Challenged,
    /// The host has accepted the login.
    Accepted,
    /// A reply to an envelope was opened.
    Opened,
}
