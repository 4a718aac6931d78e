//! What a fresh server and a fresh IIS bring along.

use std::fs;

use super::computer::Computer;
use super::features::HostFeatures;
use super::iis::APPLICATION_HOST;
use super::{Folder, HostSpec, LabError};

const INETSRV: &str = "C/Windows/System32/inetsrv";
const CONFIG: &str = include_str!("stock/applicationHost.config");
const START_PAGE: &str = include_str!("stock/iisstart.htm");

/// Creates the files of a host.
///
/// # Errors
/// When the disk fails or the spec names a Windows that the lab does not have.
pub fn create(folder: &Folder, spec: &HostSpec) -> Result<(), LabError> {
    let computer = spec.computer()?;
    let mut features = HostFeatures::fresh(computer.version()?);
    for name in ["C/Windows/Temp", "C/ProgramData", "C/Program Files"] {
        let path = folder.path(name);
        fs::create_dir_all(&path).map_err(|error| LabError::disk(&path, error))?;
    }
    if spec.iis {
        let names = ["Web-Server".to_owned()];
        features.install_from_image(&names);
        install_iis(folder)?;
    }
    super::Directory::fresh(spec.learn_accounts).save(folder)?;
    super::Stores::default().save(folder)?;
    folder.write_toml(HostFeatures::FILE, HostFeatures::HEADING, &features)?;
    for wanted in &spec.folders {
        let path = super::drive::locate(folder.root(), wanted)
            .map_err(|refusal| LabError::File { path: folder.path(wanted), message: refusal.text })?;
        fs::create_dir_all(&path).map_err(|error| LabError::disk(&path, error))?;
    }
    // Last, because a folder with this file is taken for a whole host.
    folder.write_toml(Computer::FILE, Computer::HEADING, &computer)
}

/// Adds the certificates that a spec asks for and that are not in the host's store `My`.
///
/// # Errors
/// When the disk fails or the file of certificates is broken.
pub fn certificates(folder: &Folder, spec: &HostSpec) -> Result<(), LabError> {
    let mut stores = super::Stores::load(folder)?;
    let wanted = spec.certificates.iter().map(|name| super::certificates::issued_by_lab(name));
    let lacking: Vec<_> = wanted.filter(|it| stores.find("My", &it.thumbprint).is_none()).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    for certificate in lacking {
        stores.add("My", certificate);
    }
    stores.save(folder)
}

/// Writes what the installation of Web-Server leaves behind, where it is not there yet.
///
/// # Errors
/// When the disk fails.
pub fn install_iis(folder: &Folder) -> Result<(), LabError> {
    if folder.path(APPLICATION_HOST).exists() {
        return Ok(());
    }
    let path = folder.path("C/inetpub/logs/LogFiles");
    fs::create_dir_all(&path).map_err(|error| LabError::disk(&path, error))?;
    if !folder.path("C/inetpub/wwwroot").exists() {
        folder.write("C/inetpub/wwwroot/iisstart.htm", START_PAGE.as_bytes())?;
    }
    // IIS writes its file with a byte order mark and with CRLF. Last, because it is what tells that all of it is there.
    folder.write(APPLICATION_HOST, format!("\u{feff}{}", CONFIG.replace('\n', "\r\n")).as_bytes())
}

/// Makes the host one on which IIS was never installed.
///
/// # Errors
/// When the disk fails or a file of the host is broken.
pub fn remove_iis(folder: &Folder) -> Result<(), LabError> {
    let computer: Computer = folder.read_toml(Computer::FILE)?;
    let mut features = super::features::load(folder, computer.version()?)?;
    features.without_iis();
    folder.write_toml(HostFeatures::FILE, HostFeatures::HEADING, &features)?;
    for name in [INETSRV, "C/inetpub", super::iis::Runtime::FILE, super::iis::HttpSys::FILE] {
        let path = folder.path(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(LabError::disk(&path, error)),
            _ => {}
        }
    }
    Ok(())
}
