//! The script, rendered.

use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context};

use super::leaves::{self, Leaves, SSH, WINRM};
use super::{PublicKey, Windows, literal};

/// What a server shall be opened to.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its version of Windows, or an older one.
    pub windows: Windows,
    /// How.
    pub way: Way,
    /// Who may connect, as addresses and networks of the firewall; empty for anybody, or whoever a rule lets in already.
    pub from: Vec<String>,
}

/// A way in.
#[derive(Clone, Debug)]
pub enum Way {
    /// WinRM over HTTPS.
    WinRm {
        /// What the listener shows.
        certificate: Certificate,
        /// The TCP port; `None` for Windows' own.
        port: Option<u16>,
        /// Whether `LocalAccountTokenFilterPolicy` is set to 1.
        local_administrators: bool,
    },
    /// OpenSSH.
    Ssh {
        /// Whose private half logs in.
        key: PublicKey,
    },
}

/// The certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Signed by itself, for these names besides the server's own.
    SelfSigned(Vec<String>),
    /// One that the server has, by the SHA-1 thumbprint of 40 hexadecimal digits that its store lists it by.
    Thumbprint(String),
    /// One that the server has for this DNS name.
    Named(String),
}

const TEMPLATE: &str = "bootstrap.ps1";

/// Every value that a template puts into the script goes through [`literal`].
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_trim_blocks(true);
    engine.set_lstrip_blocks(true);
    engine.set_keep_trailing_newline(true);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_formatter(|out, _, value| {
        let written = match (value.kind(), value.as_str()) {
            (_, Some(text)) => literal(text),
            (ValueKind::Number, None) => value.to_string(),
            (kind, None) => {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("{kind} is no value for a script")));
            }
        };
        out.write_str(&written).map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))
    });
    engine
});

