//! `farmhand bootstrap`: the script that opens a new server.

use std::path::Path;

use super::{Exit, Failure, Ui};
use crate::bootstrap::{Certificate, PublicKey, Request, Way, Windows, script};

/// Print the PowerShell that opens a new server to farmhand; contacts nobody
///
/// The script is run on the server, by an administrator. It can be run again, lowers no setting, holds no secret, and
/// says at its end which accounts will work and what to write into the inventory. `farmhand doctor HOST` says whether a
/// server is as the script leaves it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand bootstrap --winrm > open.ps1
  farmhand bootstrap --winrm --windows 2012r2 --name web01.example.com
  farmhand bootstrap --winrm --certificate web01.example.com --from 10.0.0.0/24
  farmhand bootstrap --ssh --key ~/.ssh/id_ed25519.pub")]
#[command(group(clap::ArgGroup::new("way").required(true).args(["winrm", "ssh"])))]
pub struct Args {
    /// WinRM over HTTPS
    #[arg(long)]
    winrm: bool,
    /// OpenSSH, with the key given
    #[arg(long, requires = "key")]
    ssh: bool,
    /// The public key that may log in: its file, or the key itself
    #[arg(long, value_name = "FILE|KEY", conflicts_with = "winrm")]
    key: Option<String>,
    /// The server's version of Windows, or an older one: 2012, 2012r2, 2016, 2019, 2022, 2025
    #[arg(long, value_name = "VERSION", default_value = "2019")]
    windows: Windows,
    /// A name for the certificate that the script makes, besides the server's own; several times for several
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ssh", "certificate", "thumbprint"])]
    name: Vec<String>,
    /// Use the certificate that the server has for this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ssh", "thumbprint"])]
    certificate: Option<String>,
    /// Use the certificate that the server has, by its thumbprint
    #[arg(long, value_name = "SHA1", conflicts_with = "ssh")]
    thumbprint: Option<String>,
    /// The port of WinRM; 5986 unless given
    #[arg(long, conflicts_with = "ssh", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Let the firewall rule take connections from this address or network alone; several times for several. A rule that is
    /// there keeps its own where this is not given; Any takes them from everywhere
    #[arg(long, value_name = "ADDRESS")]
    from: Vec<String>,
    /// Set `LocalAccountTokenFilterPolicy`, so that all local administrators keep their rights over the network
    #[arg(long, conflicts_with = "ssh")]
    local_administrators: bool,
}

pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    let way = match &args.key {
        Some(key) => {
            if !args.windows.has_openssh() {
                ui.news(&format!(
                    "note: OpenSSH is no part of Windows Server {}: its installer, signed by Microsoft, is at \
                     https://github.com/PowerShell/Win32-OpenSSH/releases; the script stops where it has not been run",
                    args.windows
                ));
            }
            Way::Ssh { key: public_key(key)? }
        }
        None => Way::WinRm {
            certificate: certificate(args)?,
            port: args.port,
            local_administrators: args.local_administrators,
        },
    };
    let request = Request { windows: args.windows, way, from: args.from.clone() };
    ui.raw(&script(&request).map_err(|why| Failure::work(anyhow::Error::msg(why)))?);
    Ok(Exit::Ok)
}

fn certificate(args: &Args) -> Result<Certificate, Failure> {
    if let Some(written) = &args.thumbprint {
        let digits: String = written.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
        let good = digits.len() == 40 && digits.chars().all(|c| c.is_ascii_hexdigit());
        let wrong = || Failure::input(format!("`{written}` is no thumbprint: 40 hexadecimal digits"));
        return if good { Ok(Certificate::Thumbprint(digits.to_ascii_uppercase())) } else { Err(wrong()) };
    }
    Ok(args.certificate.clone().map_or_else(|| Certificate::SelfSigned(args.name.clone()), Certificate::Named))
}

/// A key that is given itself, or in a file.
fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let path = Path::new(given);
    let text = if path.is_file() || !given.contains(' ') {
        std::fs::read_to_string(path).map_err(|error| Failure::input(format!("{given} cannot be read: {error}")))?
    } else {
        given.to_owned()
    };
    PublicKey::read(&text).map_err(|error| Failure::input(format!("--key: {error}")))
}
