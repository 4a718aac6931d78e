//! What is looked at on the host itself, over a session that can only read.

use std::time::{Duration, Instant, SystemTime};

use super::check::{Check, Line, Sheet};
use super::judge::{self, Logon};
use super::told::{FULL_LANGUAGE, Told};
use super::{settings, sql};
use crate::agent;
use crate::bootstrap::leaves::{SSH, WINRM};
use crate::engine::{Over, SqlWay, nonce};
use crate::hostcall::answer::HostFacts;
use crate::hostcall::{Answer, Read};
use crate::session::{ReadSession, Settings, plain_stderr};
use crate::transport::Transport;
use crate::value::unix_seconds;

/// How long a host may take to tell what it is examined for: its firewall has many rules.
const PATIENCE: Duration = Duration::from_mins(2);
/// How much a host may write before it has told.
const MAX_BYTES: usize = 1 << 20;

/// What is checked once PowerShell runs.
pub fn checks(over: &Over) -> Vec<Check> {
    let first = [
        Check::Language,
        Check::Agent,
        Check::Windows,
        Check::PowerShell,
        Check::Administrator,
        Check::Disk,
        Check::Clock,
        Check::Reboot,
        Check::DoubleHop,
    ];
    let quotas = [Check::Envelope, Check::Shells, Check::Memory, Check::Users, Check::Idle];
    let winrm = [Check::Service, Check::Encryption, Check::Basic, Check::Listener, Check::Rule];
    let ssh = [Check::Service, Check::Rule, Check::Keys];
    match over {
        Over::WinRm(_) => [first.as_slice(), &quotas, &winrm].concat(),
        Over::Ssh(_) => [first.as_slice(), &ssh].concat(),
        Over::Local => first.to_vec(),
    }
}

/// Looks at everything that can be looked at.
pub async fn look(sheet: &mut Sheet, mut transport: Transport, over: &Over, logon: Logon, way: &SqlWay) {
    let told = match tell(&mut transport).await {
        Ok(told) => told,
        Err(why) => {
            sheet.put(Line::failed_as_told(Check::Process, &why));
            // What is left behind there ends by itself.
            let _ = transport.close().await;
            return;
        }
    };
    // A shell that was started is no PowerShell yet: the command may be unknown there.
    sheet.put(Line::passed(Check::Process, "PowerShell was started"));
    sheet.put(judge::language(&told));
    if told.language_mode != FULL_LANGUAGE {
        let _ = transport.close().await;
        return;
    }
    let instance = match way {
        SqlWay::Machine(name) => sql::wanted(&told, name),
        SqlWay::Tds(_) => None,
    };
    let reads: Vec<Read> = [Read::HostFacts].into_iter().chain(instance.as_deref().map(sql::question)).collect();
    let began = SystemTime::now();
    let answers = match ask(transport, &reads).await {
        Ok(answers) => answers,
        Err(why) => {
            sheet.put(Line::failed_as_told(Check::Agent, &why));
            return;
        }
    };
    let took = began.elapsed().unwrap_or_default();
    let here = unix_seconds(began + took / 2);
    let mut answers = answers.into_iter();
    match facts(answers.next()) {
        Ok(facts) => {
            sheet.put(Line::passed(Check::Agent, format!("it answers; farmhand {}", env!("CARGO_PKG_VERSION"))));
            sheet.put(judge::windows(&facts));
            sheet.put(judge::powershell(&facts));
            sheet.put(judge::administrator(&facts, &told));
            sheet.put(judge::disk(&facts));
            sheet.put(judge::clock(&facts, here));
            sheet.put(judge::reboot(&facts));
        }
        Err(why) => {
            sheet.put(Line::failed(Check::Agent, why, "see the host's event log of PowerShell and of WMI"));
        }
    }
    sheet.put(judge::double_hop(&told, logon));
    set_up(sheet, &told, over, logon);
    if let Some(instance) = instance {
        sql::by_the_machine(sheet, &told, &instance, answers.next());
    }
}

