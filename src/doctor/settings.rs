//! The settings of a host's doors, judged by what `farmhand bootstrap` leaves.

use super::check::{Check, Line};
use super::told::Told;
use crate::bootstrap::leaves::{self, Leaves};

/// A certificate that is good for less long is a failure, and not only worth knowing.
const EXPIRED_DAYS: i64 = 0;

const DOES_NOT_SAY: &str = "the host does not say";

/// The service behind a door.
pub fn service(told: &Told, good: &Leaves) -> Line {
    let Some(service) = told.service(good.service) else {
        return Line::not_reached(Check::Service, DOES_NOT_SAY);
    };
    let found = format!("{} is {} and starts: {}", good.service, service.state, service.start_mode);
    if service.state == good.state && service.start_mode == good.start_mode {
        return Line::passed(Check::Service, found);
    }
    let advice = format!("Set-Service {} -StartupType Automatic; Start-Service {}", good.service, good.service);
    Line::failed(Check::Service, found, advice)
}

/// Whether WinRM takes anything in clear.
pub fn encryption(told: &Told) -> Line {
    let Some(winrm) = &told.winrm else { return Line::not_reached(Check::Encryption, DOES_NOT_SAY) };
    if winrm.allow_unencrypted {
        return Line::failed(
            Check::Encryption,
            "AllowUnencrypted is on: whoever listens on the network reads along",
            "Set-Item WSMan:\\localhost\\Service\\AllowUnencrypted $false; farmhand never needs it",
        );
    }
    Line::passed(Check::Encryption, "nothing is taken in clear")
}

/// Whether WinRM takes passwords by Basic. `used` says that this very session logged in so.
pub fn basic(told: &Told, used: bool) -> Line {
    match &told.winrm {
        None => Line::not_reached(Check::Basic, DOES_NOT_SAY),
        Some(winrm) if !winrm.basic => Line::passed(Check::Basic, "off"),
        Some(_) if used => Line::passed(Check::Basic, "on, and this session uses it"),
        Some(_) => Line::note(
            Check::Basic,
            "on: the host is given passwords themselves",
            "Set-Item WSMan:\\localhost\\Service\\Auth\\Basic $false, unless somebody needs it",
        ),
    }
}

/// Whether WinRM listens with TLS, and for how long its certificate is good.
pub fn listener(told: &Told) -> Line {
    let bootstrap = "farmhand bootstrap --winrm prints the script that sees to it";
    let Some(listeners) = &told.listeners else { return Line::not_reached(Check::Listener, DOES_NOT_SAY) };
    let of_tls = |it: &&super::told::Listener| it.transport.eq_ignore_ascii_case(leaves::LISTENER_TRANSPORT);
    let Some(listener) = listeners.iter().find(of_tls) else {
        return Line::note(
            Check::Listener,
            "WinRM listens without TLS alone, where every message is sealed",
            bootstrap,
        );
    };
    let place = format!("{}:{}", listener.address, listener.port);
    if !listener.enabled {
        return Line::note(Check::Listener, format!("the one at {place} is switched off"), bootstrap);
    }
    let Some(certificate) = &listener.certificate else {
        return Line::failed(Check::Listener, format!("the one at {place} has a certificate that is gone"), bootstrap);
    };
    if !certificate.has_key {
        let found = format!("the host lacks the private key of the certificate at {place}");
        return Line::failed(Check::Listener, found, bootstrap);
    }
    let days = certificate.days_left;
    let found = format!("at {place}, certificate good for {days} days, SHA-256 {}", certificate.sha256);
    match days {
        ..=EXPIRED_DAYS => Line::failed(Check::Listener, format!("the certificate at {place} has expired"), bootstrap),
        ..=leaves::CERTIFICATE_DAYS => Line::note(Check::Listener, found, bootstrap),
        _ => Line::passed(Check::Listener, found),
    }
}

