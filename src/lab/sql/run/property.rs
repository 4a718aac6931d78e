//! SERVERPROPERTY and DATABASEPROPERTYEX.

use super::Run;
use crate::lab::sql::value::Value;
use crate::lab::sql::versions::Edition;

impl Run<'_> {
    pub(super) fn server_property(&self, name: &str) -> Value {
        let server = &self.state.content.server;
        let version = server.version();
        let [_, minor, build, _] = version.parts();
        match name.to_ascii_lowercase().as_str() {
            "servername" => Value::Text(self.state.server_name()),
            "machinename" | "computernamephysicalnetbios" => Value::text(self.state.computer.computer.clone()),
            "instancename" => Value::or_null(server.instance.clone(), Value::Text),
            "edition" => Value::text(server.edition.title()),
            "engineedition" => Value::Int(server.edition.engine()),
            "productversion" => Value::text(version.product.clone()),
            "productmajorversion" => Value::text(version.major().to_string()),
            "productminorversion" => Value::text(minor.to_string()),
            "productbuild" => Value::text(build.to_string()),
            "productlevel" => Value::text(version.level.clone()),
            "ishadrenabled" => Value::Int(i64::from(!server.groups.is_empty())),
            "hadrmanagerstatus" => Value::Int(if server.groups.is_empty() { 2 } else { 1 }),
            "collation" => Value::text(server.collation.clone()),
            "isclustered" | "islocaldb" | "issingleuser" | "isintegratedsecurityonly" => Value::Int(0),
            "instancedefaultdatapath" | "instancedefaultlogpath" => Value::text(format!(r"{}\", server.data_folder)),
            "instancedefaultbackuppath" if server.version().major() >= 15 => {
                Value::text(server.data_folder.replace(r"\DATA", r"\Backup"))
            }
            "sqlcharsetname" => Value::text("iso_1"),
            "processid" => Value::Int(4711),
            _ => Value::Null,
        }
    }

    pub(super) fn database_property(&self, database: &str, name: &str) -> Value {
        let Some(database) = self.state.database(database) else { return Value::Null };
        match name.to_ascii_lowercase().as_str() {
            "status" => Value::text(database.state.clone()),
            "recovery" => Value::text(database.recovery.clone()),
            "collation" => Value::text(database.collation.clone()),
            "updateability" => {
                let read_only = database.read_only || self.state.is_secondary(database) == Some(true);
                Value::text(if read_only { "READ_ONLY" } else { "READ_WRITE" })
            }
            "useraccess" => Value::text(database.user_access.clone()),
            "isautoclose" => Value::Int(i64::from(database.auto_close)),
            "version" => Value::Int(904),
            "edition" if self.state.content.server.edition == Edition::AzureSqlDatabase => Value::text("Standard"),
            _ => Value::Null,
        }
    }
}
