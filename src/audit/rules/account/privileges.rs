//! What a privilege of MySQL or MariaDB is good for: [`class`].
//!
//! From "Privileges Provided by MySQL" (9.7) and MariaDB's "GRANT" (12), read in November 2026.

use crate::audit::severity::Severity;

/// What a privilege lets an account do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Superuser,
    Replication,
    Accounts,
    Files,
    Stops,
    Administers,
    /// Reads and writes rows.
    Data,
    Schema,
    /// What a service may well need.
    Harmless,
}

use Class::{Accounts, Administers, Data, Files, Harmless, Replication, Schema, Stops, Superuser};
use Severity::{High, Low, Medium};

/// The severity is that of the privilege on everything.
const TABLE: &[(&str, Class, Severity)] = &[
    ("ALL PRIVILEGES", Superuser, High),
    ("SUPER", Superuser, High),
    ("REPLICATION SLAVE", Replication, High),
    ("REPLICATION CLIENT", Replication, Low),
    ("BINLOG MONITOR", Replication, Low),
    ("SLAVE MONITOR", Replication, Low),
    ("REPLICA MONITOR", Replication, Low),
    ("BINLOG ADMIN", Replication, Medium),
    ("BINLOG REPLAY", Replication, High),
    ("REPLICATION SLAVE ADMIN", Replication, Medium),
    ("REPLICATION MASTER ADMIN", Replication, Medium),
    ("BINLOG_ADMIN", Replication, Medium),
    ("BINLOG_ENCRYPTION_ADMIN", Replication, Medium),
    ("GROUP_REPLICATION_ADMIN", Replication, Medium),
    ("GROUP_REPLICATION_STREAM", Replication, High),
    ("REPLICATION_APPLIER", Replication, High),
    ("REPLICATION_SLAVE_ADMIN", Replication, Medium),
    ("CREATE USER", Accounts, High),
    ("CREATE ROLE", Accounts, High),
    ("DROP ROLE", Accounts, Medium),
    ("SET USER", Accounts, High),
    ("SET_USER_ID", Accounts, High),
    ("SET_ANY_DEFINER", Accounts, High),
    ("ALLOW_NONEXISTENT_DEFINER", Accounts, Medium),
    ("SYSTEM_USER", Accounts, High),
    ("ROLE_ADMIN", Accounts, High),
    ("APPLICATION_PASSWORD_ADMIN", Accounts, Medium),
    ("PASSWORDLESS_USER_ADMIN", Accounts, High),
    ("AUTHENTICATION_POLICY_ADMIN", Accounts, High),
    ("FILE", Files, High),
    ("SHUTDOWN", Stops, Medium),
    ("CONNECTION ADMIN", Stops, Medium),
    ("CONNECTION_ADMIN", Stops, Medium),
    ("PROCESS", Administers, Medium),
    ("RELOAD", Administers, Medium),
    ("SYSTEM_VARIABLES_ADMIN", Administers, High),
    ("PERSIST_RO_VARIABLES_ADMIN", Administers, High),
    ("READ_ONLY ADMIN", Administers, Medium),
    ("FEDERATED ADMIN", Administers, Medium),
    ("CLONE_ADMIN", Administers, High),
    ("BACKUP_ADMIN", Administers, Medium),
    ("SELECT", Data, Medium),
    ("INSERT", Data, Medium),
    ("UPDATE", Data, Medium),
    ("DELETE", Data, Medium),
    ("EXECUTE", Data, Medium),
    ("ALTER", Schema, Medium),
    ("ALTER ROUTINE", Schema, Medium),
    ("CREATE", Schema, Medium),
    ("CREATE ROUTINE", Schema, Medium),
    ("CREATE TABLESPACE", Schema, Medium),
    ("CREATE VIEW", Schema, Medium),
    ("DELETE HISTORY", Schema, Medium),
    ("DELETE VERSIONING ROWS", Schema, Medium),
    ("DROP", Schema, Medium),
    ("EVENT", Schema, Medium),
    ("INDEX", Schema, Medium),
    ("REFERENCES", Schema, Medium),
    ("TRIGGER", Schema, Medium),
    ("USAGE", Harmless, Low),
    ("CREATE TEMPORARY TABLES", Harmless, Low),
    ("LOCK TABLES", Harmless, Low),
    ("SHOW CREATE ROUTINE", Harmless, Low),
    ("SHOW DATABASES", Harmless, Low),
    ("SHOW VIEW", Harmless, Low),
];

/// What a privilege on everything lets an account do, and how bad that is. One that the table does
/// not know is new, and then administers something.
pub(super) fn class(privilege: &str) -> (Class, Severity) {
    let known = TABLE.iter().find(|(name, ..)| *name == privilege);
    known.map_or((Administers, Low), |(_, class, severity)| {
        (*class, *severity)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Class, Severity, TABLE, class};

    #[test]
    fn no_privilege_is_there_twice() {
        let mut names = HashSet::new();
        for (name, ..) in TABLE {
            assert!(names.insert(name), "{name}");
        }
    }

    #[test]
    fn privilege_that_nobody_knows_administers_something() {
        assert_eq!(
            class("TELEPATHY_ADMIN"),
            (Class::Administers, Severity::Low)
        );
        assert_eq!(class("FILE"), (Class::Files, Severity::High));
    }
}
