//! What a host's WinRM tells of itself when the host is examined: where it listens, and whom it lets in.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Settings;
use crate::doctor::told::{Certificate, Listener, Told};
use crate::http::Presented;
use crate::value::{unix_seconds, utc_seconds};

const DAY_SECONDS: i64 = 86_400;

/// Puts it into what the host tells.
pub(super) fn complete(told: &mut Told, settings: &Settings) {
    if let Some(winrm) = &mut told.winrm {
        winrm.basic |= settings.also.basic;
    }
    let (Some(listeners), Some(https)) = (&mut told.listeners, &settings.https) else { return };
    let base64: String = https.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let shown = BASE64.decode(base64).ok().and_then(|der| Presented::read(&der));
    let days_left = shown
        .and_then(|shown| utc_seconds(&shown.not_after))
        .map_or(0, |end| (end.cast_signed() - unix_seconds(SystemTime::now()).cast_signed()).div_euclid(DAY_SECONDS));
    let certificate = Certificate { sha256: https.hash().to_string(), days_left, has_key: true };
    listeners.push(Listener {
        transport: "HTTPS".to_owned(),
        address: "*".to_owned(),
        port: 5986,
        enabled: true,
        certificate: Some(certificate),
    });
}
