//! Requests taken apart and replies put together, as a Windows host does it (MS-WSMV 3.1.4).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use uuid::Uuid;

use crate::transport::winrm::fault::code;
use crate::transport::winrm::soap::{Element, escape};
use crate::transport::winrm::uri::{self, action};

/// Windows answers within 60 s at the latest (MaxTimeoutms).
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// The smallest envelope that a client may ask replies to fit in (WS-Management 1.2, R13.1).
const MIN_ENVELOPE_BYTES: usize = 8 * 1024;

/// A request.
#[derive(Default)]
pub(super) struct Request {
    /// Its id.
    pub id: String,
    /// What it asks for.
    pub action: String,
    /// What it is asked of.
    pub resource: String,
    /// The shell it names; empty for none.
    pub shell: String,
    /// When to answer that nothing has happened.
    pub timeout: Duration,
    /// The largest reply that the client takes.
    pub max_envelope_bytes: usize,
    /// The body.
    pub body: Element,
}

impl Request {
    /// Takes an envelope apart.
    pub fn parse(text: &str) -> Result<Request, String> {
        let envelope = Element::parse(text)?;
        let header = envelope.child("Header").ok_or("there is no header")?;
        let text = |name: &str| header.child(name).map(|element| element.text.trim().to_owned()).unwrap_or_default();
        let selectors = header.child("SelectorSet");
        let shell = selectors
            .and_then(|set| set.children_named("Selector").find(|one| one.attribute("Name") == Some("ShellId")))
            .map(|selector| selector.text.trim().to_owned());
        Ok(Request {
            id: text("MessageID"),
            action: text("Action"),
            resource: text("ResourceURI"),
            shell: shell.unwrap_or_default(),
            timeout: duration(&text("OperationTimeout")).unwrap_or(MAX_TIMEOUT).min(MAX_TIMEOUT),
            max_envelope_bytes: text("MaxEnvelopeSize").parse().unwrap_or(150 * 1024).max(MIN_ENVELOPE_BYTES),
            body: envelope.child("Body").cloned().unwrap_or_default(),
        })
    }

    /// The process that an element of the body names.
    pub fn command(&self, element: &str) -> &str {
        self.body.find(element).and_then(|element| element.attribute("CommandId")).unwrap_or_default()
    }

    /// The reply with this body.
    pub fn reply(&self, body: &str) -> String {
        envelope(&self.id, &format!("{}Response", self.action), body)
    }

    /// The reply to a Create.
    pub fn created(&self, shell: &str, owner: &str, idle: Duration) -> String {
        let idle = idle.as_millis();
        self.reply(&format!(
            "<x:ResourceCreated xmlns:x=\"{}\"><a:Address>http://localhost/wsman</a:Address><a:ReferenceParameters>\
             <w:ResourceURI>{}</w:ResourceURI><w:SelectorSet><w:Selector Name=\"ShellId\">{shell}</w:Selector>\
             </w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>\
             <rsp:Shell><rsp:ShellId>{shell}</rsp:ShellId><rsp:ResourceUri>{}</rsp:ResourceUri>\
             <rsp:Owner>{}</rsp:Owner><rsp:IdleTimeOut>PT{}.{:03}S</rsp:IdleTimeOut>\
             <rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>",
            uri::TRANSFER,
            uri::SHELL_CMD,
            uri::SHELL_CMD,
            escape(owner),
            idle / 1000,
            idle % 1000,
        ))
    }

    /// The reply to a Receive: pieces of both streams, and the exit code when the process has ended.
    pub fn received(&self, command: &str, pieces: &[(&str, Vec<u8>)], exit_code: Option<i32>) -> String {
        let mut parts: Vec<String> = pieces
            .iter()
            .map(|(stream, bytes)| {
                let data = BASE64.encode(bytes);
                format!("<rsp:Stream Name=\"{stream}\" CommandId=\"{command}\">{data}</rsp:Stream>")
            })
            .collect();
        if let Some(code) = exit_code {
            parts.extend(["stdout", "stderr"].map(|stream| {
                format!("<rsp:Stream Name=\"{stream}\" CommandId=\"{command}\" End=\"true\"></rsp:Stream>")
            }));
            parts.push(format!(
                "<rsp:CommandState CommandId=\"{command}\" State=\"{}\"><rsp:ExitCode>{}</rsp:ExitCode>\
                 </rsp:CommandState>",
                uri::DONE,
                code.cast_unsigned()
            ));
        } else {
            let running = uri::RUNNING;
            parts.push(format!("<rsp:CommandState CommandId=\"{command}\" State=\"{running}\"></rsp:CommandState>"));
        }
        self.reply(&format!("<rsp:ReceiveResponse>{}</rsp:ReceiveResponse>", parts.concat()))
    }

