//! What a host tells when it is examined.

use super::computer::Computer;
use super::faults::{Fault, Faults};
use super::{LabError, LabHost};
use crate::doctor::told::{FULL_LANGUAGE, Listener, Policies, Service, Token, Told, WinRm};

/// Everyone, those who came over the network, and users.
const GROUPS: [&str; 3] = ["S-1-1-0", "S-1-5-2", "S-1-5-32-545"];
/// Administrators.
const ADMINISTRATORS: &str = "S-1-5-32-544";

impl LabHost {
    /// What the host tells a session of a user that it examines.
    ///
    /// # Errors
    /// When a file of the host is broken.
    pub(super) fn told(&self, user: &str) -> Result<Told, LabError> {
        let sql = self.sql()?.map(|instance| instance.about()).transpose()?;
        let _ = self.computer_name();
        let computer: Computer = self.folder().read_toml(Computer::FILE)?;
        let faults: Faults = self.folder().read_toml(Faults::FILE)?;
        let language_mode = language_mode(&computer, &faults);
        if language_mode != FULL_LANGUAGE {
            return Ok(Told { doctor: 1, language_mode, ..Told::default() });
        }
        let administrator = computer.administrator && !faults.has(Fault::NotAdministrator);
        let groups = GROUPS.into_iter().chain(administrator.then_some(ADMINISTRATORS)).map(str::to_owned);
        let service = |name: &str, account: &str| Service {
            name: name.to_owned(),
            start_mode: "Auto".to_owned(),
            state: "Running".to_owned(),
            account: Some(account.to_owned()),
        };
        let mut services = vec![service("WinRM", r"NT AUTHORITY\NetworkService")];
        services.extend(sql.map(|about| match about.server_name.split_once('\\') {
            Some((_, instance)) => service(&format!("MSSQL${instance}"), &format!(r"NT Service\MSSQL${instance}")),
            None => service("MSSQLSERVER", r"NT Service\MSSQLSERVER"),
        }));
        Ok(Told {
            doctor: 1,
            language_mode,
            token: Some(Token {
                user: user.to_owned(),
                sid: "S-1-5-21-1004336348-1177238915-682003330-1105".to_owned(),
                groups: groups.collect(),
                filtered: false,
            }),
            winrm: Some(computer.winrm.unwrap_or(WinRm::STOCK)),
            listeners: Some(vec![Listener {
                transport: "HTTP".to_owned(),
                address: "*".to_owned(),
                port: 5985,
                enabled: true,
                certificate: None,
            }]),
            services: Some(services),
            rules: Some(Vec::new()),
            policies: Some(Policies::default()),
            ssh_keys: None,
        })
    }

    /// Whether PowerShell runs with limits there, in which no agent can run.
    pub(super) fn has_limits(&self) -> bool {
        let computer = self.folder().read_toml::<Computer>(Computer::FILE).unwrap_or_default();
        let faults = self.folder().read_toml::<Faults>(Faults::FILE).unwrap_or_default();
        language_mode(&computer, &faults) != FULL_LANGUAGE
    }
}

fn language_mode(computer: &Computer, faults: &Faults) -> String {
    if faults.has(Fault::ConstrainedLanguage) {
        return "ConstrainedLanguage".to_owned();
    }
    computer.language_mode.clone()
}
