//! Requests to a remote shell, as text (MS-WSMV 3.1.4).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::soap::escape;
use super::uri::{self, action};

/// Room left in an envelope for what sealing adds and for longer ids than are usual.
const SPARE_BYTES: usize = 1024;

/// An operation on a shell.
#[derive(Debug)]
pub enum Operation<'a> {
    /// Opens a shell that dies when nobody has spoken to it for `idle`.
    Create {
        /// The idle time-out.
        idle: Duration,
    },
    /// Starts a command line.
    Command {
        /// The shell.
        shell: &'a str,
        /// The command line, given to cmd.
        line: &'a str,
    },
    /// Writes to a process.
    Send {
        /// The shell.
        shell: &'a str,
        /// The process.
        command: &'a str,
        /// What is written.
        bytes: &'a [u8],
        /// Whether it is the last.
        end: bool,
    },
    /// Reads from a process.
    Receive {
        /// The shell.
        shell: &'a str,
        /// The process.
        command: &'a str,
    },
    /// Ends a process.
    Signal {
        /// The shell.
        shell: &'a str,
        /// The process.
        command: &'a str,
    },
    /// Closes a shell.
    Delete {
        /// The shell.
        shell: &'a str,
    },
}

impl Operation<'_> {
    /// The operation's name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Create { .. } => "Create",
            Operation::Command { .. } => "Command",
            Operation::Send { .. } => "Send",
            Operation::Receive { .. } => "Receive",
            Operation::Signal { .. } => "Signal",
            Operation::Delete { .. } => "Delete",
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Operation::Create { .. } => action::CREATE,
            Operation::Command { .. } => action::COMMAND,
            Operation::Send { .. } => action::SEND,
            Operation::Receive { .. } => action::RECEIVE,
            Operation::Signal { .. } => action::SIGNAL,
            Operation::Delete { .. } => action::DELETE,
        }
    }

    fn shell(&self) -> Option<&str> {
        match self {
            Operation::Create { .. } => None,
            Operation::Command { shell, .. }
            | Operation::Send { shell, .. }
            | Operation::Receive { shell, .. }
            | Operation::Signal { shell, .. }
            | Operation::Delete { shell } => Some(shell),
        }
    }

    /// No user profile and UTF-8; a pipe for standard input, not a console that edits lines.
    fn options(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Operation::Create { .. } => &[("WINRS_NOPROFILE", "TRUE"), ("WINRS_CODEPAGE", "65001")],
            Operation::Command { .. } => &[("WINRS_CONSOLEMODE_STDIN", "FALSE"), ("WINRS_SKIP_CMD_SHELL", "FALSE")],
            _ => &[],
        }
    }

    /// The body. It may hold a secret, so its memory is wiped.
    fn body(&self) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Operation::Create { idle } => format!(
                "<rsp:Shell><rsp:IdleTimeOut>{}</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>\
                 <rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>",
                duration(*idle)
            ),
            Operation::Command { line, .. } => {
                format!("<rsp:CommandLine><rsp:Command>{}</rsp:Command></rsp:CommandLine>", escape(line))
            }
            Operation::Send { command, bytes, end, .. } => {
                let end = if *end { " End=\"true\"" } else { "" };
                let data = Zeroizing::new(BASE64.encode(bytes));
                format!(
                    "<rsp:Send><rsp:Stream Name=\"stdin\" CommandId=\"{}\"{end}>{}</rsp:Stream></rsp:Send>",
                    escape(command),
                    data.as_str()
                )
            }
            Operation::Receive { command, .. } => format!(
                "<rsp:Receive><rsp:DesiredStream CommandId=\"{}\">stdout stderr</rsp:DesiredStream></rsp:Receive>",
                escape(command)
            ),
            Operation::Signal { command, .. } => format!(
                "<rsp:Signal CommandId=\"{}\"><rsp:Code>{}</rsp:Code></rsp:Signal>",
                escape(command),
                uri::TERMINATE
            ),
            Operation::Delete { .. } => String::new(),
        })
    }
}

/// What all requests to a host have in common.
#[derive(Clone, Debug)]
pub struct Common {
    /// The address, such as `http://web01:5985/wsman`.
    pub to: String,
    /// The largest envelope that either side sends, in bytes.
    pub max_envelope_bytes: usize,
}

/// A request and the id that its reply must name.
pub struct Request {
    /// The message id.
    pub id: String,
    /// The envelope.
    pub text: Zeroizing<String>,
}

