//! What is checked, as data, and what came of it.

use serde::Serialize;

/// Declares the checks once, with their words and what each is.
macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $check:ident = $word:literal,)*) => {
        /// Something that is checked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Check {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $check,)*
        }

        impl Check {
            /// Every check.
            pub const ALL: &[Check] = &[$(Check::$check,)*];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $(Check::$check => $word,)* }
            }

            /// What it says, for help.
            pub fn help(self) -> &'static str {
                match self { $(Check::$check => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

checks! {
    /// Who logs in, and with what, is known here.
    Account = "account",
    /// The name has an address.
    Name = "name",
    /// The port answers.
    Tcp = "tcp",
    /// The proxy on the way lets through.
    Proxy = "proxy",
    /// TLS: the certificate is for the name, of a trusted authority or the one that is pinned, and not expired.
    Tls = "tls",
    /// WinRM answers at /wsman and offers ways to log in.
    WsMan = "wsman",
    /// Kerberos gave a ticket for the host.
    Ticket = "ticket",
    /// A challenge of the host came.
    Challenge = "challenge",
    /// The host has accepted the proof.
    Proof = "proof",
    /// The first sealed message was opened.
    Seal = "seal",
    /// What listens there talks SSH.
    Ssh = "ssh",
    /// The host's key is known.
    HostKey = "host key",
    /// The login.
    Login = "login",
    /// A process could be started.
    Process = "process",
    /// PowerShell's language mode.
    Language = "language mode",
    /// The agent answers.
    Agent = "agent",
    /// The version of Windows.
    Windows = "windows",
    /// The version of Windows PowerShell.
    PowerShell = "powershell",
    /// The session has an administrator's rights.
    Administrator = "administrator",
    /// MaxEnvelopeSizekb: how large a message may be.
    Envelope = "envelope size",
    /// MaxShellsPerUser: how many sessions an account may have.
    Shells = "shells per user",
    /// MaxMemoryPerShellMB: how much memory a session may take.
    Memory = "memory per shell",
    /// MaxConcurrentUsers: how many accounts may have sessions.
    Users = "concurrent users",
    /// IdleTimeout: how long an idle session may live.
    Idle = "idle timeout",
    /// Free space on disks.
    Disk = "disk",
    /// The host's clock against this machine's.
    Clock = "clock",
    /// Whether Windows waits for a restart.
    Reboot = "pending reboot",
    /// Whether the session can reach further servers with its credentials.
    DoubleHop = "double hop",
    /// The service behind the door starts with Windows.
    Service = "service",
    /// WinRM takes nothing in clear.
    Encryption = "encryption",
    /// WinRM takes no passwords by Basic.
    Basic = "basic login",
    /// WinRM listens with TLS, and for how long its certificate is good.
    Listener = "https listener",
    /// The firewall rule that bootstrap makes.
    Rule = "firewall rule",
    /// Nobody else may touch the file of administrators' keys.
    Keys = "key file",
    /// SQL Server's service runs.
    SqlService = "sql service",
    /// SQL Server's own port: it says its version before any login.
    Prelogin = "tds prelogin",
    /// SQL Server's TLS.
    TdsTls = "tds tls",
    /// The login to SQL Server.
    SqlLogin = "sql login",
    /// The version and edition of SQL Server.
    SqlVersion = "sql version",
    /// What the login may do.
    SqlRights = "sql rights",
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// It could not be looked at, since something before it failed.
    NotReached,
    /// It is neither good nor bad, and worth knowing.
    Note,
}

impl Outcome {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::NotReached => "not reached",
            Outcome::Note => "note",
        }
    }
}

