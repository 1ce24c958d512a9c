//! Findings that somebody decided to live with, for a reason and until a day: [`Suppressions`].

mod read;

use std::fmt;
use std::path::{Path, PathBuf};

use time::{Date, Month};

use super::report::{AuditTarget, Finding, Suppressed};
use crate::settings::{Role, SettingsError};

/// What a file of suppressions says. Without a file: nothing.
///
/// The file is TOML, one table for each:
///
/// ```toml
/// [[suppress]]
/// id = "link-name-override"        # a rule, as `wa-db audit --list` names it
/// reason = "the provider's certificate has one name for all customers"
/// until = 2027-03-31               # the last day on which it counts, in UTC
/// role = "webapp"                  # may be left out: both roles
/// endpoint = "db.lab:5432"         # may be left out: every server; with its port, as reports name it
/// ```
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    file: PathBuf,
    entries: Vec<Suppression>,
}

/// One table of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Suppression {
    line: usize,
    id: &'static str,
    reason: String,
    until: Day,
    role: Option<Role>,
    endpoint: Option<String>,
}

/// A day of the calendar, written as `2027-03-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Day(Date);

impl Suppressions {
    /// Reads a file. `--suppressions` is what names it.
    ///
    /// # Errors
    /// The file cannot be read, or something in it has no meaning; every fault at once, each with its
    /// line.
    pub fn read(file: &Path) -> Result<Self, SettingsError> {
        read::read(file).map_err(SettingsError::new)
    }

    /// Marks the findings that are suppressed on this day. Returns what is to be known of the file:
    /// suppressions that have ended come back, and some match nothing any more.
    pub(super) fn apply(&self, targets: &mut [AuditTarget], today: Date) -> Vec<String> {
        let (ended, good): (Vec<_>, Vec<_>) =
            self.entries.iter().partition(|entry| entry.until.0 < today);
        let mut matched = vec![false; self.entries.len()];
        for target in &mut *targets {
            let (role, endpoint) = (target.role, target.endpoint.clone());
            for finding in &mut target.findings {
                let fits = |entry: &&&Suppression| entry.fits(finding, role, endpoint.as_deref());
                if let Some(entry) = good.iter().find(fits) {
                    finding.suppressed = Some(entry.suppressed());
                }
                for (entry, matched) in self.entries.iter().zip(&mut matched) {
                    *matched |= entry.fits(finding, role, endpoint.as_deref());
                }
            }
        }
        let is_complete = targets.iter().all(|target| target.error.is_none());
        let looked_at = |role: Role| targets.iter().any(|target| target.role == role);
        let mut notes = Vec::new();
        for (entry, matched) in self.entries.iter().zip(matched) {
            let has_ended = ended.contains(&entry);
            let what = match (has_ended, matched) {
                (true, true) => format!(
                    "ended on {}, and what it was for is still there",
                    entry.until
                ),
                (true, false) => format!("ended on {}: take it out", entry.until),
                // What was not looked at may still be there.
                (false, false) if is_complete && entry.role.is_none_or(looked_at) => {
                    "matches nothing: take it out".to_owned()
                }
                (false, _) => continue,
            };
            notes.push(format!(
                "{}, line {}: the suppression of {} {what}",
                self.file.display(),
                entry.line,
                entry.id
            ));
        }
        notes
    }
}

impl Suppression {
    fn fits(&self, finding: &Finding, role: Role, endpoint: Option<&str>) -> bool {
        let is_there = |wanted: &String| {
            endpoint.is_some_and(|endpoint| endpoint.eq_ignore_ascii_case(wanted))
        };
        self.id == finding.id
            && self.role.is_none_or(|wanted| wanted == role)
            && self.endpoint.as_ref().is_none_or(is_there)
    }

    fn suppressed(&self) -> Suppressed {
        Suppressed {
            reason: self.reason.clone(),
            until: self.until.to_string(),
        }
    }
}

