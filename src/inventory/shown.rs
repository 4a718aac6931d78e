//! A host's variables for people and other programs to read: as they are written, no secret among them.

use serde_json::{Map, Value as Json, json};

use super::{Host, Via, WinrmAuth};
use crate::yaml::{Content, Node, resolve};

/// In place of what is not shown.
const WITHHELD: &str = "********";

impl Host {
    /// Its variables, and how it is reached in Ansible's words where the inventory does not say it so itself.
    pub fn shown(&self) -> Map<String, Json> {
        let mut shown = Map::new();
        if !self.ansible {
            self.reached(&mut shown);
        }
        for (name, node) in self.variables.iter() {
            shown.insert(name.to_owned(), written(node));
        }
        for name in &self.withheld {
            shown.insert(name.clone(), json!(WITHHELD));
        }
        shown
    }

    fn reached(&self, shown: &mut Map<String, Json>) {
        let connection = &self.connection;
        // A machine that is reached for its SQL Server alone has no connection that Ansible knows.
        let via = match connection.via {
            Via::Winrm => Some("winrm"),
            Via::Ssh => Some("ssh"),
            Via::Local => Some("local"),
            Via::Tds => None,
        };
        if let Some(via) = via {
            shown.insert("ansible_connection".to_owned(), json!(via));
        }
        if self.address != self.name {
            shown.insert("ansible_host".to_owned(), json!(self.address));
        }
        if let Some(port) = connection.port {
            shown.insert("ansible_port".to_owned(), json!(port));
        }
        if connection.winrm.https {
            shown.insert("ansible_winrm_scheme".to_owned(), json!("https"));
        }
        if connection.winrm.auth != WinrmAuth::default() {
            shown.insert("ansible_winrm_transport".to_owned(), json!(connection.winrm.auth.word()));
        }
        if let Some(user) = &connection.user {
            shown.insert("ansible_user".to_owned(), json!(user));
        }
        if let Some((secret, _)) = &connection.password {
            shown.insert("ansible_password".to_owned(), json!(format!("{{{{ secret('{secret}') }}}}")));
        }
    }
}

/// A value as it is written, templates unrendered.
pub(super) fn written(node: &Node) -> Json {
    match &node.content {
        Content::Scalar(scalar) => resolve(scalar),
        Content::List(items) => items.iter().map(written).collect(),
        Content::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.text.to_string(), written(&entry.value))).collect())
        }
    }
}