impl Common {
    /// Writes a request. The host answers within `patience`, if only to say that there is nothing yet.
    pub fn request(&self, operation: &Operation<'_>, patience: Duration) -> Request {
        let id = format!("uuid:{}", Uuid::new_v4().hyphenated().to_string().to_uppercase());
        let options =
            operation.options().iter().map(|(name, value)| format!("<w:Option Name=\"{name}\">{value}</w:Option>"));
        let options = options.collect::<Vec<_>>().concat();
        let options = if options.is_empty() { options } else { format!("<w:OptionSet>{options}</w:OptionSet>") };
        let selector = operation.shell().map_or_else(String::new, |shell| {
            format!("<w:SelectorSet><w:Selector Name=\"ShellId\">{}</w:Selector></w:SelectorSet>", escape(shell))
        });
        let head = format!(
            "<s:Envelope xmlns:s=\"{}\" xmlns:a=\"{}\" xmlns:w=\"{}\" xmlns:p=\"{}\" xmlns:rsp=\"{}\"><s:Header>\
             <a:To>{}</a:To><a:ReplyTo><a:Address s:mustUnderstand=\"true\">{}</a:Address></a:ReplyTo>\
             <a:Action s:mustUnderstand=\"true\">{}</a:Action><a:MessageID>{id}</a:MessageID>\
             <w:ResourceURI s:mustUnderstand=\"true\">{}</w:ResourceURI>\
             <w:MaxEnvelopeSize s:mustUnderstand=\"true\">{}</w:MaxEnvelopeSize>\
             <w:OperationTimeout>{}</w:OperationTimeout>\
             <w:Locale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
             <p:DataLocale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>{options}{selector}</s:Header><s:Body>",
            uri::SOAP,
            uri::ADDRESSING,
            uri::WSMAN,
            uri::WSMV,
            uri::SHELL,
            escape(&self.to),
            uri::ANONYMOUS,
            operation.action(),
            uri::SHELL_CMD,
            self.max_envelope_bytes,
            duration(patience),
        );
        let body = operation.body();
        let mut text = Zeroizing::new(String::with_capacity(head.len() + body.len() + 32));
        for piece in [&head, body.as_str(), "</s:Body></s:Envelope>"] {
            text.push_str(piece);
        }
        Request { id, text }
    }

    /// The most bytes that one Send to this process can carry; base64 makes four of three.
    pub fn send_capacity_bytes(&self, shell: &str, command: &str) -> usize {
        let empty = Operation::Send { shell, command, bytes: &[], end: true };
        let overhead = self.request(&empty, Duration::from_mins(1)).text.len() + SPARE_BYTES;
        (self.max_envelope_bytes.saturating_sub(overhead) / 4 * 3).max(1)
    }
}

/// A length of time as XML Schema writes it.
fn duration(length: Duration) -> String {
    match (length.as_secs(), length.subsec_millis()) {
        (seconds, 0) => format!("PT{seconds}S"),
        (seconds, millis) => format!("PT{seconds}.{millis:03}S"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::soap::Element;
    use super::*;

    fn common() -> Common {
        Common { to: "http://web01:5985/wsman".to_owned(), max_envelope_bytes: 153_600 }
    }

    fn parsed(operation: &Operation<'_>) -> Element {
        Element::parse(&common().request(operation, Duration::from_millis(1500)).text).unwrap()
    }

    #[test]
    fn options_are_headers() {
        let create = parsed(&Operation::Create { idle: Duration::from_mins(3) });
        let options = create.at(&["Header", "OptionSet"]).unwrap();
        let options: Vec<_> =
            options.children.iter().map(|option| (option.attribute("Name").unwrap(), option.text.as_str())).collect();
        assert_eq!(options, [("WINRS_NOPROFILE", "TRUE"), ("WINRS_CODEPAGE", "65001")]);
        assert_eq!(create.at(&["Body", "Shell", "IdleTimeOut"]).unwrap().text, "PT180S");
        assert_eq!(create.at(&["Header", "OperationTimeout"]).unwrap().text, "PT1.500S");
        assert_eq!(create.at(&["Header", "SelectorSet"]), None);
    }

    #[test]
    fn a_command_line_keeps_every_character() {
        let line = "echo \"a\" & echo <b> 'c' %PATH%";
        let command = parsed(&Operation::Command { shell: "S", line });
        assert_eq!(command.at(&["Body", "CommandLine", "Command"]).unwrap().text, line);
        assert_eq!(command.at(&["Header", "SelectorSet", "Selector"]).unwrap().text, "S");
    }

    #[test]
    fn a_full_send_fits_the_envelope() {
        for max_envelope_bytes in [153_600, 512_000] {
            let common = Common { max_envelope_bytes, ..common() };
            let (shell, command) = ("2B1F6B7C-1F7E-4F3E-9D0B-0E3D4C5B6A79", "2B1F6B7C-1F7E-4F3E-9D0B-0E3D4C5B6A79");
            let capacity = common.send_capacity_bytes(shell, command);
            let bytes = vec![b'x'; capacity];
            let send = Operation::Send { shell, command, bytes: &bytes, end: true };
            let length = common.request(&send, Duration::from_mins(1)).text.len();
            assert!(length <= max_envelope_bytes && length > max_envelope_bytes - 4096, "{length}");
        }
    }
}
