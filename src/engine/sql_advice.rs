//! What to do about errors of SQL Server, by number.

/// What to do about an error; `None` where its own words say enough.
pub fn sql_advice(number: i32) -> Option<&'static str> {
    // sys.messages
    Some(match number {
        102 | 156 | 319 => "this is no T-SQL; mend the statement in the playbook",
        207 | 208 => "this version of SQL Server does not have it; leave the step out for this server",
        229 | 230 | 262 | 300 | 2571 | 15151 | 15247 => {
            "give farmhand's login the right, or put it into the server role sysadmin; a name may also be misspelt"
        }
        297 => "VIEW SERVER STATE shows it: GRANT VIEW SERVER STATE TO the login that farmhand uses",
        916 => "farmhand's login is no user of that database; make it one, or a member of sysadmin",
        911 => "create the database first, with a sql_database step, or mend its name",
        924 | 5061 | 5064 | 5070 => {
            "somebody else has the database for himself; try again, or give more time: rollback_after"
        }
        927 | 942 | 952 => "the database is not online yet; wait until it is, and run again",
        976 | 978 | 983 => "this is a secondary replica; run against the primary one",
        1205 => "somebody else's transaction won; run again",
        1222 => "somebody holds a lock; look for a blocking session (sys.dm_tran_locks), and run again",
        1468 => "take the database out of its availability group or mirror for this change, and put it back after",
        1801 => "somebody made it meanwhile; run again",
        5123 | 5133 => {
            "the account that SQL Server runs as cannot write there; give it the right, or take another folder"
        }
        3101 | 3906 => "the database is in use or read-only; set it READ_WRITE, or end the sessions in it",
        4064 => "the login's default database is gone; set default_database",
        9002 => "the log is full: back it up, or give it room (sys.databases, log_reuse_wait_desc)",
        9772 => "another database has the same broker identity; new_broker: true gives this one another",
        15023 | 15025 => "there is one of that name already, with another SID; look at it, and drop or rename it",
        15063 => "that login is another user of the database already; give that user's name, or drop it",
        15114..=15119 => {
            "Windows' password policy refuses that password; put a longer one into the store: farmhand secret set NAME"
        }
        15240 => {
            "the folder is not there, the account that SQL Server runs as cannot write to it, or a file of that name exists"
        }
        15313 | 15466 => {
            "the key's password is another one; put the right one into the store: farmhand secret set NAME"
        }
        15401 => "no domain controller knows that name; mend it (DOMAIN\\name, a gMSA with its `$`), and try again",
        15404 => "SQL Server could not ask a domain controller about an account; mend that, and run again",
        15465 => "the file or its password is not right; look for the file that belongs to this key",
        15578 => "the database has a master key already; run again",
        15579 => "somebody did it meanwhile; run again",
        15581 => "the key must be opened by password first; set encrypted_by_service_key: true",
        33009 => "the database's owner is not the one that master has for it; sql_database has `owner`",
        18456 => "the login or its password is refused; SQL Server's error log says why, by the error's state",
        40510 | 40515 | 40517 | 40518 => "Azure SQL Database has none of this; use SQL Server or a Managed Instance",
        _ => return None,
    })
}
