//! What a rule is: [`Rule`], and what it sees: [`Observation`].

use super::evidence::Evidence;
use super::severity::Severity;

/// One thing that an audit looks for.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The rule's name, which stays the same for good: `link-verification-off`. Its first word is
    /// what it is about: `link`, `cert`, `account` or `host`.
    pub id: &'static str,
    /// What is the matter where it finds something: lower case, no full stop.
    pub title: &'static str,
    /// How bad that is, unless a finding says otherwise.
    pub severity: Severity,
    /// The other severities that a finding may have.
    pub(super) also: &'static [Severity],
    /// Why it matters, in full sentences.
    pub why: &'static str,
    /// What to do about it in general, in full sentences; a finding has the exact words.
    pub fix: &'static str,
    /// Looks for it.
    pub(super) look: fn(&Evidence<'_>) -> Vec<Observation>,
}

impl Rule {
    /// Every severity that a finding of it may have, the least first.
    pub fn severities(&self) -> Vec<Severity> {
        let has = |severity: &Severity| *severity == self.severity || self.also.contains(severity);
        Severity::ALL.into_iter().filter(has).collect()
    }
}

/// What a rule saw: the evidence for it and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Observation {
    /// What was seen. Never holds a secret.
    pub(super) evidence: String,
    /// The variable to set, the statement to run or the command to give.
    pub(super) fix: String,
    /// How bad it is, where that is not what the rule says.
    pub(super) severity: Option<Severity>,
}

impl Observation {
    /// Something that is as bad as its rule says.
    pub(super) fn new(evidence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            evidence: evidence.into(),
            fix: fix.into(),
            severity: None,
        }
    }

    /// The same, with a severity of its own.
    #[must_use]
    pub(super) fn at(self, severity: Severity) -> Self {
        Self {
            severity: Some(severity),
            ..self
        }
    }
}