/// The firewall rule of a door. A host may be reached by rules of other names.
pub fn rule(told: &Told, good: &Leaves) -> Line {
    let Some(rules) = &told.rules else { return Line::not_reached(Check::Rule, DOES_NOT_SAY) };
    match rules.iter().find(|rule| rule.name == good.rule) {
        Some(rule) if rule.enabled && rule.allows => Line::passed(Check::Rule, format!("{} lets in", good.rule)),
        Some(_) => Line::note(
            Check::Rule,
            format!("{} is there and does not let in; another rule does", good.rule),
            format!("Enable-NetFirewallRule -Name {}", good.rule),
        ),
        None => Line::passed(Check::Rule, "a rule that is none of farmhand's lets in"),
    }
}

/// Whether anybody else may touch the file of administrators' keys.
pub fn keys(told: &Told) -> Line {
    let Some(keys) = &told.ssh_keys else {
        return Line::note(
            Check::Keys,
            "there is no administrators_authorized_keys",
            "farmhand bootstrap --ssh --key FILE prints the script that writes one",
        );
    };
    let others: Vec<&String> = keys.allowed.iter().filter(|sid| !leaves::KEY_OWNERS.contains(&sid.as_str())).collect();
    if keys.protected && others.is_empty() {
        return Line::passed(Check::Keys, "administrators and SYSTEM alone may touch administrators_authorized_keys");
    }
    let others = others.iter().map(|sid| sid.as_str()).collect::<Vec<_>>().join(", ");
    let found = format!("administrators_authorized_keys is open to others, so sshd ignores it: {others}");
    let advice = "icacls %ProgramData%\\ssh\\administrators_authorized_keys /inheritance:r /grant *S-1-5-18:F \
                  /grant *S-1-5-32-544:F, and remove the others";
    Line::failed(Check::Keys, found.trim_end_matches([':', ' ']), advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::leaves::{SSH, WINRM};
    use crate::bootstrap::{Certificate as Shown, PublicKey, Request, Way, Windows, literal, script};
    use crate::doctor::Outcome;
    use crate::doctor::told::{Certificate, Listener, Rule, Service, SshKeys, WinRm};

    /// What a host tells on which the script was run.
    fn left() -> Told {
        let service = |leaves: &Leaves| Service {
            name: leaves.service.to_owned(),
            start_mode: leaves.start_mode.to_owned(),
            state: leaves.state.to_owned(),
            account: None,
        };
        let rule = |leaves: &Leaves| Rule { name: leaves.rule.to_owned(), enabled: true, allows: true };
        Told {
            services: Some(vec![service(&WINRM), service(&SSH)]),
            rules: Some(vec![rule(&WINRM), rule(&SSH)]),
            winrm: Some(WinRm::default()),
            listeners: Some(vec![Listener {
                transport: leaves::LISTENER_TRANSPORT.to_owned(),
                address: leaves::LISTENER_ADDRESS.to_owned(),
                port: WINRM.port,
                enabled: true,
                certificate: Some(Certificate {
                    days_left: leaves::CERTIFICATE_DAYS + 1,
                    has_key: true,
                    ..Certificate::default()
                }),
            }]),
            ssh_keys: Some(SshKeys {
                protected: true,
                allowed: leaves::KEY_OWNERS.iter().map(|sid| (*sid).to_owned()).collect(),
            }),
            ..Told::default()
        }
    }

    fn judged(told: &Told) -> Vec<Line> {
        vec![
            service(told, &WINRM),
            service(told, &SSH),
            encryption(told),
            basic(told, false),
            listener(told),
            rule(told, &WINRM),
            rule(told, &SSH),
            keys(told),
        ]
    }

    #[test]
    fn what_bootstrap_leaves_is_good() {
        for line in judged(&left()) {
            assert_eq!(line.outcome, Outcome::Passed, "{line:?}");
        }
    }

    #[test]
    fn what_is_judged_good_is_what_the_script_makes() {
        let way = Way::WinRm { certificate: Shown::SelfSigned(Vec::new()), port: None, local_administrators: false };
        let winrm = script(&Request { windows: Windows::V2019, way, from: Vec::new() }).unwrap();
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxvbmcgZW5vdWdoIGJ1dCBubyByZWFsIGtleSBhdCBh";
        let way = Way::Ssh { key: PublicKey::read(key).unwrap() };
        let ssh = script(&Request { windows: Windows::V2019, way, from: Vec::new() }).unwrap();
        for (text, leaves) in [(&winrm, WINRM), (&ssh, SSH)] {
            let makes = [
                format!("Start-Door {}", literal(leaves.service)),
                format!("-ne {}) {{ Set-Service $name -StartupType Automatic }}", literal(leaves.start_mode)),
                format!("-ne {}) {{ Start-Service $name }}", literal(leaves.state)),
                format!("LocalPort = {} }}", leaves.port),
                format!("New-NetFirewallRule -Name {}", literal(leaves.rule)),
            ];
            for made in makes {
                assert!(text.contains(&made), "{made}");
            }
        }
        for made in [
            format!(
                "Transport = {}; Address = {}",
                literal(leaves::LISTENER_TRANSPORT),
                literal(leaves::LISTENER_ADDRESS)
            ),
            format!("AddDays({})", leaves::CERTIFICATE_DAYS),
        ] {
            assert!(winrm.contains(&made), "{made}");
        }
        for made in
            [leaves::KEYS_FILE, leaves::KEY_OWNERS[0], leaves::KEY_OWNERS[1], "SetAccessRuleProtection($true, $false)"]
        {
            assert!(ssh.contains(made), "{made}");
        }
    }

    #[test]
    fn each_deviation_is_seen_by_one_check_alone() {
        let check = |change: fn(&mut Told), expected: Check, outcome: Outcome| {
            let mut told = left();
            change(&mut told);
            let bad: Vec<(Check, Outcome)> = judged(&told)
                .into_iter()
                .filter(|line| line.outcome != Outcome::Passed)
                .map(|line| (line.check, line.outcome))
                .collect();
            assert_eq!(bad, [(expected, outcome)]);
        };
        fn first(told: &mut Told) -> &mut Listener {
            &mut told.listeners.as_mut().unwrap()[0]
        }
        fn certificate(told: &mut Told) -> &mut Certificate {
            first(told).certificate.as_mut().unwrap()
        }
        check(|told| told.services.as_mut().unwrap()[0].state = "Stopped".to_owned(), Check::Service, Outcome::Failed);
        check(
            |told| told.services.as_mut().unwrap()[1].start_mode = "Manual".to_owned(),
            Check::Service,
            Outcome::Failed,
        );
        check(|told| told.winrm.as_mut().unwrap().allow_unencrypted = true, Check::Encryption, Outcome::Failed);
        check(|told| told.winrm.as_mut().unwrap().basic = true, Check::Basic, Outcome::Note);
        check(|told| told.listeners.as_mut().unwrap().clear(), Check::Listener, Outcome::Note);
        check(|told| first(told).enabled = false, Check::Listener, Outcome::Note);
        check(|told| first(told).certificate = None, Check::Listener, Outcome::Failed);
        check(|told| certificate(told).has_key = false, Check::Listener, Outcome::Failed);
        check(|told| certificate(told).days_left = 0, Check::Listener, Outcome::Failed);
        check(|told| certificate(told).days_left = leaves::CERTIFICATE_DAYS, Check::Listener, Outcome::Note);
        check(|told| told.rules.as_mut().unwrap()[1].enabled = false, Check::Rule, Outcome::Note);
        check(|told| told.ssh_keys.as_mut().unwrap().protected = false, Check::Keys, Outcome::Failed);
        check(|told| told.ssh_keys.as_mut().unwrap().allowed.push("S-1-1-0".to_owned()), Check::Keys, Outcome::Failed);
        check(|told| told.ssh_keys = None, Check::Keys, Outcome::Note);
    }
}
