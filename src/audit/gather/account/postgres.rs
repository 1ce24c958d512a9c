//! What an account of PostgreSQL may do, asked of the account itself: [`PostgresAccount`].

use crate::audit::gather::asking::Asking;
use crate::connect::staged::{LoginMethod, Row};
use crate::failure::Failure;

/// The account, the database it is in, and what [`Attribute::ALL`] says of it.
const WHO: &str = "SELECT current_user, current_database(), \
    rolsuper, rolreplication, rolbypassrls, rolcreaterole, rolcreatedb \
    FROM pg_catalog.pg_roles WHERE rolname = current_user";

/// Every role that the account may act as: through which of its own it gets there, whether it may
/// hand that on, and what [`Attribute::ALL`] says of the role.
const ROLES: &str = "SELECT * FROM (SELECT DISTINCT reached.rolname AS reached, own.rolname AS own, \
    granted.admin_option AND reached.oid = own.oid AS handed_on, reached.rolsuper, \
    reached.rolreplication, reached.rolbypassrls, reached.rolcreaterole, reached.rolcreatedb \
    FROM pg_catalog.pg_auth_members granted \
    JOIN pg_catalog.pg_roles own ON own.oid = granted.roleid \
    JOIN pg_catalog.pg_roles reached ON reached.oid = own.oid \
        OR (NOT own.rolsuper AND pg_catalog.pg_has_role(own.oid, reached.oid, 'MEMBER')) \
    WHERE granted.member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) \
    ) roles \
    ORDER BY 4 DESC, 5 DESC, 6 DESC, 7 DESC, reached !~ '^pg_', 8 DESC, 3 DESC, 1, 2 LIMIT 201";

/// As many rows as are kept of an answer; one more is asked for, and the worst come first.
const MOST: usize = 200;
/// What the account owns, or may change or hand on though it does not own it: kind, place, how many
/// tables, one of them, the privileges (`OWNER` where it owns it), whether it may hand them on, and the
/// role that has them (none: everyone).
const RIGHTS: &str = "SELECT * FROM (\
    SELECT 'DATABASE', datname::text, 0, NULL::text, 'OWNER', false, pg_get_userbyid(datdba)::text \
    FROM pg_catalog.pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'MEMBER') \
    UNION ALL \
    SELECT 'DATABASE', d.datname::text, 0, NULL, string_agg(DISTINCT a.privilege_type, ','), a.is_grantable, \
        CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END \
    FROM pg_catalog.pg_database d, LATERAL aclexplode(d.datacl) a \
    WHERE d.datname = current_database() AND NOT pg_has_role(d.datdba, 'MEMBER') \
        AND (a.privilege_type = 'CREATE' OR a.is_grantable) \
        AND (a.grantee = 0 OR pg_has_role(a.grantee, 'MEMBER')) \
    GROUP BY d.datname, a.is_grantable, a.grantee \
    UNION ALL \
    SELECT 'SCHEMA', nspname::text, 0, NULL, 'OWNER', false, pg_get_userbyid(nspowner)::text \
    FROM pg_catalog.pg_namespace \
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND pg_has_role(nspowner, 'MEMBER') \
    UNION ALL \
    SELECT 'SCHEMA', n.nspname::text, 0, NULL, string_agg(DISTINCT a.privilege_type, ','), a.is_grantable, \
        CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END \
    FROM pg_catalog.pg_namespace n, LATERAL aclexplode(n.nspacl) a \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT pg_has_role(n.nspowner, 'MEMBER') \
        AND (a.privilege_type = 'CREATE' OR a.is_grantable) \
        AND (a.grantee = 0 OR pg_has_role(a.grantee, 'MEMBER')) \
    GROUP BY n.nspname, a.is_grantable, a.grantee \
    UNION ALL \
    SELECT 'TABLES', n.nspname::text, count(*), min(c.relname::text), 'OWNER', false, pg_get_userbyid(c.relowner)::text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND pg_has_role(c.relowner, 'MEMBER') \
    GROUP BY n.nspname, c.relowner \
    UNION ALL \
    SELECT 'TABLES', n.nspname::text, count(DISTINCT c.oid), min(c.relname::text), \
        string_agg(DISTINCT a.privilege_type, ','), a.is_grantable, \
        CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
        LATERAL aclexplode(c.relacl) a \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND NOT pg_has_role(c.relowner, 'MEMBER') \
        AND (a.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') OR a.is_grantable) \
        AND (a.grantee = 0 OR pg_has_role(a.grantee, 'MEMBER')) \
    GROUP BY n.nspname, a.is_grantable, a.grantee \
    ) AS rights (kind, place, tables, example, privileges, handed_on, role) \
    ORDER BY privileges <> 'OWNER', handed_on DESC, kind, place, role LIMIT 201";

/// Functions that read and write files of the server, which somebody let the account run: name,
/// arguments, and the role that may (none: everyone). Before version 11 they looked for superusers
/// themselves.
const FUNCTIONS: &str = "SELECT p.proname::text, pg_get_function_identity_arguments(p.oid), \
    CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END \
    FROM pg_catalog.pg_proc p, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a \
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.privilege_type = 'EXECUTE' \
        AND p.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', \
            'lo_import', 'lo_export') \
        AND current_setting('server_version_num')::int >= 110000 \
        AND NOT pg_has_role(p.proowner, 'MEMBER') \
        AND (a.grantee = 0 OR pg_has_role(a.grantee, 'MEMBER')) ORDER BY 1, 2, 3";
/// How the password is stored; for superusers only. The hash itself stays where it is.
const STORED: &str = "SELECT CASE WHEN rolpassword LIKE 'md5%' THEN 'md5' \
    WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram-sha-256' ELSE 'other' END \
    FROM pg_catalog.pg_authid WHERE rolname = current_user AND rolpassword IS NOT NULL";

/// How the next password would be stored. Before version 10 `on` meant MD5.
const ENCRYPTION: &str = "SELECT current_setting('password_encryption')";

/// The lines of `pg_hba.conf` that are for any address and for this account; for superusers only.
const OPEN_LINES: &str = "SELECT line_number, type, address, auth_method \
    FROM pg_catalog.pg_hba_file_rules WHERE error IS NULL AND type LIKE 'host%' \
    AND (address = 'all' OR netmask IN ('0.0.0.0', '::')) \
    AND database && ARRAY['all', current_database()]::text[] \
    AND user_name && ARRAY['all', current_user]::text[] ORDER BY line_number LIMIT 50";

/// What is not known where the server does not answer.
const OF_ACCOUNT: &str = "the account";
const OF_ROLES: &str = "the roles of the account";
const OF_RIGHTS: &str = "what the account owns and may change";

/// An account of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct PostgresAccount {
    pub(in crate::audit) name: String,
    /// The database that was looked at.
    pub(in crate::audit) database: String,
    pub(in crate::audit) attributes: Vec<Attribute>,
    pub(in crate::audit) memberships: Vec<Membership>,
    /// None of a superuser, who may do everything.
    pub(in crate::audit) rights: Vec<Right>,
    /// Functions of the server's files; none of a superuser.
    pub(in crate::audit) functions: Vec<FileFunction>,
    /// What the server asked for at the login.
    pub(in crate::audit) asked: Option<LoginMethod>,
    /// How the password is stored, as far as we may know.
    pub(in crate::audit) stored_as: Option<String>,
    /// How the next password would be stored.
    pub(in crate::audit) password_encryption: Option<String>,
    pub(in crate::audit) open_lines: Vec<OpenLine>,
}

