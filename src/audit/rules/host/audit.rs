//! Rules about the audit itself.

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;

pub(in crate::audit::rules) const RULES: &[Rule] = &[INCOMPLETE];

const INCOMPLETE: Rule = Rule {
    id: "host-audit-incomplete",
    title: "part of the audit could not be done",
    severity: Severity::Medium,
    also: &[],
    why: "What was not looked at has no findings, which is no sign that nothing is the matter. A server, or somebody \
          in between, that does not answer must not pass for a safe one.",
    fix: "Let the server answer the account, or look at what is missing by hand and suppress this until then.",
    look: incomplete,
};

fn incomplete(seen: &Evidence<'_>) -> Vec<Observation> {
    if seen.remarks.is_empty() {
        return Vec::new();
    }
    let fix = "find out why the server does not answer, or look at it by hand as an administrator; then audit again";
    vec![Observation::new(seen.remarks.join("; "), fix)]
}

#[cfg(test)]
mod tests {
    use super::INCOMPLETE;
    use crate::audit::fixtures::{VARIABLES, looked};

    #[test]
    fn what_could_not_be_looked_at_is_one_finding_with_all_of_it() {
        assert_eq!(looked(&INCOMPLETE, &VARIABLES, |_| {}), []);
        let found = looked(&INCOMPLETE, &VARIABLES, |seen| {
            seen.remarks = vec!["no roles".to_owned(), "no clock".to_owned()];
        });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence, "no roles; no clock");
    }
}
