//! `sql_database`: a database of an instance of SQL Server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, MASTER, Place, place, place_reads, run};
use super::{Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::Refusal;
use crate::value::{Changes, SqlPart, TimeSpan};

/// A database of the instance of SQL Server on a host.
///
/// A property that is not set is left as it is. What is in the database is not touched.
/// A database in an availability group is looked at and changed on the primary replica alone.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlDatabase {
    /// Its name.
    pub name: String,
    /// The collation that it is created with; the instance's own unless set. It is not compared afterwards: changing it
    /// would leave columns and indexes behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub collation: Option<String>,
    /// How its log is kept. With `full` and no log backups the log grows until the disk is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryModel>,
    /// The login that owns it. The owner may do everything in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether it closes when its last user leaves. Query notifications need it off; Express has it on by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_close: Option<bool>,
    /// Whether transactions may ask for the snapshot isolation level (`ALLOW_SNAPSHOT_ISOLATION`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_isolation: Option<bool>,
    /// Whether readers see the last committed version of a row and wait for no writer (`READ_COMMITTED_SNAPSHOT`).
    /// Changing it needs the database for itself: other sessions in it are cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_committed_snapshot: Option<bool>,
    /// How long other sessions may go on before they are cut off for `read_committed_snapshot`; 30 s unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub rollback_after: Option<TimeSpan>,
}

/// How the log of a database is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryModel {
    /// The log is reused by itself.
    Simple,
    /// The log is kept until it is backed up.
    Full,
    /// The same, with bulk operations logged in short.
    BulkLogged,
}

impl RecoveryModel {
    const ALL: [(RecoveryModel, &'static str); 3] =
        [(RecoveryModel::Simple, "SIMPLE"), (RecoveryModel::Full, "FULL"), (RecoveryModel::BulkLogged, "BULK_LOGGED")];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(model, _)| *model == self).map_or("", |(_, word)| word)
    }

    fn of_word(word: &str) -> Option<RecoveryModel> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(model, _)| *model)
    }
}

impl SqlDatabase {
    fn seconds(&self) -> u32 {
        sql::seconds(self.rollback_after)
    }

    fn set(&self, writes: &mut Writes, what: &str, template: sql::Template, parts: &[(&str, SqlPart)]) {
        let mut all = vec![("database", SqlPart::Name(&self.name))];
        all.extend_from_slice(parts);
        run(writes, MASTER, format!("set {what} of the database {}", self.name), template, &all);
    }
}

impl Resource for SqlDatabase {
    const KIND: &'static str = "sql_database";
    const EXAMPLE: &'static str = include_str!("sql_database.example.yml");
    const BARRIER: Option<&'static str> = Some("the database");

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self, problems: &mut Problems) {
        sql::check_name("name", &self.name, problems);
        if let Some(owner) = &self.owner {
            sql::check_name("owner", owner, problems);
        }
        if let Some(collation) = &self.collation
            && (collation.is_empty() || !collation.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        {
            let message = format!("`{collation}` cannot be a collation");
            problems.add("collation", message, "such as Latin1_General_100_CI_AS_SC");
        }
        sql::check_seconds("rollback_after", self.rollback_after, problems);
    }

    fn reads(&self, reads: &mut Reads) {
        place_reads(reads);
        reads.sql(MASTER, sql::SESSIONS);
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let database = match place(found, &self.name)? {
            Place::Absent => return Ok(None),
            Place::Secondary => return Ok(Some(self.clone())),
            Place::Here(database) => database,
        };
        let snapshot = database.snapshot_isolation_state_desc.as_deref();
        Ok(Some(SqlDatabase {
            recovery: database.recovery_model_desc.as_deref().and_then(RecoveryModel::of_word),
            owner: Some(sql::in_own_words(self.owner.as_deref(), database.owner.as_deref().unwrap_or("nobody known"))),
            auto_close: Some(database.is_auto_close_on),
            snapshot_isolation: Some(snapshot.is_some_and(|state| state.ends_with("ON"))),
            read_committed_snapshot: Some(database.is_read_committed_snapshot_on),
            ..self.clone()
        }))
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        sql::not_compared(found, &self.name)
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let name = SqlPart::Name(&self.name);
        if !matches!(place(found, &self.name), Ok(Place::Here(_))) {
            let purpose = format!("create the database {}", self.name);
            match &self.collation {
                None => run(writes, MASTER, purpose, sql::CREATE_DATABASE, &[("database", name)]),
                Some(collation) => {
                    let parts = [("database", name), ("collation", SqlPart::Word(collation))];
                    run(writes, MASTER, purpose, sql::CREATE_DATABASE_WITH_COLLATION, &parts);
                }
            }
        }
        let switch = |on: bool| SqlPart::Word(if on { "ON" } else { "OFF" });
        if let Some(model) = self.recovery.filter(|_| changes.touch("recovery")) {
            let model = [("model", SqlPart::Word(model.word()))];
            self.set(writes, "the recovery model", sql::SET_RECOVERY, &model);
        }
        if let Some(owner) = self.owner.as_ref().filter(|_| changes.touch("owner")) {
            self.set(writes, "the owner", sql::SET_OWNER, &[("owner", SqlPart::Name(owner))]);
        }
        if let Some(on) = self.auto_close.filter(|_| changes.touch("auto_close")) {
            self.set(writes, "auto_close", sql::SET_AUTO_CLOSE, &[("switch", switch(on))]);
        }
        if let Some(on) = self.snapshot_isolation.filter(|_| changes.touch("snapshot_isolation")) {
            self.set(writes, "snapshot isolation", sql::SET_SNAPSHOT_ISOLATION, &[("switch", switch(on))]);
        }
        if let Some(on) = self.read_committed_snapshot.filter(|_| changes.touch("read_committed_snapshot")) {
            let parts = [("switch", switch(on)), ("seconds", SqlPart::Number(self.seconds()))];
            self.set(writes, "read committed snapshot", sql::SET_READ_COMMITTED_SNAPSHOT, &parts);
        }
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        match place(found, &self.name) {
            Ok(Place::Here(database)) if changes.touch("read_committed_snapshot") => {
                sql::cuts_off(&sql::sessions_in(found, &database))
            }
            _ => Disturbance::None,
        }
    }

    fn remarks(&self, found: &Found, changes: &Changes) -> Vec<String> {
        match place(found, &self.name) {
            Ok(Place::Here(database)) if changes.touch("read_committed_snapshot") => {
                sql::would_be_cut_off(&sql::sessions_in(found, &database), self.seconds())
            }
            _ => Vec::new(),
        }
    }
}
