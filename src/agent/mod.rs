//! The program that runs on a host, and how bytes for it are made.
//!
//! The agent is text that never varies. It is started by a bootstrap on the command line and arrives through standard
//! input, followed by data: a hello and batches, one line each.
//!
//! It has two parts. The reading part is what every session gets. The writing part, without which nothing on a host can
//! be changed, is sent to a session that may write, and with its first batch that does: a host that is only looked at
//! never has it. The reading part knows its digest and runs nothing else.
//!
//! Beside the two stands `doctor.ps1`, which reads what is asked of a host when it is examined, and ends.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use crate::resource::sql::QUERIES;

pub mod framing;
pub mod lines;

/// The line after the last line of the agent's text.
pub const END_LINE: &str = "#farmhand-agent-end";

/// Version of the protocol that the agent and this program speak.
pub const PROTOCOL: u32 = 1;

/// Where Windows PowerShell is on every Windows, below its own folder.
const POWERSHELL: &str = r"System32\WindowsPowerShell\v1.0\powershell.exe";

/// Its switches; the encoded bootstrap follows. Nothing in them needs quoting, in cmd or in PowerShell.
const SWITCHES: [&str; 5] = ["-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-EncodedCommand"];

/// What stands in `agent.ps1` for the digest of the writing part.
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What stands in `agent.ps1` for the digests of the questions to SQL Server.
const NO_QUESTIONS: &str = "1111111111111111111111111111111111111111111111111111111111111111";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let text = strip(include_str!("agent.ps1"));
    text.replacen(NO_DIGEST, writer_sha256(), 1).replacen(NO_QUESTIONS, &question_digests(), 1)
});
static WRITER: LazyLock<String> = LazyLock::new(|| strip(include_str!("agent-write.ps1")));
static WRITER_SHA256: LazyLock<String> = LazyLock::new(|| hexadecimal(&Sha256::digest(WRITER.as_bytes())));
static DOCTOR: LazyLock<String> = LazyLock::new(|| strip(include_str!("doctor.ps1")));
static DOCTOR_SHA256: LazyLock<String> = LazyLock::new(|| hexadecimal(&Sha256::digest(DOCTOR.as_bytes())));
static BOOTSTRAP: LazyLock<String> = LazyLock::new(|| strip(include_str!("bootstrap.ps1")));
static SHA256: LazyLock<String> = LazyLock::new(|| hexadecimal(&Sha256::digest(TEXT.as_bytes())));

/// The text of the reading part as it travels: ASCII lines ended by LF, without comments and indentation.
pub fn text() -> &'static str {
    &TEXT
}

/// SHA-256 of [`text`] in lower-case hexadecimal.
pub fn sha256() -> &'static str {
    &SHA256
}

/// The text of the writing part as it travels.
pub fn writer() -> &'static str {
    &WRITER
}

/// SHA-256 of [`writer`] in lower-case hexadecimal.
pub fn writer_sha256() -> &'static str {
    &WRITER_SHA256
}

/// The text of what a host is examined by as it travels. The agent's bootstrap runs it, in place of the agent.
pub fn doctor() -> &'static str {
    &DOCTOR
}

/// SHA-256 of [`doctor`] in lower-case hexadecimal.
pub fn doctor_sha256() -> &'static str {
    &DOCTOR_SHA256
}

/// SHA-256 of each question that the agent asks SQL Server, in lower-case hexadecimal, with blanks between.
pub fn question_digests() -> String {
    let digests = QUERIES.iter().map(|query| hexadecimal(&Sha256::digest(query.text.as_bytes())));
    digests.collect::<Vec<_>>().join(" ")
}

/// The command line that starts the agent where cmd runs it, as WinRM does: PowerShell by its full path.
pub fn command_line() -> String {
    format!("%SystemRoot%\\{POWERSHELL} {}", arguments().join(" "))
}

