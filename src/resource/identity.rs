//! The identity of an application pool.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Found;
use crate::hostcall::{Content, Edit, Element, ElementPath, MacForm, Text, Write};
use crate::value::{AccountName, Secret, iis_enum};

iis_enum! {
    /// An account that every Windows has.
    pub enum BuiltIn {
        /// The pool's own virtual account, `IIS AppPool\NAME`.
        ApplicationPoolIdentity = "application_pool_identity" / "ApplicationPoolIdentity",
        /// Network Service: on the network it is the computer's account.
        NetworkService = "network_service" / "NetworkService",
        /// Local Service: on the network it is nobody.
        LocalService = "local_service" / "LocalService",
        /// Local System: may do everything; avoid it.
        LocalSystem = "local_system" / "LocalSystem",
    }
}

/// Whom a pool's worker processes run as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// A built-in account.
    #[serde(untagged)]
    BuiltIn(BuiltIn),
    /// A user with a password, or a group managed service account (`DOMAIN\name$`) without one.
    #[serde(untagged)]
    User(User),
}

/// A user, as the map `{ user, password }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The account.
    pub user: AccountName,
    /// Its password; to be left out for a group managed service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

impl Identity {
    /// The user, where it is one.
    pub fn user(&self) -> Option<&User> {
        match self {
            Identity::User(user) => Some(user),
            Identity::BuiltIn(_) => None,
        }
    }

    /// The account that a worker process of this identity shows, in the words of Windows.
    pub fn worker_account(&self, pool: &str) -> String {
        match self {
            Identity::BuiltIn(BuiltIn::ApplicationPoolIdentity) => format!("IIS APPPOOL\\{pool}"),
            Identity::BuiltIn(BuiltIn::NetworkService) => "NT AUTHORITY\\NETWORK SERVICE".to_owned(),
            Identity::BuiltIn(BuiltIn::LocalService) => "NT AUTHORITY\\LOCAL SERVICE".to_owned(),
            Identity::BuiltIn(BuiltIn::LocalSystem) => "NT AUTHORITY\\SYSTEM".to_owned(),
            Identity::User(user) => user.user.as_str().to_owned(),
        }
    }

    /// What the pool's element has, in this identity's own words; `None` for an identity type nobody knows.
    pub fn in_own_words(&self, element: &Element, found: &Found) -> Option<Identity> {
        let model = element.children.get("processModel")?;
        let kind = model.text("identityType")?;
        if !kind.eq_ignore_ascii_case("SpecificUser") {
            return <BuiltIn as crate::value::IisText>::from_iis(kind).map(Identity::BuiltIn);
        }
        let name = model.text("userName").unwrap_or_default();
        let password = &model.attributes.get("password")?.content;
        let Identity::User(desired) = self else {
            let user = AccountName::try_from(name.to_owned()).ok()?;
            return Some(Identity::User(User { user, password: None }));
        };
        Some(Identity::User(desired.in_own_words(name, password, found)))
    }

    /// The edits that set identity type, user and password together; what the new identity does not need is cleared.
    pub fn edits(&self, pool: &ElementPath) -> Vec<Edit> {
        let at = pool.clone().child("processModel");
        let set = |attribute: &str, value: Text| Edit::Set { at: at.clone(), attribute: attribute.to_owned(), value };
        let clear = |attribute: &str| Edit::Clear { at: at.clone(), attribute: attribute.to_owned() };
        match self {
            Identity::BuiltIn(account) => vec![
                set("identityType", Text::Plain(crate::value::IisText::to_iis(account))),
                clear("userName"),
                clear("password"),
            ],
            Identity::User(user) => {
                let kind = set("identityType", Text::Plain("SpecificUser".to_owned()));
                std::iter::once(kind).chain(user.edits(&at)).collect()
            }
        }
    }
}

impl User {
    /// What an element has as `userName` and `password`, in this user's own words.
    pub fn in_own_words(&self, name: &str, password: &Content, found: &Found) -> User {
        let canonical = found.account_name(self.user.as_str());
        let user = self.user.in_own_words(name, canonical.as_deref());
        let password = match &self.password {
            Some(Secret::Named(reference)) => found.secret(password, reference, MacForm::Exact),
            // A managed account whose pool still has a password stored runs on that password, not on the domain's.
            Some(_) if !matches!(password, Content::Empty {}) => Some(Secret::Differs),
            Some(_) => Some(Secret::None),
            None => None,
        };
        User { user, password }
    }

    /// The edits that set `userName` and `password` of an element together.
    pub fn edits(&self, at: &ElementPath) -> [Edit; 2] {
        let set = |attribute: &str, value: Text| Edit::Set { at: at.clone(), attribute: attribute.to_owned(), value };
        let password = match self.password.as_ref().and_then(Secret::reference) {
            Some(reference) => set("password", Text::Secret(reference.clone())),
            None => Edit::Clear { at: at.clone(), attribute: "password".to_owned() },
        };
        [set("userName", Text::Plain(self.user.as_str().to_owned())), password]
    }

    /// The call that tries the password before anything is configured with it.
    pub fn test_logon(&self) -> Option<Write> {
        let reference = self.password.as_ref().and_then(Secret::reference)?;
        let (account, password) = (self.user.as_str().to_owned(), Text::Secret(reference.clone()));
        Some(Write::TestLogon { account, password })
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Identity, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Identity;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str(
                    "`application_pool_identity`, another built-in account, or `{ user: 'DOMAIN\\user', password: … }`",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Identity, E> {
                BuiltIn::deserialize(StrDeserializer::new(text)).map(Identity::BuiltIn)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Identity, A::Error> {
                let mut user = User::deserialize(MapAccessDeserializer::new(map))?;
                if user.user.is_managed() && user.password.is_none() {
                    user.password = Some(Secret::None);
                }
                Ok(Identity::User(user))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Identity {
    fn schema_name() -> Cow<'static, str> {
        "Identity".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (built_in, user) = (generator.subschema_for::<BuiltIn>(), generator.subschema_for::<User>());
        json_schema!({ "description": "Whom a pool's worker processes run as.", "anyOf": [built_in, user] })
    }
}
