//! An audit by the command itself, and its report.

use serde_json::Value;

use crate::support::{Outcome, Variables, wa_db};

/// What an audit of one role said.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) code: i32,
    pub(super) json: Value,
}

/// `wa-db audit` for the webapp.
pub(super) fn audit(variables: &Variables) -> Report {
    audit_as("webapp", variables, &[])
}

/// The same for either role, with further arguments.
pub(super) fn audit_as(role: &str, variables: &Variables, arguments: &[&str]) -> Report {
    let arguments = [&["audit", "--role", role, "--format", "json"], arguments].concat();
    Report::of(&wa_db(&arguments, variables))
}

impl Report {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let json = outcome.json();
        assert_eq!(json["exit_code"], outcome.code, "{outcome:?}");
        assert_eq!(json["ok"], outcome.code == 0, "{outcome:?}");
        Self {
            code: outcome.code,
            json,
        }
    }

    /// Every finding of every target.
    pub(super) fn findings(&self) -> Vec<&Value> {
        let targets = self.json["targets"].as_array().expect("targets");
        let findings = targets.iter().map(|target| target["findings"].as_array());
        findings
            .flat_map(|findings| findings.expect("findings"))
            .collect()
    }

    /// What a rule found, if it did.
    pub(super) fn found(&self, id: &str) -> Option<&Value> {
        let mut findings = self.findings().into_iter();
        findings.find(|finding| finding["id"] == id)
    }

    /// What a rule found: severity and evidence.
    #[track_caller]
    pub(super) fn finding(&self, id: &str) -> (&str, &str) {
        let Some(finding) = self.found(id) else {
            panic!("{id} found nothing: {:#}", self.json);
        };
        let text = |field: &str| finding[field].as_str().expect("a text");
        assert!(
            !text("why").is_empty() && !text("fix").is_empty(),
            "{finding}"
        );
        (text("severity"), text("evidence"))
    }

    /// Fails if the rule found something, or if the server was not looked at to the end.
    #[track_caller]
    pub(super) fn lacks(&self, id: &str) {
        for target in self.json["targets"].as_array().expect("targets") {
            assert!(target["error"].is_null(), "{:#}", self.json);
        }
        assert!(self.found(id).is_none(), "{id}: {:#}", self.json);
    }
}
