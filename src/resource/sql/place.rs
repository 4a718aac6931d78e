//! Where a database stands: here to be changed, or not.

use super::{AVAILABILITY_REPLICAS, DATABASES, Database, INSTANCE, Instance, MASTER, Replica};
use crate::hostcall::{Refusal, RefusalCode};
use crate::resource::{Found, Reads};

/// `EngineEdition` of Azure SQL Database.
const AZURE_SQL_DATABASE: i64 = 5;

/// How a database stands on an instance.
pub(in crate::resource) enum Place {
    /// It is not there.
    Absent,
    /// It is there and can be changed.
    Here(Box<Database>),
    /// It is a secondary replica of an availability group: what is in it comes from the primary.
    Secondary,
}

/// Asks what [`place`] needs.
pub(in crate::resource) fn reads(reads: &mut Reads) {
    reads.sql(MASTER, INSTANCE);
    reads.sql(MASTER, DATABASES);
    reads.sql(MASTER, AVAILABILITY_REPLICAS);
}

/// How a database stands.
///
/// # Errors
/// What the server refused, and a database that can be neither read nor changed, with the reason.
pub(in crate::resource) fn place(found: &Found, name: &str) -> Result<Place, Refusal> {
    if let Some(instance) = found.sql::<Instance>(MASTER, INSTANCE)?.into_iter().flatten().next()
        && instance.engine_edition == Some(AZURE_SQL_DATABASE)
    {
        let text = "this is Azure SQL Database, which has no Service Broker, no key backups and no trace flags, and on \
                    which SignalR's backplane refuses to run; use SQL Server or a Managed Instance";
        return Err(Refusal { code: RefusalCode::Unsupported, text: text.to_owned(), hresult: None });
    }
    let databases = found.sql::<Database>(MASTER, DATABASES)?.unwrap_or_default();
    let Some(database) = databases.into_iter().find(|it| it.name.eq_ignore_ascii_case(name)) else {
        return Ok(Place::Absent);
    };
    if let Some(replica) = &database.replica_id
        && is_secondary(found, replica)
    {
        return Ok(Place::Secondary);
    }
    if database.state_desc != "ONLINE" {
        let text = format!("the database {name} is {} and not ONLINE", database.state_desc);
        return Err(Refusal { code: RefusalCode::Locked, text, hresult: None });
    }
    Ok(Place::Here(Box::new(database)))
}

/// What of a database's resource is not compared here, in few words.
pub(in crate::resource) fn not_compared(found: &Found, name: &str) -> Vec<String> {
    match place(found, name) {
        Ok(Place::Secondary) => vec!["all of it: a secondary replica has it from the primary one".to_owned()],
        _ => Vec::new(),
    }
}

/// Whether a replica that is on this instance is not the primary one.
fn is_secondary(found: &Found, replica: &str) -> bool {
    // Who may not see the groups is not told of any; then the server itself says what cannot be done.
    let replicas = found.sql::<Replica>(MASTER, AVAILABILITY_REPLICAS).ok().flatten().unwrap_or_default();
    let ours = replicas.iter().find(|it| it.replica_id.as_deref() == Some(replica));
    ours.is_some_and(|it| it.role_desc.as_deref() != Some("PRIMARY"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::SecretMacs;
    use crate::resource::sql::canned::{databases, instance, rows};
    use serde_json::json;

    #[test]
    fn a_secondary_replica_is_left_to_the_primary() {
        let check = |role: &str, expected: usize| {
            let replicas = rows(MASTER, AVAILABILITY_REPLICAS, &["replica_id", "role_desc"], &json!([["R", role]]));
            let member = databases(&[("Chat", true, "A")], |it| drop(it.insert("replica_id".to_owned(), json!("R"))));
            let (answers, macs) = ([instance(3), member, replicas], SecretMacs::default());
            let found = Found::new(&answers, &macs);
            assert_eq!(not_compared(&found, "Chat").len(), expected, "{role}");
        };
        check("PRIMARY", 0);
        check("SECONDARY", 1);
        check("RESOLVING", 1);
    }
}
