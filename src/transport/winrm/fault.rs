//! Faults: what a WS-Management server says when it will not or cannot (MS-WSMV 2.2.4.43).

use super::soap::Element;

/// A fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// `WSManFault Code`: a Win32 or WinRM code; `None` where the server gave none.
    pub code: Option<u32>,
    /// The subcode without its prefix, such as `TimedOut`.
    pub subcode: String,
    /// What the server says.
    pub text: String,
}

/// The codes that this program acts on or explains.
pub mod code {
    /// Access denied.
    pub const ACCESS_DENIED: u32 = 5;
    /// The pipe to the process is busy.
    pub const BUSY: u32 = 170;
    /// Nothing happened within the operation's time-out (0x80338029).
    pub const TIMED_OUT: u32 = 2_150_858_793;
    /// The envelope is larger than the server's limit (0x80338049).
    pub const TOO_LARGE: u32 = 2_150_858_825;
    /// The shell or the process is not there (0x8033805B).
    pub const NO_SUCH_SHELL: u32 = 2_150_858_843;
    /// The body does not suit the shell, which may be of another kind (0x80338041).
    pub const OTHER_SHELL: u32 = 2_150_858_817;
    /// Too many shells of this user (0x803381A5).
    pub const TOO_MANY_SHELLS: u32 = 2_150_859_173;
    /// Too many operations of this user at a time (0x803381A6).
    pub const TOO_MANY_OPERATIONS: u32 = 2_150_859_174;
    /// Too many users with shells (0x803381AB).
    pub const TOO_MANY_USERS: u32 = 2_150_859_179;
    /// Too many shells of this user, by the plug-in's own quota (0x803381E4).
    pub const TOO_MANY_SHELLS_PLUGIN: u32 = 2_150_859_236;
    /// Too many users with shells, by the plug-in's own quota (0x803381E5).
    pub const TOO_MANY_USERS_PLUGIN: u32 = 2_150_859_237;
    /// Too many operations of this user, by the plug-in's own quota (0x803381E8).
    pub const TOO_MANY_OPERATIONS_PLUGIN: u32 = 2_150_859_240;
    /// Too many processes in this shell (0x803381E9).
    pub const TOO_MANY_PROCESSES: u32 = 2_150_859_241;
}

impl Fault {
    /// The fault in a message's body; `None` when it holds none.
    pub fn find(envelope: &Element) -> Option<Fault> {
        let fault = envelope.at(&["Body", "Fault"])?;
        let detail = fault.find("WSManFault");
        let subcode = fault.at(&["Code", "Subcode", "Value"]).map_or("", |value| value.text.trim());
        let reason = fault.at(&["Reason", "Text"]).map(Element::all_text).unwrap_or_default();
        let message = detail.and_then(|detail| detail.child("Message")).map(Element::all_text).unwrap_or_default();
        let text = if message.trim().is_empty() { reason } else { message };
        Some(Fault {
            code: detail.and_then(|detail| detail.attribute("Code")).and_then(|code| code.trim().parse().ok()),
            subcode: subcode.rsplit(':').next().unwrap_or_default().to_owned(),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }

    /// Whether it says only that nothing happened yet.
    pub fn is_timed_out(&self) -> bool {
        self.code == Some(code::TIMED_OUT) || (self.code.is_none() && self.subcode == "TimedOut")
    }

    /// Whether a request that met it was certainly not carried out.
    pub fn is_refusal(&self) -> bool {
        match self.code {
            Some(code::ACCESS_DENIED | code::TOO_LARGE | code::NO_SUCH_SHELL | code::OTHER_SHELL) => true,
            Some(_) if self.quota().is_some() => true,
            _ => matches!(self.subcode.as_str(), "AccessDenied" | "InvalidSelectors" | "QuotaLimit" | "EncodingLimit"),
        }
    }

    /// The name of the quota that was met.
    pub fn quota(&self) -> Option<&'static str> {
        match self.code? {
            code::TOO_MANY_SHELLS | code::TOO_MANY_SHELLS_PLUGIN => Some("MaxShellsPerUser"),
            code::TOO_MANY_USERS | code::TOO_MANY_USERS_PLUGIN => Some("MaxConcurrentUsers"),
            code::TOO_MANY_OPERATIONS | code::TOO_MANY_OPERATIONS_PLUGIN => Some("MaxConcurrentOperationsPerUser"),
            code::TOO_MANY_PROCESSES => Some("MaxProcessesPerShell"),
            _ => None,
        }
    }

    /// What the operator can do about it; empty where nothing better is known than what the server says.
    pub fn advice(&self) -> String {
        if let Some(quota) = self.quota() {
            return format!("wait for old shells to close, or raise {quota} on the host");
        }
        let advice = match self.code {
            Some(code::ACCESS_DENIED) => {
                "use an account in the host's Administrators group; a local account other than the built-in \
                 Administrator needs LocalAccountTokenFilterPolicy=1 there"
            }
            Some(code::TOO_LARGE) => "raise MaxEnvelopeSizekb on the host",
            Some(code::NO_SUCH_SHELL) => "the shell was closed, by its idle time-out or by hand; run the command again",
            _ if self.subcode == "QuotaLimit" => "wait for old shells to close, or raise the host's winrs quotas",
            _ => "",
        };
        advice.to_owned()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = if self.text.is_empty() { "no reason given" } else { self.text.trim_end_matches('.') };
        f.write_str(text)?;
        if let Some(code) = self.code {
            write!(f, " (code {code}, 0x{code:08X})")?;
        } else if !self.subcode.is_empty() {
            write!(f, " ({})", self.subcode)?;
        }
        match self.advice().as_str() {
            "" => Ok(()),
            advice => write!(f, "; {advice}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: &str, subcode: &str) -> Fault {
        let text = format!(
            "<s:Envelope><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:{subcode}\
             </s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en-US\">The reason. </s:Text></s:Reason>\
             <s:Detail><f:WSManFault {code} Machine=\"web01\"><f:Message>The\n message. </f:Message></f:WSManFault>\
             </s:Detail></s:Fault></s:Body></s:Envelope>"
        );
        Fault::find(&Element::parse(&text).unwrap()).unwrap()
    }

    #[test]
    fn codes_and_subcodes_say_what_happened() {
        let timed_out = fault("Code=\"2150858793\"", "TimedOut");
        assert!(timed_out.is_timed_out() && !timed_out.is_refusal());
        assert!(fault("", "TimedOut").is_timed_out());
        assert!(fault("Code=\"2150858843\"", "InvalidSelectors").is_refusal());
        assert!(!fault("Code=\"170\"", "InternalError").is_refusal());
    }

    #[test]
    fn the_text_says_what_to_do() {
        let check = |code: &str, subcode: &str, expected: &str| assert_eq!(fault(code, subcode).to_string(), expected);
        check(
            "Code=\"2150859173\"",
            "QuotaLimit",
            "The message (code 2150859173, 0x803381A5); wait for old shells to close, or raise MaxShellsPerUser on the host",
        );
        check("Code=\"87\"", "InternalError", "The message (code 87, 0x00000057)");
        check("", "SchemaValidationError", "The message (SchemaValidationError)");
    }

    #[test]
    fn a_message_without_a_fault_holds_none() {
        assert_eq!(Fault::find(&Element::parse("<a><Body><Ok/></Body></a>").unwrap()), None);
    }
}
