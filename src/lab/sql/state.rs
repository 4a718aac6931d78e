//! The files of an instance, read at the start of a batch and written at its end.

use std::fs;

use super::database::Database;
use super::moment::Moment;
use super::server::{Server, same};
use crate::lab::computer::Computer;
use crate::lab::faults::{Fault, Faults};
use crate::lab::file_name::file_name;
use crate::lab::{Directory, Folder, LabError};

/// Where databases are kept below the host's folder.
const DATABASES: &str = "sql/databases";

/// What an instance holds, for the time of a batch.
#[derive(Clone, Debug)]
pub struct State {
    /// The host's folder.
    pub folder: Folder,
    /// The host.
    pub computer: Computer,
    /// Windows accounts that it sees.
    pub directory: Directory,
    /// What is wrong with it.
    pub faults: Faults,
    /// What can be undone.
    pub content: Content,
    saved: Content,
}

/// What a transaction can undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The instance.
    pub server: Server,
    /// Its databases, by id.
    pub databases: Vec<Database>,
}

impl State {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them is broken, or the instance is not there.
    pub fn load(folder: &Folder) -> Result<State, LabError> {
        let path = folder.path(Server::FILE);
        let broken = |message: String| LabError::File { path: path.clone(), message };
        let bytes = folder.read(Server::FILE)?.ok_or_else(|| broken("it is not there".to_owned()))?;
        let server: Server = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        let mut databases = Vec::new();
        let listed = folder.path(DATABASES);
        for entry in fs::read_dir(&listed).map_err(|error| LabError::disk(&listed, error))? {
            let path = entry.map_err(|error| LabError::disk(&listed, error))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| LabError::disk(&path, error))?;
            let database: Database = serde_json::from_slice(&bytes)
                .map_err(|error| LabError::File { path: path.clone(), message: error.to_string() })?;
            databases.push(database);
        }
        databases.sort_by_key(|database| database.id);
        let content = Content { server, databases };
        Ok(State {
            folder: folder.clone(),
            computer: folder.read_toml(Computer::FILE)?,
            directory: Directory::load(folder)?,
            faults: folder.read_toml(Faults::FILE)?,
            saved: content.clone(),
            content,
        })
    }

    /// Writes what changed since it was read.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&mut self) -> Result<(), LabError> {
        let Content { server, databases } = &self.content;
        if *server != self.saved.server {
            self.folder.write_json(Server::FILE, server)?;
        }
        for database in databases {
            if !self.saved.databases.contains(database) {
                self.folder.write_json(&file(&database.name), database)?;
            }
        }
        for gone in &self.saved.databases {
            if !databases.iter().any(|database| database.name == gone.name) {
                let path = self.folder.path(&file(&gone.name));
                fs::remove_file(&path).map_err(|error| LabError::disk(&path, error))?;
            }
        }
        self.saved = self.content.clone();
        Ok(())
    }

    /// Writes the files of a new instance.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn create(folder: &Folder, content: &Content) -> Result<(), LabError> {
        for database in &content.databases {
            folder.write_json(&file(&database.name), database)?;
        }
        // Last, so that an instance that is there is whole.
        folder.write_json(Server::FILE, &content.server)
    }

    /// Now, by the host's clock.
    pub fn now(&self) -> Moment {
        Moment::now(self.computer.clock_skew_seconds)
    }

    /// `@@SERVERNAME`.
    pub fn server_name(&self) -> String {
        self.content.server.name(&self.computer.computer)
    }

    /// A database by name, letter case aside.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.content.databases.iter().find(|database| same(&database.name, name))
    }

    /// A database by name, to change it.
    pub fn database_mut(&mut self, name: &str) -> Option<&mut Database> {
        self.content.databases.iter_mut().find(|database| same(&database.name, name))
    }

    /// Whether a fault is there; one that shows once is over then.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn shows_once(&mut self, fault: Fault) -> Result<bool, LabError> {
        let there = self.faults.faults.shift_remove(&fault) == Some(true);
        if there {
            self.folder.write_toml(Faults::FILE, Faults::HEADING, &self.faults)?;
        }
        Ok(there)
    }

    /// Whether this instance's replica of a database's availability group is a secondary one; `None` without a group.
    pub fn is_secondary(&self, database: &Database) -> Option<bool> {
        let group = database.group.as_deref()?;
        let group = self.content.server.groups.iter().find(|known| same(&known.name, group))?;
        let local = group.replicas.iter().find(|replica| same(&replica.server, &self.server_name()))?;
        Some(!local.primary)
    }

    /// What this instance's secondary replica of a database lets in.
    pub fn secondary_connections(&self, database: &Database) -> Option<&str> {
        let group = self
            .content
            .server
            .groups
            .iter()
            .find(|known| database.group.as_deref().is_some_and(|name| same(name, &known.name)))?;
        let local = group.replicas.iter().find(|replica| same(&replica.server, &self.server_name()))?;
        (!local.primary).then_some(local.secondary_connections.as_str())
    }

    /// Makes this instance secondary in all its groups, and the first other replica primary.
    pub fn fail_over(&mut self) {
        let name = self.server_name();
        for group in &mut self.content.server.groups {
            let mut taken = false;
            for replica in &mut group.replicas {
                let local = same(&replica.server, &name);
                replica.primary = !local && !taken;
                taken |= replica.primary;
            }
        }
    }
}

fn file(database: &str) -> String {
    format!("{DATABASES}/{}.json", file_name(database))
}
