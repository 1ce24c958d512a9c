//! Every rule there is: [`all`].

mod account;
mod certificates;
mod host;
mod link;
mod readers;

use super::rule::Rule;

/// Every rule, those about one thing together.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        link::RULES,
        account::powers::RULES,
        account::rights::RULES,
        account::password::RULES,
        account::password_file::RULES,
        account::reach::RULES,
        host::audit::RULES,
        host::machine::RULES,
        host::server::RULES,
        host::services::RULES,
    ]
    .into_iter()
    .chain(certificates::RULES)
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::all;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_says_why_and_what_to_do() {
        let mut names = HashSet::new();
        for rule in all() {
            assert!(names.insert(rule.id), "{} is there twice", rule.id);
            let (about, _) = rule.id.split_once('-').unwrap_or_default();
            assert!(
                ["link", "cert", "account", "host"].contains(&about),
                "{}",
                rule.id
            );
            assert!(!rule.title.ends_with('.'), "{}", rule.id);
            for page in [rule.why, rule.fix] {
                assert!(page.ends_with('.') && page.len() > 20, "{}", rule.id);
            }
        }
    }
}
