//! The ways to the hosts of a real farm, as the inventory tells of them.

use std::net::IpAddr;
use std::sync::Arc;

use super::right::Logins;
use super::{Exit, Failure, typed, winrm_way};
use crate::diagnostic::Span;
use crate::doctor::{Lack, Lacking};
use crate::engine::{Over, Password, Place, Reach, SqlWay, SshReach, TdsReach, Ways};
use crate::inventory::{Host, ProxyJump, SqlVia, SshConnection, Via, WinrmAuth};
use crate::sql::{self, Trust};
use crate::transport::ssh::Jump;
use crate::value::SecretRef;

/// WinRM's port without TLS.
const WINRM_PORT: u16 = 5985;

/// WinRM's port with TLS.
const WINRM_HTTPS_PORT: u16 = 5986;

/// SSH's port.
const SSH_PORT: u16 = 22;

/// The ways to a host that the inventory tells of.
pub fn ways(right: &Logins, host: &Host) -> Result<Ways, Failure> {
    Ok(Ways { machine: machine(right, host)?, sql: sql(right, host)? })
}

/// The ways to a host to look at: where what logs in is not to be had, they lead to the door all the same, and why nobody
/// goes in comes with them.
pub fn to_look_at(right: &Logins, host: &Host) -> Result<(Ways, Lacking), Failure> {
    let mut lacking = Lacking::default();
    let machine = machine(right, host).or_else(|failure| {
        lacking.machine = Some(lack(failure)?);
        Ok(Some(Reach { place: place(host), user: String::new(), password: no_password(), over: door(right, host) }))
    })?;
    let sql = sql(right, host).or_else(|failure| {
        lacking.sql = Some(lack(failure)?);
        Ok(SqlWay::Tds(tds_as(host, String::new(), no_password())))
    })?;
    Ok((Ways { machine, sql }, lacking))
}

/// What is wrong with what logs in; any other failure stays one.
fn lack(failure: Failure) -> Result<Lack, Failure> {
    if failure.exit != Exit::Input.code() {
        return Err(failure);
    }
    let advice = (!failure.hints.is_empty()).then(|| failure.hints.join("\n"));
    Ok(Lack { found: format!("{:#}", failure.error), advice })
}

fn no_password() -> Password {
    Arc::new(|| Err("no password is given".to_owned()))
}

/// Where a host's machine is.
fn place(host: &Host) -> Place {
    let connection = &host.connection;
    let port = match connection.via {
        Via::Winrm if connection.winrm.https => WINRM_HTTPS_PORT,
        Via::Winrm => WINRM_PORT,
        Via::Ssh => SSH_PORT,
        Via::Local | Via::Tds => 0,
    };
    Place::At(host.address.clone(), connection.port.unwrap_or(port))
}

/// How a host's machine is spoken to, without anything that logs in.
fn door(right: &Logins, host: &Host) -> Over {
    let connection = &host.connection;
    match connection.via {
        Via::Winrm => Over::WinRm(winrm_way::door(right, host)),
        Via::Ssh => {
            let jump = jump(host, connection.user.as_deref().unwrap_or_default());
            let known_hosts = connection.ssh.known_hosts.clone();
            Over::Ssh(SshReach { password: false, key: None, agent: false, known_hosts, jump })
        }
        Via::Local | Via::Tds => Over::Local,
    }
}

/// The way to a host's machine; `None` where it has no door but SQL Server's.
fn machine(right: &Logins, host: &Host) -> Result<Option<Reach>, Failure> {
    let connection = &host.connection;
    let nobody = |hint: &str| Failure::input(format!("nothing says who logs in to {}", host.name)).hint(hint);
    let (place, none) = (place(host), no_password());
    let found = login(right, connection.user.as_ref(), connection.password.as_ref());
    Ok(match connection.via {
        Via::Tds => None,
        Via::Local => Some(Reach { place, user: String::new(), password: none, over: Over::Local }),
        Via::Winrm => {
            let over = Over::WinRm(winrm_way::over(right, host)?);
            if connection.winrm.auth == WinrmAuth::Kerberos && connection.password.is_none() {
                // Keytabs and tickets know whose they are.
                let user = connection.user.clone().unwrap_or_default();
                return Ok(Some(Reach { place, user, password: none, over }));
            }
            if !connection.winrm.takes_password() {
                let user = connection.user.clone().unwrap_or_else(|| winrm_way::holder(host));
                return Ok(Some(Reach { place, user, password: none, over }));
            }
            let hint = "in the inventory: connection: { user: 'CORP\\deploy', password: \"{{ secret('deploy') }}\" }";
            let (user, password) = or_typed(found, connection.user.as_ref())?.ok_or_else(|| nobody(hint))?;
            Some(Reach { place, user, password, over })
        }
        Via::Ssh => {
            let hint = "in the inventory: connection: { via: ssh, user: 'CORP\\deploy', key_file: ~/.ssh/id_ed25519 }";
            let user = connection.user.clone().ok_or_else(|| nobody(hint))?;
            // Without a key there is nothing but a password.
            let bare = connection.ssh.key_file.is_none() && !connection.ssh.agent;
            let found = if bare { or_typed(found, Some(&user))? } else { found };
            let over = Over::Ssh(ssh(right, host, &user, found.is_some())?);
            let password = found.map_or(none, |(_, password)| password);
            Some(Reach { place, user, password, over })
        }
    })
}