/// What a role may do beyond its privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Attribute {
    Superuser,
    Replication,
    BypassRls,
    CreateRole,
    CreateDb,
}

/// A role that the account may act as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Membership {
    pub(in crate::audit) role: String,
    /// The role granted to the account itself that leads there.
    pub(in crate::audit) through: String,
    /// Whether the account may grant the role to others.
    pub(in crate::audit) may_hand_on: bool,
    pub(in crate::audit) attributes: Vec<Attribute>,
}

/// What a role may do with something of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Right {
    pub(in crate::audit) on: Place,
    /// `OWNER` alone, or privileges in capitals.
    pub(in crate::audit) privileges: Vec<&'static str>,
    pub(in crate::audit) may_hand_on: bool,
    /// Who has it: the account or a role of its; `None`: everyone.
    pub(in crate::audit) role: Option<String>,
}

/// A function that reads or writes files of the server, which the account may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct FileFunction {
    pub(in crate::audit) name: String,
    /// Their types, which tell it from others of its name.
    pub(in crate::audit) arguments: String,
    /// Who may run it: the account or a role of its; `None`: everyone.
    pub(in crate::audit) role: Option<String>,
}

/// What a [`Right`] is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Place {
    Database(String),
    Schema(String),
    Tables {
        schema: String,
        count: String,
        /// One of them.
        example: String,
    },
}

/// A line of `pg_hba.conf` for any address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct OpenLine {
    pub(in crate::audit) number: String,
    /// `host`, `hostssl` or `hostnossl`.
    pub(in crate::audit) kind: String,
    pub(in crate::audit) address: String,
    pub(in crate::audit) method: String,
}

/// What stands for ownership among the privileges.
pub(in crate::audit) const OWNER: &str = "OWNER";

/// The privileges that may come: no other word of the server gets into a statement.
const PRIVILEGES: [&str; 13] = [
    OWNER,
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
    "CREATE",
    "CONNECT",
    "TEMPORARY",
    "USAGE",
    "MAINTAIN",
];

