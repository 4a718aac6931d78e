//! Resource kinds: what an app pool or a feature *is*, in Rust alone.
//!
//! A kind says what to look at, tells what was found in the desired value's own words, and says what to change.
//! It compares nothing, contacts nothing and cannot fail.

mod app_answer;
mod app_rights;
mod binding;
mod certificate;
mod config_edits;
mod found;
mod identity;
mod iis_error;
mod key_backup;
mod kind;
mod left_behind;
mod left_settings;
mod mirror;
mod pool_collections;
mod pool_values;
mod question;
mod reads;
mod release_folder;
mod secret_macs;
mod section_path;
mod setting;
pub mod sql;
mod start_anew;
mod take_over;
mod was;
mod writes;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use found::{Found, Verdict};
pub use kind::{Instance, Kind, Misread};
pub use reads::Reads;
pub use secret_macs::{SecretMacs, SettingMac};
pub use start_anew::{Anew, Client, Unnoticed};
pub use writes::{Phase, Writes};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::hostcall::config::AppPath;
use crate::hostcall::{Refusal, Write};
use crate::release::{Overlay, Release};
use crate::value::{Changes, SecretRef};

/// What a kind is. One file implements it, one line in [`kinds!`] lists it.
///
/// A property that is not set is not managed, so every property but those that name the object is an `Option`.
/// One that is used and never compared says so in its schema: `#[schemars(extend("writeOnly" = true))]`.
/// The doc comments of the struct and its fields are the manual and the JSON Schema.
pub trait Resource: Clone + DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The kind's name in a playbook, such as `iis_app_pool`.
    const KIND: &'static str;
    /// YAML of the properties, every property set.
    const EXAMPLE: &'static str;
    /// What comes after waits for, where a stage ends with this resource: `features`. It is planned from what the
    /// resource leaves behind.
    const BARRIER: Option<&'static str> = None;

    /// Whether what it does is known to nobody but its author. `plan` and `audit` leave such a step alone unless they are
    /// told to run it, and a stage begins and ends with it.
    const OPAQUE: bool = false;

    /// The object's name, for addresses: `web01/iis_app_pool/ChatPool`.
    fn name(&self) -> String;

    /// The objects and properties this resource claims; two steps that claim the same are a mistake.
    /// By default the object is the resource itself and the properties are those that are set.
    fn claims(&self) -> Vec<Claim> {
        let object = format!("{}/{}", Self::KIND, self.name());
        let value = serde_json::to_value(self).unwrap_or_default();
        let properties = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        properties.map(|(property, _)| Claim { object: object.clone(), property: property.clone() }).collect()
    }

    /// What the types cannot say, at load time.
    fn check(&self, _: &mut Problems) {}

    /// The application that this resource is about, where it delivers one or adds to what delivers it.
    fn app(&self) -> Option<AppPath> {
        None
    }

    /// The package that it delivers: a path on the controller, from the playbook's folder.
    fn package(&self) -> Option<&str> {
        None
    }

    /// Where hosts may fetch that package by themselves.
    fn pull(&self) -> Option<&str> {
        None
    }

    /// How long the path of the folder on the host is at the most, into which its package goes.
    fn folder_chars(&self) -> usize {
        0
    }

    /// What it adds to the release of its application, where the same play delivers one.
    fn overlays(&self) -> Vec<Overlay> {
        Vec::new()
    }

    /// The machine key that it needs, which is made where the store has none.
    fn machine_key(&self) -> Option<&SecretRef> {
        None
    }

    /// Takes notice of the release that delivers its application.
    fn deliver(&mut self, _: &Arc<Release>) {}

    /// What to look at. Sees no answers.
    fn reads(&self, reads: &mut Reads);

    /// What to look at besides, once it is known what is there: what would be long, and is seldom needed. Of one play
    /// and host it is asked in one batch more, and not at all where nobody asks.
    fn reads_further(&self, _: &Found, _: &mut Reads) {}

    /// What cannot be on this host or beside what was found there: a plan error.
    fn conflicts(&self, _: &Found, _: &mut Problems) {}

    /// The actual state in the desired value's own words; `None` when the object is not there.
    ///
    /// # Errors
    /// When the host refused to say.
    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal>;

    /// What to do about the changes. Complete even from nothing.
    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes);

    /// What to take back where not all of its writes were done: `done` are those that were, or may have been.
    fn take_back(&self, _done: &[Write], _: &mut Writes) {}

    /// What the changes do to something that is running.
    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance;

    /// What of it is not compared, in few words, beside properties whose secrets cannot be had.
    fn not_compared(&self, _: &Found) -> Vec<String> {
        Vec::new()
    }

    /// What a person should know before the changes are made, besides the changes: whole sentences without a full stop.
    fn remarks(&self, _: &Found, _: &Changes) -> Vec<String> {
        Vec::new()
    }

    /// What the changes are to applications that run and notice them only when they start anew.
    fn unnoticed(&self, _: &Found, _: &Changes) -> Option<Unnoticed> {
        None
    }

    /// Whether its application uses a database on a server, which is known by any of some names, as far as can be told.
    fn uses_database(&self, _database: &str, _servers: &[&str]) -> bool {
        false
    }

    /// Takes notice of such a change: what runs has to start anew, where it is concerned. `apps` are the applications of
    /// the host that use the database.
    fn start_anew(&mut self, _: &Found, _: &Unnoticed, _apps: &[AppPath]) -> Option<Anew> {
        None
    }

    /// What to look at for that evidence besides, once the changes are proved.
    fn evidence_reads(&self, _: &Found, _: &mut Reads) {}

    /// What is to be kept in the journal of what was found, once the changes are proved: names and what they stand for.
    fn evidence(&self, _: &Found) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// What the host itself says about why a change did not take, in plain words.
    fn symptoms(&self, _: &Found) -> Vec<String> {
        Vec::new()
    }

    /// Whether what the host says is not healed by waiting.
    fn is_lasting(&self, _: &Found) -> bool {
        false
    }
}

