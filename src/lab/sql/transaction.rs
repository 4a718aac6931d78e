//! A transaction of a session, and how it is undone.

use super::state::Content;

/// A transaction that is not over.
pub(super) struct OpenTransaction {
    pub descriptor: u64,
    pub depth: u32,
    /// How everything was when it began.
    pub before: Content,
    /// The databases that it changed, by name.
    pub databases: Vec<String>,
    /// Whether it changed the instance itself.
    pub server: bool,
}

impl OpenTransaction {
    /// Takes note of what a statement changed.
    pub(super) fn note(&mut self, before: &Content, after: &Content) {
        self.server |= before.server != after.server;
        for database in &after.databases {
            if !before.databases.contains(database) && !self.databases.contains(&database.name) {
                self.databases.push(database.name.clone());
            }
        }
    }

    /// Whether it changed anything.
    pub(super) fn changed(&self) -> bool {
        self.server || !self.databases.is_empty()
    }

    /// Puts back what it changed, and nothing that others did.
    pub(super) fn undo(self, content: &mut Content) {
        if self.server {
            content.server = self.before.server;
        }
        for old in self.before.databases.into_iter().filter(|old| self.databases.contains(&old.name)) {
            if let Some(database) = content.databases.iter_mut().find(|database| database.name == old.name) {
                *database = old;
            }
        }
    }
}