/// What SSH needs besides an account. A key that is not there is a mistake in the inventory.
fn ssh(right: &Logins, host: &Host, user: &str, password: bool) -> Result<SshReach, Failure> {
    let SshConnection { key_file, passphrase, known_hosts, agent, .. } = &host.connection.ssh;
    if let Some((path, span)) = key_file
        && let Err(error) = std::fs::File::open(path)
    {
        let at = right.sources.place(*span);
        let place = format!("{}:{}:{}", at.name, at.line, at.column);
        let message = format!("{place}: the key {} of {} cannot be read: {error}", path.display(), host.name);
        return Err(Failure::input(message).hint(winrm_way::MISSING_FILE));
    }
    let opened_by = |secret: &SecretRef| -> Password {
        let (stores, secret) = (Arc::clone(&right.stores), secret.clone());
        Arc::new(move || stores.value(&secret).map_err(|error| error.to_string()))
    };
    let passphrase = passphrase.as_ref().map(|(secret, _)| opened_by(secret));
    Ok(SshReach {
        password,
        key: key_file.clone().map(|(path, _)| (path, passphrase)),
        agent: *agent,
        known_hosts: known_hosts.clone(),
        jump: jump(host, user),
    })
}

/// The host by way of which a host is reached; where nothing else is said, its user logs in there too.
fn jump(host: &Host, user: &str) -> Option<Jump> {
    let ProxyJump { user: own, host, port } = host.connection.ssh.proxy_jump.clone()?;
    Some(Jump { user: own.unwrap_or_else(|| user.to_owned()), host, port })
}

/// The way to a host's SQL Server.
fn sql(right: &Logins, host: &Host) -> Result<SqlWay, Failure> {
    Ok(match host.sql.via {
        SqlVia::Host => SqlWay::Machine(host.sql.instance.clone()),
        SqlVia::Tds => SqlWay::Tds(tds(right, host)?),
    })
}

/// The way to SQL Server's own port.
fn tds(right: &Logins, host: &Host) -> Result<TdsReach, Failure> {
    let sql = &host.sql;
    let found = or_typed(login(right, sql.user.as_ref(), sql.password.as_ref()), sql.user.as_ref())?;
    let (user, password) = found.ok_or_else(|| {
        let failure = Failure::input(format!("nothing says who logs in to SQL Server on {}", host.name));
        failure.hint("in the inventory: sql: { via: tds, user: farmhand, password: \"{{ secret('sql-farmhand') }}\" }")
    })?;
    Ok(tds_as(host, user, password))
}

fn tds_as(host: &Host, user: String, password: Password) -> TdsReach {
    let sql = &host.sql;
    let address = sql.address.clone().unwrap_or_else(|| host.address.clone());
    // Certificates are made out to names.
    let certificate_name = if address.parse::<IpAddr>().is_ok() { host.name.clone() } else { address.clone() };
    let place = Place::At(address, sql.port.unwrap_or(sql::PORT));
    let trust = sql.ca.as_ref().map_or(Trust::System, |pem| Trust::Also(pem.to_vec()));
    TdsReach { place, certificate_name, trust, user, password }
}

/// Who logs in, the password typed where nothing says what finds it.
fn or_typed(found: Option<(String, Password)>, user: Option<&String>) -> Result<Option<(String, Password)>, Failure> {
    match (found, user) {
        (None, Some(user)) => Ok(typed::password(user)?.map(|password| (user.clone(), password))),
        (found, _) => Ok(found),
    }
}

/// Who logs in, and what finds the password.
fn login(right: &Logins, user: Option<&String>, password: Option<&(SecretRef, Span)>) -> Option<(String, Password)> {
    let (stores, reference) = (Arc::clone(&right.stores), password?.0.clone());
    Some((user?.clone(), Arc::new(move || stores.value(&reference).map_err(|error| error.to_string()))))
}
