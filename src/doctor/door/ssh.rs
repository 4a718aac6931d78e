//! SSH, step by step.

use super::failure;
use crate::doctor::check::{Check, Line, Outcome, Sheet};
use crate::doctor::judge::Logon;
use crate::doctor::speaks::{self, Speaks};
use crate::engine::{Place, SshReach};
use crate::transport::TransportError;
use crate::transport::ssh::{By, LoggedIn, key_trouble};

/// What is checked before anything runs on the host.
pub const CHECKS: [Check; 7] =
    [Check::Name, Check::Tcp, Check::Account, Check::Ssh, Check::HostKey, Check::Login, Check::Process];

/// Who logs in, and whether the file of the key can be opened as far as anybody can tell without its passphrase. A bad one is
/// a failure where there is nothing else to log in with.
pub fn account(user: &str, over: &SshReach) -> Line {
    let trouble = over.key.as_ref().and_then(|(path, passphrase)| key_trouble(path, passphrase.is_some()));
    let Some(trouble) = trouble else { return Line::passed(Check::Account, format!("{user} logs in")) };
    let line = Line::failed_as_told(Check::Account, &trouble);
    if over.agent || over.password { Line { outcome: Outcome::Note, ..line } } else { line }
}

/// What listens there, where that is something else than SSH.
pub async fn hear(place: &Place) -> Option<Line> {
    let (host, port) = place.find().await.ok()?;
    let heard = speaks::hear(&host, port).await.filter(|heard| *heard != Speaks::Ssh)?;
    let advice = "name the port of sshd (22), or log in by WinRM (via: winrm) where it is WinRM's";
    Some(Line::failed(Check::Ssh, format!("what listens there {heard}, not SSH"), advice))
}

/// What a login came to, and what sort of logon it is.
pub fn steps(
    sheet: &mut Sheet,
    logged_in: Option<&LoggedIn>,
    error: Option<&TransportError>,
    heard: Option<Line>,
) -> Logon {
    let at = match (logged_in, error) {
        (Some(_), _) => Check::Process,
        (None, Some(TransportError::HostKey(_))) => Check::HostKey,
        (None, Some(TransportError::Login { .. })) => Check::Login,
        (None, _) => Check::Ssh,
    };
    if at != Check::Ssh {
        sheet.put(Line::passed(Check::Ssh, "what listens there talks SSH, with algorithms of both"));
    }
    if matches!(at, Check::Login | Check::Process) {
        sheet.put(Line::passed(Check::HostKey, "the host showed the key that it is known by"));
    }
    if let Some(LoggedIn { offered, by }) = logged_in {
        let by = match by {
            By::Nothing => "the host asked for nothing",
            By::Key => "the key in its file was accepted",
            By::Agent => "a key of the SSH agent was accepted",
            By::Password => "the password was accepted",
        };
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.replace(',', ", ") };
        sheet.put(Line::passed(Check::Login, format!("{by}; the host offers {offered}")));
    }
    if let Some(line) = heard {
        sheet.put(line);
        return Logon::Proof;
    }
    match error {
        None => {}
        Some(TransportError::Login { user, why, .. }) => {
            sheet.put(Line::failed_as_told(at, &format!("`{user}` was not let in: {why}")));
        }
        Some(error) => {
            sheet.put(failure(at, error));
        }
    }
    // Who logs in by the password leaves it with the host (LOGON32_LOGON_NETWORK_CLEARTEXT).
    if logged_in.is_some_and(|it| it.by == By::Password) { Logon::Password } else { Logon::Proof }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome::{self, Failed, NotReached, Note, Passed};

    #[test]
    fn each_failure_has_its_own_line() {
        let outcomes = |logged_in: Option<&LoggedIn>, error: Option<TransportError>| -> Vec<Outcome> {
            let mut sheet = Sheet::new([Check::Ssh, Check::HostKey, Check::Login, Check::Process]);
            steps(&mut sheet, logged_in, error.as_ref(), None);
            sheet.finish().iter().map(|line| line.outcome).collect()
        };
        let (host, user) = (|| "web01".to_owned(), "ops".to_owned());
        let no_way = TransportError::NoWay { host: host(), why: "it talks no SSH; check the port".to_owned() };
        assert_eq!(outcomes(None, Some(no_way)), [Failed, NotReached, NotReached, NotReached]);
        let login = TransportError::Login { host: host(), user, why: "the password was refused".to_owned() };
        assert_eq!(outcomes(None, Some(login)), [Passed, Passed, Failed, NotReached]);
        let inside = LoggedIn { offered: "publickey,password".to_owned(), by: By::Key };
        let lost = TransportError::Lost { host: host(), doing: "start", why: "no channel".to_owned(), sent: false };
        assert_eq!(outcomes(Some(&inside), Some(lost)), [Passed, Passed, Passed, Failed]);
    }

    #[test]
    fn a_key_that_cannot_be_opened_is_no_account_where_there_is_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id.pub");
        std::fs::write(&path, "ssh-ed25519 AAAA me").unwrap();
        let check = |key: bool, agent: bool, password: bool, expected: Outcome| {
            let key = key.then(|| (path.clone(), None));
            let line = account("ops", &SshReach { password, key, agent, known_hosts: None, jump: None });
            assert_eq!((line.outcome, line.advice.is_some()), (expected, expected != Passed), "{line:?}");
        };
        check(true, false, false, Failed);
        check(true, true, false, Note);
        check(true, false, true, Note);
        check(false, true, false, Passed);
    }

    #[test]
    fn who_gives_the_password_can_go_further() {
        let logon = |by| steps(&mut Sheet::new([]), Some(&LoggedIn { offered: String::new(), by }), None, None);
        assert_eq!(logon(By::Password), Logon::Password);
        assert_eq!(logon(By::Key), Logon::Proof);
    }
}