impl Day {
    /// A day that there is.
    fn of(year: i32, month: u8, day: u8) -> Option<Self> {
        let month = Month::try_from(month).ok()?;
        Date::from_calendar_date(year, month, day).ok().map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::audit::fixtures::target;

    const TODAY: (i32, u8, u8) = (2027, 3, 31);

    /// A suppression by its place in the file.
    fn entry(line: usize, id: &'static str, until: (i32, u8, u8)) -> Suppression {
        Suppression {
            line,
            id,
            reason: "a reason".to_owned(),
            until: Day::of(until.0, until.1, until.2).unwrap(),
            role: None,
            endpoint: None,
        }
    }

    /// What is suppressed of the findings of two roles, and the notes.
    fn applied(entries: Vec<Suppression>) -> (Vec<(Role, &'static str)>, Vec<String>) {
        let file = PathBuf::from("s.toml");
        let suppressions = Suppressions { file, entries };
        let mut targets = [
            target(
                Role::Webapp,
                "a:5432",
                &["link-no-pins", "link-tls-version"],
            ),
            target(Role::Coreapp, "b:5432", &["link-no-pins"]),
        ];
        let today = Day::of(TODAY.0, TODAY.1, TODAY.2).unwrap().0;
        let notes = suppressions.apply(&mut targets, today);
        let mut suppressed = Vec::new();
        for target in &targets {
            for finding in &target.findings {
                if finding.suppressed.is_some() {
                    suppressed.push((target.role, finding.id));
                }
            }
        }
        (suppressed, notes)
    }

    #[test]
    fn a_suppression_counts_up_to_and_on_its_last_day() {
        for (until, counts) in [
            ((2027, 3, 31), true),
            ((2027, 4, 1), true),
            ((2027, 3, 30), false),
        ] {
            let (suppressed, notes) = applied(vec![entry(3, "link-tls-version", until)]);
            assert_eq!(suppressed.len(), usize::from(counts), "{until:?}");
            let expected = "s.toml, line 3: the suppression of link-tls-version ended on 2027-03-30, and what it was for is still there";
            let expected: &[&str] = if counts { &[] } else { &[expected] };
            assert_eq!(notes, expected, "{until:?}");
        }
    }

    #[test]
    fn role_and_endpoint_narrow_what_is_suppressed() {
        use Role::{Coreapp, Webapp};
        let good = |role, endpoint: Option<&str>| Suppression {
            role,
            endpoint: endpoint.map(str::to_owned),
            ..entry(1, "link-no-pins", TODAY)
        };
        for (entry, roles) in [
            (good(None, None), &[Webapp, Coreapp][..]),
            (good(Some(Coreapp), None), &[Coreapp]),
            (good(None, Some("A:5432")), &[Webapp]),
            (good(Some(Coreapp), Some("a:5432")), &[]),
            (good(None, Some("a")), &[]),
        ] {
            let (suppressed, notes) = applied(vec![entry.clone()]);
            let seen: Vec<_> = suppressed.iter().map(|(role, _)| *role).collect();
            assert_eq!(seen, roles, "{entry:?}");
            assert_eq!(notes.is_empty(), !roles.is_empty(), "{notes:?}");
            if let Some(note) = notes.first() {
                assert!(
                    note.ends_with("link-no-pins matches nothing: take it out"),
                    "{note}"
                );
            }
        }
    }

    #[test]
    fn what_was_not_looked_at_is_not_said_to_be_gone() {
        let file = PathBuf::from("s.toml");
        let of_coreapp = Suppression {
            role: Some(Role::Coreapp),
            ..entry(1, "link-no-pins", TODAY)
        };
        let today = Day::of(TODAY.0, TODAY.1, TODAY.2).unwrap().0;
        let mut webapp = [target(Role::Webapp, "a:5432", &[])];
        let suppressions = Suppressions {
            file,
            entries: vec![of_coreapp],
        };
        assert!(suppressions.apply(&mut webapp, today).is_empty());
    }

    #[test]
    fn one_that_ended_leaves_another_of_its_kind_in_force() {
        let entries = vec![
            entry(1, "link-tls-version", (2026, 1, 1)),
            entry(5, "link-tls-version", TODAY),
        ];
        let (suppressed, notes) = applied(entries);
        assert_eq!(suppressed, [(Role::Webapp, "link-tls-version")]);
        assert_eq!(notes.len(), 1);
    }
}
