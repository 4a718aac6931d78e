//! SQL Server's messages, with the numbers and wording of sys.messages.

use super::reply::SqlError;

fn sixteen(number: i32, text: impl Into<String>) -> SqlError {
    SqlError::new(number, 16, text)
}

/// 911.
pub fn no_database(name: &str) -> SqlError {
    sixteen(911, format!("Database '{name}' does not exist. Make sure that the name is entered correctly."))
}

/// 916.
pub fn no_access(login: &str, database: &str) -> SqlError {
    let text = format!(
        "The server principal \"{login}\" is not able to access the database \"{database}\" under the current security context."
    );
    SqlError::new(916, 14, text)
}

/// 15151, which hides whether something is not there or not to be seen.
pub fn not_found(verb: &str, what: &str, name: &str) -> SqlError {
    sixteen(
        15151,
        format!("Cannot {verb} the {what} '{name}', because it does not exist or you do not have permission."),
    )
}

/// 15247.
pub fn not_permitted() -> SqlError {
    sixteen(15247, "User does not have permission to perform this action.")
}

/// 262.
pub fn denied_in_database(permission: &str, database: &str) -> SqlError {
    SqlError::new(262, 14, format!("{permission} permission denied in database '{database}'."))
}

/// 300.
pub fn denied_on_server(permission: &str) -> SqlError {
    SqlError::new(300, 14, format!("{permission} permission was denied on object 'server', database 'master'."))
}

/// 5069.
pub fn alter_failed() -> SqlError {
    sixteen(5069, "ALTER DATABASE statement failed.")
}

/// 1468.
pub fn in_group(database: &str) -> SqlError {
    sixteen(
        1468,
        format!(
            "The operation cannot be performed on database \"{database}\" because it is involved in a database mirroring session or an availability group. Some operations are not allowed on a database that is participating in a database mirroring session or in an availability group."
        ),
    )
}

/// 3906.
pub fn read_only(database: &str) -> SqlError {
    sixteen(3906, format!("Failed to update database \"{database}\" because the database is read-only."))
}

/// 15240.
pub fn cannot_write(file: &str) -> SqlError {
    sixteen(
        15240,
        format!(
            "Cannot write into file '{file}'. Verify that you have write permissions, that the file path is valid, and that the file does not already exist."
        ),
    )
}

/// 226.
pub fn in_transaction(statement: &str) -> SqlError {
    sixteen(226, format!("{statement} statement not allowed within multi-statement transaction."))
}

/// 1222.
pub fn lock_timeout() -> SqlError {
    sixteen(1222, "Lock request time out period exceeded.").with_state(56)
}

/// 102 where a procedure or an expression is at fault.
pub fn incorrect(near: &str) -> SqlError {
    SqlError::new(102, 15, format!("Incorrect syntax near '{near}'."))
}

/// 40510, how Azure SQL Database refuses a statement.
pub fn not_in_azure(statement: &str) -> SqlError {
    sixteen(40510, format!("Statement '{statement}' is not supported in this version of SQL Server."))
}

/// 8152 and its kin: what the lab itself could not do.
pub fn broken(what: &str) -> SqlError {
    SqlError::new(823, 24, format!("The lab cannot keep the instance: {what}"))
}

/// 18456, as a client is told: the state that says why stays in the server's log.
pub fn login_failed(user: &str) -> SqlError {
    SqlError::new(18456, 14, format!("Login failed for user '{user}'."))
}