/// The script that does what was asked for.
///
/// # Errors
///
/// The template is wrong; a test renders all that can be asked for.
pub fn script(request: &Request) -> Result<String, String> {
    let Request { windows, way, from } = request;
    let leaves: Leaves = if matches!(way, Way::Ssh { .. }) { SSH } else { WINRM };
    let base = context! {
        version => windows.version(),
        capability => windows.has_openssh(),
        rich_certificates => windows.has_rich_certificates(),
        service => leaves.service,
        start_mode => leaves.start_mode,
        state => leaves.state,
        rule => leaves.rule,
        rule_title => leaves.rule_title,
        from,
    };
    let own = match way {
        Way::WinRm { certificate, port, local_administrators } => {
            let port = port.unwrap_or(leaves.port);
            let (mut names, mut thumbprint, mut subject) = (&[][..], None, None);
            match certificate {
                Certificate::SelfSigned(given) => names = given,
                Certificate::Thumbprint(given) => thumbprint = Some(given),
                Certificate::Named(given) => subject = Some(given),
            }
            context! {
                winrm => true,
                local_administrators => *local_administrators,
                names, thumbprint, subject, port,
                port_text => port.to_string(),
                transport => leaves::LISTENER_TRANSPORT,
                address => leaves::LISTENER_ADDRESS,
                days_left => leaves::CERTIFICATE_DAYS,
                friendly_name => leaves::CERTIFICATE_NAME,
            }
        }
        Way::Ssh { key } => context! {
            winrm => false,
            port => leaves.port,
            key => key.bare(),
            key_line => key.line(),
            keys_file => leaves::KEYS_FILE,
            key_owners => leaves::KEY_OWNERS,
        },
    };
    let source = include_str!("../../templates/bootstrap.ps1");
    ENGINE.render_named_str(TEMPLATE, source, context! { ..own, ..base }).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn winrm(certificate: Certificate) -> Way {
        Way::WinRm { certificate, port: None, local_administrators: false }
    }

    fn rendered(windows: Windows, way: Way) -> String {
        script(&Request { windows, way, from: Vec::new() }).unwrap()
    }

    fn ssh() -> Way {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxvbmcgZW5vdWdoIGJ1dCBubyByZWFsIGtleSBhdCBh";
        Way::Ssh { key: PublicKey::read(key).unwrap() }
    }

    #[test]
    fn nothing_is_lowered_whatever_is_asked_for() {
        let named = winrm(Certificate::Named("web01.example".to_owned()));
        for windows in Windows::ALL {
            for way in [winrm(Certificate::SelfSigned(Vec::new())), named.clone()] {
                let text = rendered(windows, way);
                for lowering in
                    ["AllowUnencrypted", "Basic =", "TrustedHosts =", "Set-NetFirewallProfile", "Enable-PSRemoting"]
                {
                    assert!(!text.contains(lowering), "{lowering}");
                }
                assert!(!text.contains("New-ItemProperty") && text.is_ascii());
            }
        }
        let asked =
            Way::WinRm { certificate: Certificate::SelfSigned(Vec::new()), port: None, local_administrators: true };
        assert!(rendered(Windows::V2019, asked).contains("-Name 'LocalAccountTokenFilterPolicy' -Value 1"));
    }

    #[test]
    fn what_is_narrower_there_stays_so() {
        let way = winrm(Certificate::SelfSigned(Vec::new()));
        // Who may connect is written where it was said, and a rule that is there keeps its addresses otherwise.
        assert!(!rendered(Windows::V2019, way.clone()).contains("RemoteAddress"));
        let from = vec!["10.0.0.0/24".to_owned()];
        let narrow = script(&Request { windows: Windows::V2019, way, from: from.clone() }).unwrap();
        assert!(narrow.contains("$rule.RemoteAddress = @('10.0.0.0/24')"), "{narrow}");
        // The capability brings a rule for anybody, which is told of.
        let text = script(&Request { windows: Windows::V2019, way: ssh(), from }).unwrap();
        assert!(text.contains("OpenSSH-Server-In-TCP") && text.ends_with("    Show-OtherRule\n}\n"), "{text}");
        assert!(!rendered(Windows::V2019, ssh()).contains("OpenSSH-Server-In-TCP"));
    }

    /// `-ErrorAction Ignore` breaks functions of Windows PowerShell, as the commands of the firewall are, just when there is
    /// an error to ignore (PowerShell/PowerShell issue 1759).
    #[test]
    fn a_server_without_the_rule_is_no_error() {
        for windows in Windows::ALL {
            for way in [winrm(Certificate::SelfSigned(Vec::new())), ssh()] {
                assert!(!rendered(windows, way).contains("-ErrorAction Ignore"));
            }
        }
    }

    #[test]
    fn a_certificate_made_before_must_have_the_names_that_are_asked_for_now() {
        let text = rendered(Windows::V2016, winrm(Certificate::SelfSigned(vec!["web01.example".to_owned()])));
        let (made, asked) =
            ("$_.FriendlyName -ne 'farmhand WinRM' -or (Test-Name $_ $names)", "$names = @('web01.example')");
        assert!(text.contains(made) && text.contains(asked), "{text}");
    }

    #[test]
    fn keys_count_where_sshd_reads_them() {
        let text = rendered(Windows::V2022, ssh());
        for made in [
            "-and -not $_.TrimStart().StartsWith('#')",
            "$acl.SetOwner((New-Object Security.Principal.SecurityIdentifier('S-1-5-32-544')))",
            "user: ' + (Get-Account) + '",
        ] {
            assert!(text.contains(made), "{made}: {text}");
        }
    }

    #[test]
    fn an_old_windows_is_asked_for_no_more_than_it_knows() {
        let check = |windows: Windows, rich: bool| {
            let text = rendered(windows, winrm(Certificate::SelfSigned(Vec::new())));
            assert_eq!(text.contains("KeyExportPolicy"), rich, "{windows}");
        };
        check(Windows::V2012, false);
        check(Windows::V2012R2, false);
        check(Windows::V2016, true);
        check(Windows::V2022, true);
    }

    proptest! {
        #[test]
        fn a_value_stays_a_value(name in "[ -~\u{a0}-\u{ff}\u{2018}-\u{201b}]{1,20}") {
            let text = rendered(Windows::V2019, winrm(Certificate::Named(name.clone())));
            let marked = rendered(Windows::V2019, winrm(Certificate::Named("a-name-that-is-nowhere-else".to_owned())));
            prop_assert_eq!(text, marked.replace("'a-name-that-is-nowhere-else'", &literal(&name)));
        }
    }
}