impl Attribute {
    /// In the order of the columns of [`WHO`] and [`ROLES`].
    const ALL: [Self; 5] = [
        Self::Superuser,
        Self::Replication,
        Self::BypassRls,
        Self::CreateRole,
        Self::CreateDb,
    ];

    /// The word for it in `ALTER ROLE`; `NO` in front takes it away.
    pub(in crate::audit) fn keyword(self) -> &'static str {
        match self {
            Self::Superuser => "SUPERUSER",
            Self::Replication => "REPLICATION",
            Self::BypassRls => "BYPASSRLS",
            Self::CreateRole => "CREATEROLE",
            Self::CreateDb => "CREATEDB",
        }
    }

    fn of(columns: &[Option<String>]) -> Vec<Self> {
        let all = Self::ALL.into_iter().zip(columns);
        all.filter(|(_, column)| is_true(column.as_ref()))
            .map(|(attribute, _)| attribute)
            .collect()
    }
}

/// Asks the server about the account of this session.
pub(super) async fn look(asking: &mut Asking<'_>) -> Result<Option<PostgresAccount>, Failure> {
    let who = asking.ask(OF_ACCOUNT, WHO).await?;
    let Some([Some(name), Some(database), attributes @ ..]) = who.first().map(Vec::as_slice) else {
        asking.lack(OF_ACCOUNT);
        return Ok(None);
    };
    let attributes = Attribute::of(attributes);
    let memberships = asking.ask(OF_ROLES, ROLES).await?;
    let memberships = asking.keep(OF_ROLES, MOST, memberships);
    let rights = if attributes.contains(&Attribute::Superuser) {
        Vec::new()
    } else {
        let rights = asking.ask(OF_RIGHTS, RIGHTS).await?;
        asking.keep(OF_RIGHTS, MOST, rights)
    };
    let functions = if attributes.contains(&Attribute::Superuser) {
        Vec::new()
    } else {
        asking
            .ask("what files of the server it may read", FUNCTIONS)
            .await?
    };
    let stored = asking.ask_as_administrator(STORED).await?;
    let encryption = asking.ask("how passwords are stored", ENCRYPTION).await?;
    let open_lines = asking.ask_as_administrator(OPEN_LINES).await?;
    let first = |rows: Vec<Row>| rows.into_iter().flatten().flatten().next();
    Ok(Some(PostgresAccount {
        name: name.clone(),
        database: database.clone(),
        attributes,
        memberships: memberships.iter().filter_map(Membership::of).collect(),
        rights: rights.into_iter().filter_map(Right::of).collect(),
        functions: functions.into_iter().filter_map(FileFunction::of).collect(),
        asked: asking.login_method(),
        stored_as: first(stored),
        password_encryption: first(encryption),
        open_lines: open_lines.into_iter().filter_map(OpenLine::of).collect(),
    }))
}

impl Membership {
    fn of(row: &Row) -> Option<Self> {
        let [role, through, may_hand_on, attributes @ ..] = &row[..] else {
            return None;
        };
        Some(Self {
            role: role.clone()?,
            through: through.clone()?,
            may_hand_on: is_true(may_hand_on.as_ref()),
            attributes: Attribute::of(attributes),
        })
    }
}

impl Right {
    fn of(row: Row) -> Option<Self> {
        let [kind, place, count, example, privileges, may_hand_on, role] =
            <[_; 7]>::try_from(row).ok()?;
        let place = place?;
        let on = match kind?.as_str() {
            "DATABASE" => Place::Database(place),
            "SCHEMA" => Place::Schema(place),
            "TABLES" => Place::Tables {
                schema: place,
                count: count?,
                example: example?,
            },
            _ => return None,
        };
        let privileges = privileges?;
        let known = |word| PRIVILEGES.into_iter().find(|known| *known == word);
        Some(Self {
            on,
            privileges: privileges.split(',').filter_map(known).collect(),
            may_hand_on: is_true(may_hand_on.as_ref()),
            role,
        })
    }
}

impl FileFunction {
    fn of(row: Row) -> Option<Self> {
        let [name, arguments, role] = <[_; 3]>::try_from(row).ok()?;
        // They get into a statement, and nothing but types may.
        let is_of_types = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | ',');
        Some(Self {
            name: name?,
            arguments: arguments.filter(|all| all.chars().all(is_of_types))?,
            role,
        })
    }
}

impl OpenLine {
    fn of(row: Row) -> Option<Self> {
        let [number, kind, address, method] = <[_; 4]>::try_from(row).ok()?;
        Some(Self {
            number: number?,
            kind: kind?,
            address: address?,
            method: method?,
        })
    }
}

/// A boolean in the text protocol.
fn is_true(column: Option<&String>) -> bool {
    column.is_some_and(|text| text == "t")
}
