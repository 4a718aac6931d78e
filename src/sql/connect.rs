//! Opening a connection, and what to do when it does not open.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;

use tiberius::error::Error;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::{TcpStream, lookup_host};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::counted::{Counted, Counts};
use super::{Patience, Step, TdsTarget, Trust};
use crate::value::SecretValue;

/// An open connection.
pub(super) type Connection = Client<Compat<Counted>>;

/// What an instance takes farmhand for in its lists of sessions.
const APPLICATION: &str = "farmhand";

/// Connects and logs in. The error says at which step that failed, why and what to do, and holds nothing secret.
pub(super) async fn open(
    target: &TdsTarget,
    patience: Patience,
    counts: Arc<Counts>,
) -> Result<Connection, (Step, String)> {
    let account = |why| (Step::Account, why);
    let login = (target.password)().and_then(|password| login(&target.user, &password)).map_err(account)?;
    let stream = reach(target, patience).await.map_err(|why| (Step::Connection, why))?;
    let mut config = Config::new();
    config.host(&target.address);
    config.port(target.port);
    config.hostname_in_certificate(&target.certificate_name);
    config.application_name(APPLICATION);
    config.encryption(EncryptionLevel::Required);
    config.authentication(login);
    config.handshake_timeout(Some(patience.login));
    if let Trust::Also(pem) = &target.trust {
        config.trust_cert_ca_bundle(pem.clone());
    }
    let counted = Counted { stream, counts };
    Client::connect(config, counted.compat_write()).await.map_err(|error| {
        let step = if matches!(error, Error::Server(_)) { Step::Login } else { Step::Tls };
        (step, refused(target, &error))
    })
}

/// A login of SQL Server.
#[cfg(not(all(windows, feature = "windows-login")))]
fn login(user: &str, password: &SecretValue) -> Result<AuthMethod, String> {
    if user.contains('\\') {
        return Err(format!(
            "`{user}` is a Windows account, and this farmhand logs in over TDS with logins of SQL Server alone; name one \
             of those, or reach the machine over WinRM (sql: {{ via: host }}); a controller that runs Windows can do it \
             with farmhand built with --features windows-login"
        ));
    }
    Ok(AuthMethod::sql_server(user, password.expose()))
}

/// A Windows account, or a login of SQL Server.
#[cfg(all(windows, feature = "windows-login"))]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there is an error")]
fn login(user: &str, password: &SecretValue) -> Result<AuthMethod, String> {
    Ok(if user.contains('\\') {
        AuthMethod::windows(user, password.expose())
    } else {
        AuthMethod::sql_server(user, password.expose())
    })
}

async fn reach(target: &TdsTarget, patience: Patience) -> Result<TcpStream, String> {
    let (address, port) = (target.address.as_str(), target.port);
    let addresses: Vec<_> = match address.parse::<IpAddr>() {
        Ok(ip) => vec![(ip, port).into()],
        Err(_) => lookup_host((address, port))
            .await
            .map_err(|_| format!("nobody knows the name `{address}`; check it and the DNS servers of this machine"))?
            .collect(),
    };
    let connected = tokio::time::timeout(patience.connect, TcpStream::connect(&*addresses)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            return Err(format!(
                "nothing listens at {address}:{port}; check the port, and that TCP/IP is enabled for the instance (SQL \
                 Server Configuration Manager); an instance by name has a port of its own, which is given with `port:`"
            ));
        }
        Ok(Err(error)) => return Err(format!("{address}:{port}: {error}; check that no firewall stands between")),
        Err(_) => {
            let seconds = patience.connect.as_secs();
            return Err(format!(
                "{address}:{port} did not answer within {seconds} s; check that the host is up and that no firewall \
                 stands between"
            ));
        }
    };
    // Batches are short; waiting to send more of them at once would only cost time.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Why the handshakes or the login failed, and what to do.
fn refused(target: &TdsTarget, error: &Error) -> String {
    match error {
        Error::Server(said) => {
            let user = &target.user;
            let advice = advice(said.code(), said.state());
            format!(
                "it refused the login of `{user}`: {} (Msg {}, State {}); {advice}",
                said.message().trim(),
                said.code(),
                said.state()
            )
        }
        Error::Tls(why) => format!(
            "its certificate is not trusted for the name `{}`: {why}; the certificate that SQL Server makes for itself at \
             every start can be trusted by nobody: give the instance one of your own CA for that name (SQL Server \
             Configuration Manager, protocols of the instance, Certificate), and name the CA: sql: {{ ca: FILE.pem }}",
            target.certificate_name
        ),
        Error::Protocol(why) if why.contains("encryption level") => {
            "it will not encrypt the connection, so nothing was sent to it; turn Force Encryption on for the instance and \
             give it a certificate, and look for what stands between and may have changed its answer"
                .to_owned()
        }
        Error::Routing { host, port } => {
            format!("it sends clients on to {host}:{port}; give that as `address:` and `port:`")
        }
        other => format!("{}; check that SQL Server listens at this port", plain(other)),
    }
}

/// What to do about an error at login. Clients are told state 1 of 18456 whatever the reason is; the server's own log has
/// the true one (MSSQLSERVER_18456).
fn advice(number: u32, state: u8) -> &'static str {
    match (number, state) {
        (18456, 2 | 5) => "there is no such login; check its name",
        (18456, 6) => "a Windows account cannot log in this way; reach the machine over WinRM (sql: { via: host })",
        (18456, 7) => "the login is disabled and the password is wrong",
        (18456, 8) => "check the password",
        (18456, 11 | 12) => "the login is right but may not connect to this server; grant it CONNECT SQL",
        (18456, 38 | 40) => "its default database is not there or not to be opened",
        (18456, 58) => "the server takes Windows accounts alone; set its mode to SQL Server and Windows Authentication",
        (18456, _) => {
            "check the name and the password; clients are not told more, but the server's error log has a line with the \
             true state beside this one (8 is a wrong password, 5 an unknown login, 58 a server for Windows accounts alone)"
        }
        (18452, _) => "the account's domain is not trusted there, or the server takes Windows accounts alone",
        (4060 | 4064, _) => "check that the login's default database is there and that it may open it",
        (18486 | 18470, _) => "the login is locked or disabled; an administrator has to enable it",
        (18487 | 18488, _) => "the password has expired or must be changed; set a new one",
        (17892, _) => "a logon trigger of the server stands in the way",
        _ => "see the server's error log",
    }
}

/// An error that did not come from the server, in few words.
pub(super) fn plain(error: &Error) -> String {
    match error {
        Error::Io { kind: ErrorKind::TimedOut, .. } => "the handshake did not end in time".to_owned(),
        Error::Io { kind: ErrorKind::UnexpectedEof, .. } => "the connection was closed".to_owned(),
        Error::Io { message, .. } => message.clone(),
        other => other.to_string(),
    }
}