/// What a change does to something that is running, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// Nothing that is running notices.
    #[default]
    None,
    /// Worker processes are replaced, the old ones finishing what they have.
    Recycles,
    /// Something stops, or stops and starts again.
    Restarts,
    /// The host may have to restart.
    Reboots,
}

/// One property of one object that a resource sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The object, such as `iis_app_pool/ChatPool`.
    pub object: String,
    /// The property, such as `queue_length`.
    pub property: String,
}

/// Mistakes found in one resource, each at a property.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

/// A mistake in a resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The property's path, such as `identity.password` or `bindings[1].port`; empty for the resource as a whole.
    pub property: String,
    /// What is wrong: one lower-case sentence without a full stop.
    pub message: String,
    /// What to type instead; empty for none.
    pub help: String,
    /// Whether it is none any more once the steps before have brought what is lacking.
    pub passing: bool,
}

impl Problems {
    /// Notes a mistake.
    pub fn add(&mut self, property: &str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.0.push(Problem { property: property.to_owned(), message, help, passing: false });
    }

    /// Notes that something is not there, which steps before may bring.
    pub fn add_lacking(&mut self, property: &str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.0.push(Problem { property: property.to_owned(), message, help, passing: true });
    }
}

/// The list of kinds: a module and an entry of [`KINDS`] for each, so that the two cannot disagree.
macro_rules! kinds {
    ($($module:ident::$type:ident,)*) => {
        $(pub mod $module;)*
        /// Every kind there is, in alphabetical order.
        pub const KINDS: &[Kind] = &[$(Kind::of::<$module::$type>(),)*];
    };
}

/// Names of pools and sites: what IIS refuses in them, and what would break addresses.
fn check_object_name(name: &str, problems: &mut Problems) {
    let wrong = name.chars().find(|c| c.is_control() || "\\/?;:@&=+$,|\"<>*[]".contains(*c));
    if name.trim().is_empty() || name.len() > 64 {
        problems.add("name", format!("`{name}` cannot be a name"), "1 to 64 characters");
    } else if let Some(wrong) = wrong {
        problems.add(
            "name",
            format!("a name in IIS cannot hold {wrong:?}"),
            "letters, digits, blanks, `-`, `_` and `.`",
        );
    }
}

kinds! {
    app_release::AppRelease,
    iis_app_pool::IisAppPool,
    iis_application::IisApplication,
    iis_site::IisSite,
    iis_virtual_directory::IisVirtualDirectory,
    machine_key::MachineKey,
    sql_database::SqlDatabase,
    sql_login::SqlLogin,
    sql_master_key::SqlMasterKey,
    sql_permission::SqlPermission,
    sql_query::SqlQuery,
    sql_service_broker::SqlServiceBroker,
    sql_trace_flag::SqlTraceFlag,
    sql_user::SqlUser,
    web_config::WebConfig,
    windows_feature::WindowsFeature,
}
