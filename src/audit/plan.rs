//! What an audit is asked to look at: [`AuditPlan`].

use std::path::PathBuf;

use time::Date;

pub use super::gather::machine::LogLine;
use super::severity::Severity;
use super::suppressions::Suppressions;
use crate::endpoint::Endpoint;
use crate::settings::{Environment, Role};

/// What an audit is asked to look at.
#[derive(Clone, Debug)]
pub struct AuditPlan {
    /// The services there are. Rules compare them, also those that are not looked at.
    pub subjects: Vec<Subject>,
    /// The roles to look at, of those the subjects have.
    pub roles: Vec<Role>,
    /// The servers of their lists that are passed over: nobody dials them.
    pub passed_over: Vec<Endpoint>,
    /// From which severity on a finding fails the audit.
    pub fail_on: Severity,
    /// What somebody decided to live with.
    pub suppressions: Suppressions,
    /// The day by which suppressions and the support of servers are judged, in UTC.
    pub today: Date,
    /// How the log of this process would show a text, for the rule that tries to forge a line of it.
    pub log_line: LogLine,
}

/// One role and the variables of its service.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The role.
    pub role: Role,
    /// Its variables.
    pub environment: Environment,
    /// The file that most of them are from.
    pub env_file: Option<PathBuf>,
}