/// The command line that starts the agent whatever shell runs it. OpenSSH's default shell is cmd, and may be
/// PowerShell or pwsh, which do not know `%SystemRoot%`; so this one leaves the path to the machine's PATH.
pub fn command_line_for_any_shell() -> String {
    format!("powershell.exe {}", arguments().join(" "))
}

/// Windows PowerShell on this machine, given the folder of its Windows.
pub fn powershell(windows: &str) -> String {
    format!("{}\\{POWERSHELL}", windows.trim_end_matches('\\'))
}

/// What a PowerShell is given so that it runs the bootstrap, which comes last as UTF-16LE in base64.
pub fn arguments() -> Vec<String> {
    let utf16: Vec<u8> = BOOTSTRAP.trim_end().encode_utf16().flat_map(u16::to_le_bytes).collect();
    SWITCHES.iter().map(|switch| (*switch).to_owned()).chain([BASE64.encode(utf16)]).collect()
}

/// Takes out what only readers of the source need: indentation, blank lines, comments that have lines of their own.
///
/// A comment behind code stays, so that no `#` in a string is ever taken for one. Scripts therefore hold no here-strings.
fn strip(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut in_comment = false;
    for line in source.lines().map(str::trim) {
        if in_comment || line.starts_with("<#") {
            in_comment = !line.ends_with("#>");
        } else if !line.is_empty() && !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_comments_and_indentation_go() {
        let check = |source: &str, expected: &str| assert_eq!(strip(source), expected);
        check("# one\r\n\r\n  $a = '# two' # three\r\n", "$a = '# two' # three\n");
        check("<# a\n b #>\nif (1) {\n    2\n}", "if (1) {\n2\n}\n");
        check("<# one line #>\n1", "1\n");
    }

    #[test]
    fn the_text_is_ascii_and_does_not_end_itself() {
        for text in [text(), doctor()] {
            assert!(text.is_ascii());
            assert!(text.lines().all(|line| line != END_LINE));
        }
        assert_eq!(sha256().len(), 64);
    }

    #[test]
    fn the_reading_part_knows_the_writing_part_and_has_nothing_of_it() {
        assert!(writer().is_ascii());
        assert_eq!(text().matches(writer_sha256()).count(), 1);
        assert!(!text().contains(NO_DIGEST));
        for changing in ["CommitChanges", "Install-WindowsFeature", "Restart-Computer", "SetAccessControl", ".Delete("]
        {
            assert!(writer().contains(changing) && !text().contains(changing), "{changing}");
        }
    }

    #[test]
    fn the_agent_asks_sql_server_what_the_kinds_ask_and_nothing_else() {
        let listed = text().lines().find_map(|line| line.strip_prefix("Questions = '")?.strip_suffix('\'')).unwrap();
        let listed: Vec<&str> = listed.split(' ').collect();
        assert_eq!(listed.len(), QUERIES.len());
        for query in QUERIES {
            let digest = hexadecimal(&Sha256::digest(query.text.as_bytes()));
            assert!(listed.contains(&digest.as_str()), "{}", query.name);
        }
        assert!(listed.iter().all(|digest| digest.len() == 64));
        assert!(!text().contains(NO_QUESTIONS) && !text().contains("ExecuteNonQuery"));
    }

    #[test]
    fn the_bootstrap_fits_and_reads_its_input_at_top_level() {
        assert!(BOOTSTRAP.len() <= 1000, "the bootstrap has {} characters", BOOTSTRAP.len());
        // The host looks for this token in the command itself before it starts to pump lines.
        assert!(BOOTSTRAP.contains("$input"));
        // cmd.exe takes 8191 characters.
        assert!(command_line().len() < 8191 && command_line().is_ascii());
    }

    #[test]
    fn any_shell_reads_the_command_line_alike() {
        let plain = |c: char| c.is_ascii_alphanumeric() || " .-+/=".contains(c);
        assert!(command_line_for_any_shell().chars().all(plain), "{}", command_line_for_any_shell());
        assert_eq!(powershell(r"C:\Windows\"), r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe");
    }
}
