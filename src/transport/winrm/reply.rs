//! Replies of a remote shell, taken apart (MS-WSMV 3.1.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::soap::Element;

/// What a Receive brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit code, where the process has ended.
    pub exit_code: Option<i32>,
}

/// The id that the reply says it answers.
pub fn relates_to(envelope: &Element) -> Option<&str> {
    Some(envelope.at(&["Header", "RelatesTo"])?.text.trim())
}

/// The shell that a Create opened: from the selectors of the reply's reference, or from the shell's own element.
pub fn shell_id(envelope: &Element) -> Option<String> {
    let body = envelope.child("Body")?;
    let selector = body
        .find("SelectorSet")
        .and_then(|set| set.children_named("Selector").find(|selector| selector.attribute("Name") == Some("ShellId")));
    let id = selector.or_else(|| body.at(&["Shell", "ShellId"]))?.text.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// The process that a Command started.
pub fn command_id(envelope: &Element) -> Option<String> {
    let id = envelope.at(&["Body", "CommandResponse", "CommandId"])?.text.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// What a Receive brought. One reply holds any number of pieces of each stream.
pub fn output(envelope: &Element, command: &str) -> Result<Output, String> {
    let reply = envelope.at(&["Body", "ReceiveResponse"]).ok_or("the reply holds no ReceiveResponse")?;
    let mut output = Output::default();
    for stream in reply.children_named("Stream") {
        if !is_of(stream, command) {
            continue;
        }
        let into = match stream.attribute("Name") {
            Some("stdout") => &mut output.stdout,
            Some("stderr") => &mut output.stderr,
            other => return Err(format!("the reply holds the unknown stream `{}`", other.unwrap_or_default())),
        };
        let text: String = stream.text.split_ascii_whitespace().collect();
        into.extend(BASE64.decode(text).map_err(|error| format!("a stream is not base64: {error}"))?);
    }
    for state in reply.children_named("CommandState") {
        if is_of(state, command) && state.attribute("State").is_some_and(|state| state.ends_with("/Done")) {
            let code = state.child("ExitCode").map_or("0", |code| code.text.trim());
            // Windows writes NTSTATUS values as unsigned numbers; the sign is a matter of reading.
            let signed = code.parse::<i32>().ok().or_else(|| code.parse::<u32>().ok().map(u32::cast_signed));
            output.exit_code = Some(signed.ok_or_else(|| format!("`{code}` is no exit code"))?);
        }
    }
    Ok(output)
}

fn is_of(element: &Element, command: &str) -> bool {
    element.attribute("CommandId").is_none_or(|id| id.eq_ignore_ascii_case(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(inside: &str) -> Result<Output, String> {
        let text =
            format!("<s:Envelope><s:Body><rsp:ReceiveResponse>{inside}</rsp:ReceiveResponse></s:Body></s:Envelope>");
        output(&Element::parse(&text).unwrap(), "C1")
    }

    fn stream(name: &str, bytes: &[u8]) -> String {
        format!("<rsp:Stream Name=\"{name}\" CommandId=\"C1\">{}</rsp:Stream>", BASE64.encode(bytes))
    }

    #[test]
    fn output_cut_anywhere_is_put_together() {
        let whole = b"{\"id\":1}\n\xc3\xa4";
        for size in 1..=whole.len() {
            let pieces: String = whole.chunks(size).map(|piece| stream("stdout", piece)).collect();
            let output = receive(&pieces).unwrap();
            assert_eq!((output.stdout.as_slice(), output.exit_code), (whole.as_slice(), None), "pieces of {size}");
        }
    }

    #[test]
    fn the_end_comes_with_a_code() {
        let done = |code: &str| {
            receive(&format!(
                "{}<rsp:Stream Name=\"stdout\" CommandId=\"C1\" End=\"true\"/>\
                 <rsp:Stream Name=\"stderr\" CommandId=\"c1\" End=\"true\"></rsp:Stream>\
                 <rsp:CommandState CommandId=\"C1\" State=\"http://x/CommandState/Done\"><rsp:ExitCode>{code}</rsp:ExitCode>\
                 </rsp:CommandState>",
                stream("stderr", b"oops"),
            ))
        };
        let expected = Output { stdout: Vec::new(), stderr: b"oops".to_vec(), exit_code: Some(3) };
        assert_eq!(done("3"), Ok(expected));
        assert_eq!(done("3221225786").unwrap().exit_code, Some(-1_073_741_510));
        assert!(done("x").is_err());
    }

    #[test]
    fn a_running_process_has_no_code() {
        let running = "<rsp:CommandState CommandId=\"C1\" State=\"http://x/CommandState/Running\"/>";
        assert_eq!(receive(running), Ok(Output::default()));
        let of_another = "<rsp:CommandState CommandId=\"C2\" State=\"http://x/CommandState/Done\"/>";
        assert_eq!(receive(of_another), Ok(Output::default()));
    }

    #[test]
    fn replies_that_are_none_are_errors() {
        assert!(receive("<rsp:Stream Name=\"stdout\">%%%</rsp:Stream>").is_err());
        assert!(receive("<rsp:Stream Name=\"pr\">eA==</rsp:Stream>").is_err());
        assert!(output(&Element::parse("<a><Body/></a>").unwrap(), "C1").is_err());
    }

    #[test]
    fn a_shell_is_named_in_either_place() {
        let check = |body: &str, expected: Option<&str>| {
            let envelope = Element::parse(&format!("<e><Body>{body}</Body></e>")).unwrap();
            assert_eq!(shell_id(&envelope).as_deref(), expected);
        };
        check(
            "<x:ResourceCreated><a:ReferenceParameters><w:SelectorSet><w:Selector Name=\"ShellId\">S1</w:Selector>\
             </w:SelectorSet></a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>S1</rsp:ShellId></rsp:Shell>",
            Some("S1"),
        );
        check("<rsp:Shell><rsp:ShellId>S2</rsp:ShellId></rsp:Shell>", Some("S2"));
        check("<rsp:Shell/>", None);
    }
}
