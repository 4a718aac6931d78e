//! `sql_service_broker`: whether a database delivers the messages of Service Broker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, Database, Instance, MASTER, Place, place, place_reads, run};
use super::{Client, Disturbance, Found, Problems, Reads, Resource, Unnoticed, Writes};
use crate::hostcall::Refusal;
use crate::value::{Changes, SqlPart, TimeSpan};

/// Service Broker of a database, without which query notifications, and so SignalR's backplane, fall back to polling.
///
/// It is turned on only where it is off, from `master`, and needs the database for itself: other sessions in it are cut
/// off after `rollback_after`. A restored or attached database has it off. An app that runs meanwhile notices only when
/// it starts anew, so the plan names the pools to recycle.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlServiceBroker {
    /// The database.
    pub database: String,
    /// Whether messages are delivered.
    pub enabled: bool,
    /// How long other sessions may go on before they are cut off; 30 s unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub rollback_after: Option<TimeSpan>,
    /// Whether the database may get a new broker identity where another database on the instance has the same one, as a
    /// restored copy has (error 9772). All conversations in the database are lost with the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub new_broker: Option<bool>,
}

impl SqlServiceBroker {
    fn here(&self, found: &Found) -> Option<Box<Database>> {
        match place(found, &self.database) {
            Ok(Place::Here(database)) => Some(database),
            _ => None,
        }
    }

    /// Another database whose broker is on under the same identity.
    fn twin(found: &Found, database: &Database) -> Option<String> {
        let databases = found.sql::<Database>(MASTER, sql::DATABASES).ok().flatten().unwrap_or_default();
        let twin = databases.into_iter().find(|other| {
            other.database_id != database.database_id
                && other.is_broker_enabled
                && other.service_broker_guid.is_some()
                && other.service_broker_guid == database.service_broker_guid
        });
        twin.map(|twin| twin.name)
    }
}

impl Resource for SqlServiceBroker {
    const KIND: &'static str = "sql_service_broker";
    const EXAMPLE: &'static str = include_str!("sql_service_broker.example.yml");

    fn name(&self) -> String {
        self.database.clone()
    }

    fn check(&self, problems: &mut Problems) {
        sql::check_name("database", &self.database, problems);
        sql::check_seconds("rollback_after", self.rollback_after, problems);
    }

