//! A few commands of cmd and PowerShell, as far as other tools need them to say that they can log in.
//!
//! What is not known is answered as cmd and PowerShell answer what they do not know.

use tokio::sync::mpsc;

use super::process::{Input, Output, Taken};

/// The longest command line that cmd takes.
const MAX_LINE: usize = 8191;

/// Who and where a script runs.
pub(super) struct Host {
    /// The computer's name.
    pub computer: String,
    /// `DOMAIN\user`.
    pub user: String,
}

impl Host {
    /// Runs a line of cmd and gives its exit code.
    pub async fn cmd(&self, line: &str, input: mpsc::UnboundedReceiver<Input>, output: &Output) -> i32 {
        if line.len() > MAX_LINE {
            output.complain(b"The command line is too long.\r\n");
            return 1;
        }
        let (word, rest) = split(line);
        match word.to_ascii_lowercase().as_str() {
            "more" | "more.com" | "sort" | "findstr" if rest.is_empty() || word.eq_ignore_ascii_case("more") => {
                output.write(&read_all(input).await);
                0
            }
            "echo" => {
                let text = if rest.is_empty() { "ECHO is on." } else { rest };
                say(output, &self.expand(text))
            }
            "hostname" | "hostname.exe" => say(output, &self.computer),
            "whoami" | "whoami.exe" => say(output, &self.user.to_lowercase()),
            "ver" => say(output, "\r\nMicrosoft Windows [Version 10.0.17763.737]"),
            "exit" => rest.trim_start_matches("/b").trim_start_matches("/B").trim().parse().unwrap_or(0),
            "" => 0,
            "cmd" | "cmd.exe" => match rest.split_once(' ') {
                Some((switch, inner)) if switch.eq_ignore_ascii_case("/c") => {
                    Box::pin(self.cmd(inner.trim().trim_matches('"'), input, output)).await
                }
                _ => Self::unknown(&word, output),
            },
            _ => Self::unknown(&word, output),
        }
    }

    fn unknown(word: &str, output: &Output) -> i32 {
        let text = format!(
            "'{word}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
        );
        output.complain(text.as_bytes());
        1
    }

    fn expand(&self, text: &str) -> String {
        let (domain, user) = self.user.split_once('\\').unwrap_or(("", &self.user));
        [("COMPUTERNAME", self.computer.as_str()), ("USERNAME", user), ("USERDOMAIN", domain), ("SystemDrive", "C:")]
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("%{name}%"), value))
    }

    /// Runs a script of simple statements, one a line or parted by `;`, and gives the exit code.
    pub fn powershell(&self, script: &str, output: &Output) -> i32 {
        for statement in script.split([';', '\n']).map(str::trim) {
            let (word, rest) = split(statement);
            let value = match word.to_ascii_lowercase().as_str() {
                "" => continue,
                "exit" => return rest.parse().unwrap_or(0),
                "hostname" | "$env:computername" => self.computer.clone(),
                "whoami" => self.user.to_lowercase(),
                "write-output" | "write-host" | "echo" => literal(rest),
                "$psversiontable.psversion.tostring()" => "5.1.17763.1".to_owned(),
                // A switch for how the script itself is run or talks; there is nothing to do and nothing to say.
                _ if word.starts_with('$') && rest.starts_with('=') => continue,
                _ if word.starts_with(['\'', '"']) => literal(statement),
                _ => {
                    let text = format!(
                        "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\
                         <S S=\"Error\">{word} : The term '{word}' is not recognized as the name of a cmdlet, function, \
                         script file, or operable program._x000D__x000A_</S></Objs>"
                    );
                    output.complain(text.as_bytes());
                    return 1;
                }
            };
            say(output, &value);
        }
        0
    }
}

fn say(output: &Output, text: &str) -> i32 {
    output.write(format!("{text}\r\n").as_bytes());
    0
}

/// A word and what follows it.
fn split(line: &str) -> (String, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (word.to_owned(), rest.trim())
}

/// A string literal's text; anything else stands for itself.
fn literal(text: &str) -> String {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return inner.to_owned();
        }
    }
    text.to_owned()
}

async fn read_all(mut input: mpsc::UnboundedReceiver<Input>) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Input { bytes, end, taken }) = input.recv().await {
        all.extend(bytes);
        // Nobody needs to know.
        let _ = taken.send(Taken::Normally);
        if end {
            break;
        }
    }
    all
}