    /// The reply that says no.
    pub fn refused(&self, refusal: &Refusal) -> String {
        let body = format!(
            "<s:Fault><s:Code><s:Value>{}</s:Value><s:Subcode><s:Value>w:{}</s:Value></s:Subcode></s:Code>\
             <s:Reason><s:Text xml:lang=\"en-US\">{}</s:Text></s:Reason><s:Detail>\
             <f:WSManFault xmlns:f=\"{}\" Code=\"{}\" Machine=\"127.0.0.1\"><f:Message>{}</f:Message></f:WSManFault>\
             </s:Detail></s:Fault>",
            if refusal.receiver { "s:Receiver" } else { "s:Sender" },
            refusal.subcode,
            escape(&refusal.text),
            uri::FAULT,
            refusal.code,
            escape(&refusal.text),
        );
        envelope(&self.id, action::FAULT, &body)
    }
}

fn envelope(relates_to: &str, action: &str, body: &str) -> String {
    format!(
        "<s:Envelope xml:lang=\"en-US\" xmlns:s=\"{}\" xmlns:a=\"{}\" xmlns:w=\"{}\" xmlns:rsp=\"{}\"><s:Header>\
         <a:Action>{}</a:Action><a:MessageID>uuid:{}</a:MessageID>\
         <a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>\
         <a:RelatesTo>{}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>",
        uri::SOAP,
        uri::ADDRESSING,
        uri::WSMAN,
        uri::SHELL,
        escape(action),
        Uuid::new_v4().hyphenated().to_string().to_uppercase(),
        escape(relates_to),
    )
}

/// A fault in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Whether it is the server's doing.
    pub receiver: bool,
    /// The subcode in WS-Management's namespace.
    pub subcode: &'static str,
    /// Windows' code.
    pub code: u32,
    /// What it says.
    pub text: String,
}

impl Refusal {
    fn new(receiver: bool, subcode: &'static str, code: u32, text: &str) -> Refusal {
        Refusal { receiver, subcode, code, text: text.to_owned() }
    }

    /// Nothing has happened within the operation's time-out.
    pub fn timed_out() -> Refusal {
        let text =
            "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.";
        Refusal::new(true, "TimedOut", code::TIMED_OUT, text)
    }

    /// The shell or the process is not there.
    pub fn no_such_shell() -> Refusal {
        let text = "The request for the Windows Remote Shell failed because the shell was not found on the server.";
        Refusal::new(false, "InvalidSelectors", code::NO_SUCH_SHELL, text)
    }

    /// A quota is met.
    pub fn quota(code: u32, what: &str, most: usize) -> Refusal {
        let text = format!(
            "The WS-Management service cannot process the request. The maximum number of {what} is {most}, which has \
             been exceeded."
        );
        Refusal { receiver: false, subcode: "QuotaLimit", code, text }
    }

    /// The envelope is too large.
    pub fn too_large(limit_bytes: usize) -> Refusal {
        let text = format!("The request is larger than the server's envelope limit of {limit_bytes} bytes.");
        Refusal { receiver: false, subcode: "EncodingLimit", code: code::TOO_LARGE, text }
    }

    /// The request makes no sense.
    pub fn malformed(text: &str) -> Refusal {
        Refusal::new(false, "SchemaValidationError", code::OTHER_SHELL, text)
    }

    /// The process cannot take input any more.
    pub fn broken_pipe() -> Refusal {
        Refusal::new(true, "InternalError", 109, "The pipe has been ended.")
    }

    /// There is nothing at this resource URI.
    pub fn no_such_resource(resource: &str) -> Refusal {
        let text = format!("The service cannot find the resource identified by the resource URI {resource}.");
        Refusal { receiver: false, subcode: "InvalidSelectors", code: 2_150_858_752, text }
    }

    /// The lab has no such operation.
    pub fn unsupported(action: &str) -> Refusal {
        let text = format!("The WS-Management service of the lab does not support the action {action}.");
        Refusal { receiver: false, subcode: "UnsupportedFeature", code: 2_150_858_753, text }
    }
}

/// A length of time as XML Schema writes it; `None` for what is none. Months and years have no fixed length.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    let mut seconds = 0.0;
    for (part, units) in [(date, &[('D', 86400.0)][..]), (time, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)][..])] {
        let mut rest = part;
        while !rest.is_empty() {
            let at = rest.find(|character: char| character.is_ascii_alphabetic())?;
            let unit = rest[at..].chars().next()?;
            let (_, length) = units.iter().find(|(name, _)| *name == unit)?;
            seconds += rest[..at].parse::<f64>().ok()? * length;
            rest = &rest[at + 1..];
        }
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let check =
            |text: &str, millis: Option<u64>| assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        check("PT20S", Some(20_000));
        check("PT0.250S", Some(250));
        check("P0DT0H1M2S", Some(62_000));
        check("PT7200S", Some(7_200_000));
        check("P1D", Some(86_400_000));
        check("20", None);
        check("PTxS", None);
        check("P1Y", None);
    }
}