    fn reads(&self, reads: &mut Reads) {
        place_reads(reads);
        reads.sql(MASTER, sql::SESSIONS);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let database = match place(found, &self.database) {
            Ok(Place::Absent) => return sql::no_database(&self.database, problems),
            Ok(Place::Here(database)) if database.is_broker_enabled != self.enabled => database,
            _ => return,
        };
        if database.replica_id.is_some() {
            let message = format!(
                "the database {} is in an availability group, in which SQL Server refuses to change the broker (1468)",
                self.database
            );
            let help = "take the database out of the group, run again, and join it again";
            problems.add("enabled", message, help);
        } else if database.is_read_only {
            let message = format!("the database {} is read-only", self.database);
            problems.add(
                "enabled",
                message,
                format!("ALTER DATABASE [{}] SET READ_WRITE, then run again", self.database),
            );
        } else if self.enabled
            && self.new_broker != Some(true)
            && let Some(twin) = Self::twin(found, &database)
        {
            let message = format!(
                "the databases {} and {twin} have the same broker identity, as a copy and its original have, and only one \
                 may have its broker on (9772)",
                self.database
            );
            let help = "new_broker: true gives this one another identity, and loses all conversations in it";
            problems.add("new_broker", message, help);
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        Ok(match place(found, &self.database)? {
            Place::Absent => None,
            Place::Secondary => Some(self.clone()),
            Place::Here(database) => Some(SqlServiceBroker { enabled: database.is_broker_enabled, ..self.clone() }),
        })
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        sql::not_compared(found, &self.database)
    }

    fn writes(&self, found: &Found, _: &Changes, writes: &mut Writes) {
        let twin = self.here(found).and_then(|database| Self::twin(found, &database));
        let broker = match (self.enabled, twin) {
            (false, _) => "DISABLE_BROKER",
            (true, Some(_)) => "NEW_BROKER",
            (true, None) => "ENABLE_BROKER",
        };
        let parts = [
            ("database", SqlPart::Name(&self.database)),
            ("broker", SqlPart::Word(broker)),
            ("seconds", SqlPart::Number(sql::seconds(self.rollback_after))),
        ];
        let turn = if self.enabled { "on" } else { "off" };
        let purpose = format!("turn the broker of the database {} {turn}", self.database);
        run(writes, MASTER, purpose, sql::SET_BROKER, &parts);
    }

    fn disturbs(&self, found: &Found, _: &Changes) -> Disturbance {
        self.here(found).map_or(Disturbance::None, |database| sql::cuts_off(&sql::sessions_in(found, &database)))
    }

    fn remarks(&self, found: &Found, _: &Changes) -> Vec<String> {
        let Some(database) = self.here(found) else { return Vec::new() };
        let sessions = sql::sessions_in(found, &database);
        let mut remarks = sql::would_be_cut_off(&sessions, sql::seconds(self.rollback_after));
        if self.enabled
            && let Some(twin) = Self::twin(found, &database)
        {
            remarks.push(format!("loses all conversations in the database, because {twin} has the same identity"));
        }
        remarks
    }

    fn unnoticed(&self, found: &Found, _: &Changes) -> Option<Unnoticed> {
        let database = self.here(found).filter(|_| self.enabled)?;
        let clients = sql::sessions_in(found, &database).into_iter().filter_map(|session| {
            let known = |text: Option<String>| text.filter(|it| !it.is_empty());
            Some(Client { login: known(session.login_name)?, machine: known(session.host_name) })
        });
        let instance = found.sql::<Instance>(MASTER, sql::INSTANCE).ok().flatten().unwrap_or_default();
        Some(Unnoticed {
            what: format!("the broker of the database {}", self.database),
            database: self.database.clone(),
            server: instance.into_iter().next().and_then(|it| it.server_name),
            sessions: clients.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostcall::{Answer, Read};
    use crate::resource::SecretMacs;
    use crate::resource::sql::canned::{databases, instance, rows};
    use serde_json::json;

    fn broker(new_broker: Option<bool>) -> SqlServiceBroker {
        SqlServiceBroker { database: "Chat".to_owned(), enabled: true, rollback_after: None, new_broker }
    }

    fn sessions() -> (Read, Answer) {
        let columns = ["session_id", "database_id", "login_name", "host_name", "program_name"];
        rows(
            MASTER,
            sql::SESSIONS,
            &columns,
            &json!([[61, 5, "CORP\\svc-chat", "WEB01", ".Net SqlClient Data Provider"]]),
        )
    }

    fn problems(broker: &SqlServiceBroker, answers: &[(Read, Answer)]) -> Vec<String> {
        let mut problems = Problems::default();
        broker.conflicts(&Found::new(answers, &SecretMacs::default()), &mut problems);
        problems.0.into_iter().map(|it| format!("{}: {}", it.property, it.message)).collect()
    }

    fn statement(broker: &SqlServiceBroker, answers: &[(Read, Answer)]) -> String {
        let mut writes = Writes::default();
        broker.writes(&Found::new(answers, &SecretMacs::default()), &Changes::default(), &mut writes);
        serde_json::to_string(&writes.calls[0].1).unwrap()
    }

    #[test]
    fn what_stands_in_the_way_is_told_before_anything_is_sent() {
        let twins = [("Chat", false, "A"), ("ChatCopy", true, "A")];
        let check = |broker: &SqlServiceBroker, databases: (Read, Answer), expected: &[&str]| {
            let problems = problems(broker, &[instance(3), databases]);
            assert_eq!(problems.len(), expected.len(), "{problems:?}");
            assert!(problems.iter().zip(expected).all(|(it, part)| it.contains(part)), "{problems:?}");
        };
        check(&broker(None), databases(&twins, |_| {}), &["new_broker: the databases Chat and ChatCopy have the same"]);
        check(&broker(Some(true)), databases(&twins, |_| {}), &[]);
        let in_group =
            |it: &mut serde_json::Map<String, serde_json::Value>| drop(it.insert("replica_id".into(), json!("R")));
        check(&broker(None), databases(&[("Chat", false, "A")], in_group), &["(1468)"]);
        let read_only =
            |it: &mut serde_json::Map<String, serde_json::Value>| drop(it.insert("is_read_only".into(), json!(true)));
        check(&broker(None), databases(&[("Chat", false, "A")], read_only), &["read-only"]);
        check(&broker(None), databases(&[("Other", false, "A")], |_| {}), &["there is no database Chat"]);
        check(&broker(None), databases(&[("Chat", true, "A")], in_group), &[]);
    }

    #[test]
    fn only_a_twin_costs_the_identity() {
        let lone = [instance(3), databases(&[("Chat", false, "A"), ("Other", true, "B")], |_| {})];
        assert!(statement(&broker(Some(true)), &lone).contains("SET ENABLE_BROKER WITH ROLLBACK AFTER 30 SECONDS"));
        let twin = [instance(3), databases(&[("Chat", false, "A"), ("Other", true, "A")], |_| {})];
        assert!(statement(&broker(Some(true)), &twin).contains("SET NEW_BROKER"));
    }

    #[test]
    fn whoever_is_in_the_database_is_named() {
        let answers = [instance(3), databases(&[("Chat", false, "A")], |_| {}), sessions()];
        let macs = SecretMacs::default();
        let found = Found::new(&answers, &macs);
        let remarks = broker(None).remarks(&found, &Changes::default());
        assert_eq!(broker(None).disturbs(&found, &Changes::default()), Disturbance::Restarts);
        assert!(remarks[0].contains("CORP\\svc-chat from WEB01"), "{remarks:?}");
        let unnoticed = broker(None).unnoticed(&found, &Changes::default()).unwrap();
        let client = Client { login: "CORP\\svc-chat".to_owned(), machine: Some("WEB01".to_owned()) };
        assert_eq!((unnoticed.sessions, unnoticed.server.as_deref()), (vec![client], Some("SQL01")));
        let off = SqlServiceBroker { enabled: false, ..broker(None) };
        assert_eq!(off.unnoticed(&found, &Changes::default()), None);
    }

    #[test]
    fn azure_sql_database_is_refused_with_the_reason() {
        let answers = [instance(5), databases(&[("Chat", false, "A")], |_| {})];
        let macs = SecretMacs::default();
        let refusal = broker(None).seen(&Found::new(&answers, &macs)).unwrap_err();
        assert!(refusal.text.contains("Azure SQL Database"), "{}", refusal.text);
    }
}