/// A check, what came of it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was checked.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do, where there is something.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Line {
    /// All is well.
    pub fn passed(check: Check, found: impl Into<String>) -> Line {
        Line { check, outcome: Outcome::Passed, found: found.into(), advice: None }
    }

    /// Something is wrong.
    pub fn failed(check: Check, found: impl Into<String>, advice: impl Into<String>) -> Line {
        Line { check, outcome: Outcome::Failed, found: found.into(), advice: Some(advice.into()) }
    }

    /// Something is worth knowing.
    pub fn note(check: Check, found: impl Into<String>, advice: impl Into<String>) -> Line {
        Line { check, outcome: Outcome::Note, found: found.into(), advice: Some(advice.into()) }
    }

    /// Something was not looked at.
    pub fn not_reached(check: Check, why: impl Into<String>) -> Line {
        Line { check, outcome: Outcome::NotReached, found: why.into(), advice: None }
    }

    /// A failure whose text says what to do behind its first `; `, as farmhand's errors do, or, where it has several lines,
    /// in those that are not indented.
    pub fn failed_as_told(check: Check, text: &str) -> Line {
        let lines = text.match_indices('\n').find(|(at, _)| !text[at + 1..].starts_with(' '));
        if let Some((at, _)) = lines {
            return Line::failed(check, &text[..at], &text[at + 1..]);
        }
        match text.split_once("; ") {
            Some((found, advice)) => Line::failed(check, found, advice),
            None => Line { check, outcome: Outcome::Failed, found: text.to_owned(), advice: None },
        }
    }
}

/// The checks that are planned, in order, and the lines that there are.
#[derive(Debug)]
pub struct Sheet {
    planned: Vec<Check>,
    lines: Vec<Line>,
}

impl Sheet {
    /// A sheet with nothing on it.
    pub fn new(planned: impl IntoIterator<Item = Check>) -> Sheet {
        Sheet { planned: planned.into_iter().collect(), lines: Vec::new() }
    }

    /// Writes a line, and says whether it goes on from here.
    pub fn put(&mut self, line: Line) -> bool {
        let good = line.outcome != Outcome::Failed;
        self.lines.push(line);
        good
    }

    /// Plans more, behind what is planned already.
    pub fn plan(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.planned.extend(checks);
    }

    /// All lines in the order planned. What was planned and has no line was not reached, for the last failure's sake.
    pub fn finish(mut self) -> Vec<Line> {
        let last = self.lines.iter().rev().find(|line| line.outcome == Outcome::Failed).map(|line| line.check);
        let why =
            last.map_or_else(|| "nothing was told of it".to_owned(), |check| format!("`{}` failed", check.word()));
        let mut finished = Vec::new();
        for check in self.planned {
            match self.lines.iter().position(|line| line.check == check) {
                Some(at) => finished.push(self.lines.remove(at)),
                None => finished.push(Line::not_reached(check, why.clone())),
            }
        }
        finished.extend(self.lines);
        finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_own_word_and_a_help() {
        let mut words: Vec<&str> = Check::ALL.iter().map(|check| check.word()).collect();
        assert!(Check::ALL.iter().all(|check| check.help().ends_with('.')));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Check::ALL.len());
    }

    #[test]
    fn what_follows_a_failure_is_not_reached() {
        let mut sheet = Sheet::new([Check::Name, Check::Tcp, Check::WsMan]);
        assert!(sheet.put(Line::passed(Check::Name, "x")));
        assert!(!sheet.put(Line::failed_as_told(Check::Tcp, "refused; check the port; and the host")));
        let lines = sheet.finish();
        let outcomes: Vec<Outcome> = lines.iter().map(|line| line.outcome).collect();
        assert_eq!(outcomes, [Outcome::Passed, Outcome::Failed, Outcome::NotReached]);
        assert_eq!(
            (lines[1].found.as_str(), lines[1].advice.as_deref()),
            ("refused", Some("check the port; and the host"))
        );
        assert_eq!(lines[2].found, "`tcp` failed");
    }

    #[test]
    fn what_to_do_is_told_apart_from_what_is_wrong() {
        let check = |text: &str, found: &str, advice: Option<&str>| {
            let line = Line::failed_as_told(Check::Tls, text);
            assert_eq!((line.found.as_str(), line.advice.as_deref()), (found, advice));
        };
        check("it is shut", "it is shut", None);
        check("it is shut; open it", "it is shut", Some("open it"));
        check("another:\n  a\n  b\nif so, c; else d", "another:\n  a\n  b", Some("if so, c; else d"));
    }
}
