//! The parser of statements about databases, and of DBCC.

use super::parser::{Parsed, Parser};
use super::tree_admin::{Admin, DatabaseChange, Termination, TraceVerb};

/// What a change is, switched on or off.
type Switch = fn(bool) -> DatabaseChange;

impl Parser {
    pub(super) fn trace(&mut self) -> Parsed<Option<Admin>> {
        if !self.words("DBCC") {
            return Ok(None);
        }
        let verb = if self.words("TRACEON") {
            TraceVerb::On
        } else if self.words("TRACEOFF") {
            TraceVerb::Off
        } else {
            self.must("TRACESTATUS")?;
            TraceVerb::Status
        };
        let mut numbers = Vec::new();
        if self.symbol("(") {
            if !self.at_symbol(")") {
                numbers = self.list(Parser::number)?;
            }
            self.must_symbol(")")?;
        } else if verb != TraceVerb::Status {
            return Err(self.incorrect());
        }
        let quiet = self.words("WITH");
        if quiet {
            self.must("NO_INFOMSGS")?;
        }
        let global = numbers.contains(&-1);
        numbers.retain(|number| *number != -1);
        Ok(Some(Admin::Trace { verb, flags: numbers, global, quiet }))
    }

    pub(super) fn database(&mut self) -> Parsed<Option<Admin>> {
        Ok(Some(if self.words("CREATE DATABASE") {
            let name = self.name()?;
            let collation = if self.words("COLLATE") { Some(self.name()?) } else { None };
            Admin::CreateDatabase { name, collation }
        } else if self.words("DROP DATABASE") {
            let if_exists = self.words("IF EXISTS");
            Admin::DropDatabase { names: self.list(Parser::name)?, if_exists }
        } else if self.words("ALTER AUTHORIZATION") {
            self.must("ON")?;
            let class = if self.words("DATABASE") { "DATABASE" } else { self.must("SCHEMA").map(|()| "SCHEMA")? };
            self.must_symbol("::")?;
            let name = self.name()?;
            self.must("TO")?;
            Admin::AlterAuthorization { class: class.to_owned(), name, to: self.name()? }
        } else if self.words("ALTER DATABASE") {
            let name = if self.words("CURRENT") { None } else { Some(self.name()?) };
            self.alter(name)?
        } else {
            return Ok(None);
        }))
    }

    fn alter(&mut self, name: Option<String>) -> Parsed<Admin> {
        if self.words("COLLATE") {
            let changes = vec![DatabaseChange::Collation(self.name()?)];
            return Ok(Admin::AlterDatabase { name, changes, termination: Termination::Wait });
        }
        self.must("SET")?;
        let changes = self.list(Parser::change)?;
        let mut termination = Termination::Wait;
        if self.words("WITH") {
            termination = if self.words("NO_WAIT") {
                Termination::NoWait
            } else {
                self.must("ROLLBACK")?;
                if !self.words("IMMEDIATE") {
                    self.must("AFTER")?;
                    self.number()?;
                    self.words("SECONDS");
                }
                Termination::Rollback
            };
        }
        Ok(Admin::AlterDatabase { name, changes, termination })
    }

    fn change(&mut self) -> Parsed<DatabaseChange> {
        let bare = [
            ("ENABLE_BROKER", DatabaseChange::EnableBroker),
            ("DISABLE_BROKER", DatabaseChange::DisableBroker),
            ("NEW_BROKER", DatabaseChange::NewBroker),
            ("READ_ONLY", DatabaseChange::ReadOnly(true)),
            ("READ_WRITE", DatabaseChange::ReadOnly(false)),
            ("SINGLE_USER", DatabaseChange::UserAccess("SINGLE_USER".to_owned())),
            ("RESTRICTED_USER", DatabaseChange::UserAccess("RESTRICTED_USER".to_owned())),
            ("MULTI_USER", DatabaseChange::UserAccess("MULTI_USER".to_owned())),
        ];
        for (word, change) in bare {
            if self.words(word) {
                return Ok(change);
            }
        }
        let switches: [(&str, Switch); 4] = [
            ("AUTO_CLOSE", DatabaseChange::AutoClose),
            ("READ_COMMITTED_SNAPSHOT", DatabaseChange::ReadCommittedSnapshot),
            ("ALLOW_SNAPSHOT_ISOLATION", DatabaseChange::SnapshotIsolation),
            ("TRUSTWORTHY", DatabaseChange::Trustworthy),
        ];
        for (word, change) in switches {
            if self.words(word) {
                return self.on_or_off().map(change);
            }
        }
        if self.words("RECOVERY") {
            for model in ["SIMPLE", "FULL", "BULK_LOGGED"] {
                if self.words(model) {
                    return Ok(DatabaseChange::Recovery(model.to_owned()));
                }
            }
            return Err(self.incorrect());
        }
        if self.words("COMPATIBILITY_LEVEL") {
            self.must_symbol("=")?;
            return self.number().map(DatabaseChange::CompatibilityLevel);
        }
        Err(self.incorrect())
    }
}
