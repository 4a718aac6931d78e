//! What an account proves itself by, in the crate's form.

use sspi::kerberos::DEFAULT_ENCRYPTION_TYPE;
use sspi::{AuthIdentityBuffers, CredentialsBuffers, KeytabIdentity, Username};

use super::kdc::Directory;
use super::keytab::Keytab;
use super::krb5_conf::Krb5Conf;
use super::settings::{Kerberos, Proof};
use crate::transport::winrm::account::Account;

/// What proves an account.
pub enum Credentials {
    /// A password or a key: the forms of the account with it, in the order in which they are tried, and whom to ask.
    Own(Vec<CredentialsBuffers>, Directory),
    /// The ticket cache: the account, where one is named, and the host's realm, where that is.
    #[cfg(feature = "kinit")]
    Cache(Option<String>, Option<String>),
}

/// Finds the account's name in its realm, and what proves it.
///
/// # Errors
///
/// What is lacking or cannot be used.
pub fn find(settings: &Kerberos, account: &Account, address: &str, conf: Krb5Conf) -> Result<Credentials, String> {
    let written = account.name();
    if !written.is_ascii() {
        return Err("a name with other letters than ASCII's cannot be sent by Kerberos here; use another account, or \
                    auth: ntlm"
            .to_owned());
    }
    let directory = |realm: String, conf| Directory { realm, named: settings.kdcs.clone(), conf };
    match &settings.proof {
        #[cfg(feature = "kinit")]
        Proof::TicketCache => {
            let name = (!written.is_empty()).then(|| settings.resolve(&written, address, &conf, None)).transpose()?;
            let client = name.and_then(|name| Some(format!("{}@{}", name.user?, name.realm)));
            Ok(Credentials::Cache(client, settings.realm.clone()))
        }
        #[cfg(not(feature = "kinit"))]
        Proof::TicketCache => Err("there is neither a password nor a keytab, and this farmhand was built without the \
                                   feature `kinit`, which uses the tickets of kinit; give it `password:` or `keytab:`"
            .to_owned()),
        Proof::Password => {
            let name = settings.resolve(&written, address, &conf, None)?;
            let user = name.user.clone().ok_or("nothing says who logs in; give it `user:`")?;
            let password = account.password().expose();
            let form = |user: &str| {
                CredentialsBuffers::AuthIdentity(AuthIdentityBuffers::from_utf8(user, &name.realm, password))
            };
            // An MIT domain knows the bare name alone; an Active Directory where that is another one, the whole.
            let other = name.principal.as_deref().filter(|principal| *principal != user);
            let attempts = std::iter::once(user.as_str()).chain(other).map(form).collect();
            Ok(Credentials::Own(attempts, directory(name.realm.clone(), conf)))
        }
        Proof::Keytab(path) => {
            let shown = path.display();
            let bytes = std::fs::read(path).map_err(|error| format!("the keytab `{shown}` cannot be read: {error}"))?;
            let refused = |why: String| format!("the keytab `{shown}` cannot be used: {why}");
            let keytab = Keytab::parse(&bytes).map_err(refused)?;
            let first = keytab.choose(None).ok().map(|chosen| chosen.principal.realm.clone());
            let name = settings.resolve(&written, address, &conf, first.as_deref())?;
            let wanted = name.user.as_deref().map(|user| (user, Some(name.realm.as_str())));
            let chosen = keytab.choose(wanted).map_err(refused)?;
            let realm = chosen.principal.realm.clone();
            let user = chosen.principal.components.join("/");
            let principal = Username::new_down_level_logon_name(&user, &realm);
            let principal = principal.map_err(|error| refused(format!("`{}`: {error}", chosen.principal)))?;
            // Which is AES-256, as the key is.
            let key_enctype = DEFAULT_ENCRYPTION_TYPE;
            let identity = KeytabIdentity { principal, key: chosen.key.to_vec().into(), key_enctype };
            Ok(Credentials::Own(vec![CredentialsBuffers::Keytab(identity)], directory(realm, conf)))
        }
    }
}
