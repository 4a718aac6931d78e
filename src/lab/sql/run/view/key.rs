//! sys.symmetric_keys and sys.key_encryptions.

use super::{CODE, DESC, Run, Table, guid, table};
use crate::lab::sql::database::Database;
use crate::lab::sql::value::{Type, Value, hex_bytes};

/// `symmetric_key_id` of a database's master key.
const MASTER_KEY: i64 = 101;
/// That of the service master key, in master alone.
const SERVICE_KEY: i64 = 102;

impl Run<'_> {
    pub(super) fn symmetric_keys(&self, database: &Database) -> Table {
        let row = |name: &str, id: i64, length: i64, algorithm: &str, created, modified, key: &str| {
            let code = if algorithm == "TRIPLE_DES" { "D3" } else { "A3" };
            vec![
                Value::text(name),
                Value::Int(1),
                Value::Int(id),
                Value::Int(length),
                Value::text(code),
                Value::text(algorithm),
                Value::Time(created),
                Value::Time(modified),
                guid(key),
                Value::Null,
                Value::Null,
            ]
        };
        let mut rows = Vec::new();
        // Who has no rights on a key does not see it.
        if self.may_in(database, "VIEW DEFINITION") || self.may_in(database, "CONTROL") {
            if let Some(key) = &database.master_key {
                let name = "##MS_DatabaseMasterKey##";
                rows.push(row(
                    name,
                    MASTER_KEY,
                    key.length_bits,
                    &key.algorithm,
                    key.created,
                    key.modified,
                    &key.key_guid,
                ));
            }
            if database.id == 1 {
                let key = &self.state.content.server.service_key;
                let name = "##MS_ServiceMasterKey##";
                rows.push(row(name, SERVICE_KEY, 256, "AES_256", key.created, key.modified, &key.key_guid));
            }
        }
        let columns = &[
            ("name", Type::NAME),
            ("principal_id", Type::Int),
            ("symmetric_key_id", Type::Int),
            ("key_length", Type::Int),
            ("key_algorithm", CODE),
            ("algorithm_desc", DESC),
            ("create_date", Type::Time),
            ("modify_date", Type::Time),
            ("key_guid", Type::Guid),
            ("key_thumbprint", Type::Variant),
            ("provider_type", DESC),
        ];
        table(columns, rows)
    }

    pub(super) fn key_encryptions(&self, database: &Database) -> Table {
        let mut rows = Vec::new();
        if let Some(key) = &database.master_key
            && (self.may_in(database, "VIEW DEFINITION") || self.may_in(database, "CONTROL"))
        {
            let row = |code: &str, desc: &str| {
                let crypt = hex_bytes(&key.material).map_or(Value::Null, Value::Bytes);
                vec![Value::Int(MASTER_KEY), Value::Null, Value::text(code), Value::text(desc), crypt]
            };
            rows.extend(key.passwords.iter().map(|_| row("ESP2", "ENCRYPTION_BY_PASSWORD")));
            rows.extend(key.service_key.iter().map(|_| row("ESKM", "ENCRYPTION_BY_MASTER_KEY")));
        }
        let columns = &[
            ("key_id", Type::Int),
            ("thumbprint", Type::Bytes(Some(32))),
            ("crypt_type", CODE),
            ("crypt_type_desc", DESC),
            ("crypt_property", Type::Bytes(None)),
        ];
        table(columns, rows)
    }
}
