//! Whether a link is as safe as it should be: what `wa-db audit` does.
//!
//! [`gather`] looks, once: at the variables, the files, the server's chain, the session, the account
//! and this machine. [`rules`] then judge what was seen, each a small function without a connection
//! of its own, and a [`Report`](AuditReport) tells. What could not be looked at has no findings, and
//! the report says that the audit is not complete.

mod certificates;
mod evidence;
#[cfg(test)]
mod fixtures;
mod gather;
mod plan;
mod report;
mod rule;
mod rules;
mod run;
mod severity;
mod sql;
mod support_table;
mod suppressions;

pub use self::plan::{AuditPlan, LogLine, Subject};
pub use self::report::{AuditError, AuditReport, AuditTarget, Finding, Suppressed};
pub use self::rule::Rule;
pub use self::rules::all as rules;
pub use self::run::run;
pub use self::severity::Severity;
pub use self::suppressions::Suppressions;
