//! Which doors a host has in the lab: those that the inventory gives it.

use std::io;
use std::sync::Arc;

use crate::engine::{WinrmReach, WinrmTls};
use crate::http::{Authorities, Trust};
use crate::inventory::{Host, SqlVia, Via, WinrmAuth};
use crate::lab::Lab;
use crate::lab::sql::tds::Issued;
use crate::lab::wsman::AlsoIn;
use crate::transport::winrm::Auth;

/// Who logs in to lab hosts.
pub const USER: (&str, &str) = ("LAB", "operator");

/// The doors of one host.
#[derive(Clone, Debug, Default)]
pub struct LabDoors {
    /// By which door its machine is reached. The lab answers SSH's by WinRM.
    pub via: Via,
    /// How its WinRM is spoken with.
    pub winrm: WinrmDoor,
    /// How T-SQL is run on it.
    pub sql: SqlVia,
    /// The instance's name.
    pub instance: String,
}

impl LabDoors {
    /// Those of a host of the inventory.
    pub fn of(host: &Host) -> LabDoors {
        let winrm = &host.connection.winrm;
        LabDoors {
            via: host.connection.via,
            winrm: WinrmDoor { https: winrm.https, auth: winrm.auth },
            sql: host.sql.via,
            instance: host.sql.instance.clone(),
        }
    }
}

/// How a host's WinRM is spoken with.
#[derive(Clone, Copy, Debug, Default)]
pub struct WinrmDoor {
    /// Whether TLS carries it.
    pub https: bool,
    /// How the operator logs in.
    pub auth: WinrmAuth,
}

impl WinrmDoor {
    /// What the server listens with and lets in besides NTLM.
    pub fn server(self, lab: &Lab, name: &str) -> io::Result<(Option<Issued>, AlsoIn)> {
        if !self.https {
            return Ok((None, AlsoIn::default()));
        }
        let authority = lab.authority()?;
        let mut also = AlsoIn { basic: self.auth == WinrmAuth::Basic, certificates: Vec::new() };
        if self.auth == WinrmAuth::Certificate {
            let (_, certificate) = authority.client(USER.1)?;
            also.certificates.push((certificate.hash(), format!("{}\\{}", USER.0, USER.1)));
        }
        Ok((Some(authority.issue(&[name])?), also))
    }

    /// How farmhand speaks with it. Of the lab's hosts the lab's own authority is trusted.
    pub fn client(self, lab: &Lab) -> io::Result<WinrmReach> {
        let auth = self.spoken();
        if !self.https {
            return Ok(WinrmReach { auth, ..WinrmReach::default() });
        }
        let authority = lab.authority()?;
        let trust = Trust::Authorities(Authorities::Also(std::fs::read(authority.file())?));
        let mut tls = WinrmTls { name: "localhost".to_owned(), trust, certificate: None };
        if auth == Auth::Certificate {
            let identity = authority.client(USER.1)?.1.identity()?;
            tls.certificate = Some(Arc::new(move || Ok(identity.clone())));
        }
        Ok(WinrmReach { auth, tls: Some(tls), proxy: None })
    }

    /// The way to log in: the inventory's, but that the lab has no KDC and takes NTLM in Kerberos' place.
    fn spoken(self) -> Auth {
        match self.auth {
            WinrmAuth::Ntlm | WinrmAuth::Kerberos => Auth::Ntlm,
            WinrmAuth::Negotiate => Auth::Negotiate,
            WinrmAuth::Basic => Auth::Basic,
            WinrmAuth::Certificate => Auth::Certificate,
        }
    }

    /// What an inventory says to reach it, as keys of a flow map; empty for HTTP with NTLM.
    pub fn keys(self, lab: &Lab) -> io::Result<String> {
        let mut keys = String::new();
        if self.https {
            let ca = std::path::absolute(lab.authority()?.file())?;
            keys = format!(", scheme: https, ca: '{}'", ca.display());
        }
        match self.spoken() {
            Auth::Ntlm | Auth::Kerberos(_) => {}
            Auth::Negotiate => keys.push_str(", auth: negotiate"),
            Auth::Basic => keys.push_str(", auth: basic"),
            Auth::Certificate => {
                let (file, _) = lab.authority()?.client(USER.1)?;
                let file = std::path::absolute(file)?;
                keys.push_str(&format!(", auth: certificate, certificate: '{}'", file.display()));
            }
        }
        Ok(keys)
    }
}