/// How the door is set up.
fn set_up(sheet: &mut Sheet, told: &Told, over: &Over, logon: Logon) {
    let lines = match over {
        Over::WinRm(_) => {
            let mut lines = judge::quotas(told);
            lines.push(settings::service(told, &WINRM));
            lines.push(settings::encryption(told));
            lines.push(settings::basic(told, logon == Logon::Password));
            lines.push(settings::listener(told));
            lines.push(settings::rule(told, &WINRM));
            lines
        }
        Over::Ssh(_) => vec![settings::service(told, &SSH), settings::rule(told, &SSH), settings::keys(told)],
        Over::Local => Vec::new(),
    };
    for line in lines {
        sheet.put(line);
    }
}

/// Has the process that was started tell of its host, and ends it.
async fn tell(transport: &mut Transport) -> Result<Told, String> {
    let script = [agent::doctor().as_bytes(), agent::END_LINE.as_bytes(), b"\n"].concat();
    transport.send(&script, true).await.map_err(|error| error.to_string())?;
    let began = Instant::now();
    let mut output = Vec::new();
    let code = loop {
        let left = PATIENCE.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
        let left = left.ok_or_else(|| format!("the host told nothing within {} s", PATIENCE.as_secs()))?;
        let received = transport.receive(left).await.map_err(|error| error.to_string())?;
        output.extend(received.stdout);
        if let Some(told) = find(&output) {
            // The process has said all that it will.
            let stopped = transport.stop().await;
            return stopped.map(|()| told).map_err(|error| error.to_string());
        }
        if output.len() > MAX_BYTES {
            return Err("the host writes and writes and tells nothing".to_owned());
        }
        if let Some(code) = received.exit_code {
            break code;
        }
    };
    let said = plain_stderr(transport.stderr());
    let _ = transport.stop().await;
    Err(ended(code, &said))
}

/// That PowerShell did not run, and behind a line's end what to do.
fn ended(code: i32, said: &str) -> String {
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join("\n  ")) };
    format!(
        "PowerShell ended with code {code} and told nothing{said}\nlog in by hand as the same account and start \
         powershell.exe -NoProfile; over SSH its shell must find it on its PATH"
    )
}

/// What is told, once its line is whole; a profile or a policy may print a banner before it.
fn find(output: &[u8]) -> Option<Told> {
    let whole = output.iter().rposition(|byte| *byte == b'\n').map(|end| &output[..end])?;
    let mut lines = whole.split(|byte| *byte == b'\n');
    lines.find_map(|line| serde_json::from_slice::<Told>(line).ok().filter(|told| told.doctor == 1))
}

async fn ask(transport: Transport, reads: &[Read]) -> Result<Vec<Answer>, String> {
    let nonce = nonce().map_err(|error| error.to_string())?;
    let mut session = ReadSession::open(transport, Settings::new(nonce)).await.map_err(|error| error.to_string())?;
    let answers = session.observe(reads).await.map_err(|error| error.to_string());
    // A session that does not say goodbye has told all the same.
    let _ = session.close().await;
    answers
}

fn facts(answer: Option<Answer>) -> Result<HostFacts, String> {
    match answer {
        Some(Answer::Present(value)) => serde_json::from_value(value).map_err(|error| error.to_string()),
        Some(Answer::Refused(refusal)) => Err(refusal.text),
        _ => Err("the host told no facts".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_powershell_that_did_not_run_is_told_with_its_words_and_what_to_do() {
        let line = Line::failed_as_told(Check::Process, &ended(127, "bash: powershell.exe: not found; sorry\nmore\n"));
        assert!(line.found.ends_with("told nothing: bash: powershell.exe: not found; sorry\n  more"), "{line:?}");
        assert!(line.advice.is_some_and(|advice| advice.starts_with("log in by hand")));
        assert!(ended(1, " \n").contains("told nothing\n"));
    }

    #[test]
    fn what_is_told_is_found_behind_a_banner_and_not_before_it_is_whole() {
        let told = r#"{"doctor":1,"language_mode":"FullLanguage","token":null}"#;
        assert_eq!(find(told.as_bytes()), None);
        let found = find(format!("Welcome to WEB01\r\n{{}}\n{told}\r\n").as_bytes()).unwrap();
        assert_eq!((found.language_mode.as_str(), found.token), (FULL_LANGUAGE, None));
        assert_eq!(find(b"{\"language_mode\":\"x\"}\n"), None);
    }
}
