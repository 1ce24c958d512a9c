//! A file of suppressions, read entry by entry: [`read`].

use std::net::Ipv6Addr;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Day, Suppression, Suppressions};
use crate::audit::rules;
use crate::code::ErrorCode;
use crate::endpoint::Engine;
use crate::failure::printable;
use crate::settings::{Fault, Role, nearest, read_regular};

/// What faults name as what to change.
const FLAG: &str = "--suppressions";
/// Larger files are refused: the path must be wrong.
const MAX_BYTES: u64 = 256 * 1024;
/// The longest reason.
const LONGEST: usize = 500;

/// The name of the tables, and of what is in them.
const TABLE: &str = "suppress";
const KEYS: [&str; 5] = ["id", "reason", "until", "role", "endpoint"];

/// What to do about a date that is none.
const DATE: &str = "write the last day on which it counts, such as until = 2027-03-31";

/// Reads and parses a file.
pub(super) fn read(file: &Path) -> Result<Suppressions, Vec<Fault>> {
    let content = read_regular(FLAG, file, MAX_BYTES).map_err(|fault| vec![fault])?;
    let text = String::from_utf8_lossy(&content.bytes);
    let entries =
        parse(&text).map_err(|odd| odd.iter().map(|odd| odd.fault(file)).collect::<Vec<_>>())?;
    Ok(Suppressions {
        file: file.to_owned(),
        entries,
    })
}

/// Something without meaning, and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Odd {
    line: usize,
    what: String,
    hint: String,
}

impl Odd {
    fn fault(&self, file: &Path) -> Fault {
        let (line, what) = (self.line, &self.what);
        let message = format!("{FLAG}: {}, line {line}: {what}", file.display());
        Fault::new(ErrorCode::VariableInvalid, FLAG, message, self.hint.clone())
    }
}

fn parse(text: &str) -> Result<Vec<Suppression>, Vec<Odd>> {
    let mut reader = Reader {
        text,
        odd: Vec::new(),
    };
    let entries = reader.file();
    if reader.odd.is_empty() {
        Ok(entries)
    } else {
        reader.odd.sort_by_key(|odd| odd.line);
        Err(reader.odd)
    }
}

/// A text that is being read, and what was found odd in it.
struct Reader<'t> {
    text: &'t str,
    odd: Vec<Odd>,
}

impl Reader<'_> {
    fn file(&mut self) -> Vec<Suppression> {
        let table = match DeTable::parse(self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let what = printable(error.message()).replace("\\n", ", ");
                let hint = "the file is TOML: one [[suppress]] for each, with id, reason and until";
                self.odd(error.span(), format!("this is no TOML: {what}"), hint);
                return Vec::new();
            }
        };
        let mut entries: Vec<Suppression> = Vec::new();
        for (name, value) in &table {
            let DeValue::Array(tables) = value.get_ref() else {
                self.stranger(name.get_ref(), name.span());
                continue;
            };
            if name.get_ref() != TABLE {
                self.stranger(name.get_ref(), name.span());
                continue;
            }
            for table in tables {
                if let Some(entry) = self.entry(table) {
                    self.compare(&entries, &entry);
                    entries.push(entry);
                }
            }
        }
        entries
    }

    fn entry(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Suppression> {
        let DeValue::Table(table) = value.get_ref() else {
            let hint = "write [[suppress]], and id, reason and until below it";
            self.odd(Some(value.span()), "this is no table".to_owned(), hint);
            return None;
        };
        let before = self.odd.len();
        let line = self.line(value.span().start);
        let (mut id, mut reason, mut until) = (None, None, None);
        let (mut role, mut endpoint) = (None, None);
        for (key, value) in table {
            match &**key.get_ref() {
                "id" => id = self.id(value),
                "reason" => reason = self.reason(value),
                "until" => until = self.until(value),
                "role" => role = self.role(value),
                "endpoint" => endpoint = self.endpoint(value),
                other => {
                    let hint = match nearest(other, KEYS.into_iter()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("an entry has {}", KEYS.join(", ")),
                    };
                    let what = format!("{} is not known", printable(other));
                    self.odd(Some(key.span()), what, &hint);
                }
            }
        }
        for (name, hint) in [
            ("id", "name the rule, as 'wa-db audit --list' prints it"),
            (
                "reason",
                "say why the finding may stand, for whoever reads the file next",
            ),
            ("until", DATE),
        ] {
            if !table.iter().any(|(key, _)| key.get_ref() == name) {
                let what = format!("the suppression that begins here has no {name}");
                self.odd(Some(value.span()), what, hint);
            }
        }
        if self.odd.len() > before {
            return None;
        }
        Some(Suppression {
            line,
            id: id?,
            reason: reason?,
            until: until?,
            role,
            endpoint,
        })
    }

    fn id(&mut self, value: &Spanned<DeValue<'_>>) -> Option<&'static str> {
        let written = self.words(value)?;
        let found = rules::all().find(|rule| rule.id == written);
        if found.is_none() {
            let ids: Vec<_> = rules::all().map(|rule| rule.id).collect();
            let hint = match nearest(&written, ids.into_iter()) {
                Some(near) => format!("did you mean {near}?"),
                None => "'wa-db audit --list' prints all".to_owned(),
            };
            let what = format!("there is no rule {}", printable(&written));
            self.odd(Some(value.span()), what, &hint);
        }
        found.map(|rule| rule.id)
    }

    fn reason(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let reason = self.words(value)?;
        if reason.chars().count() > LONGEST {
            let what = format!("the reason is longer than {LONGEST} characters");
            self.odd(
                Some(value.span()),
                what,
                "say it in a sentence, and link to the rest",
            );
            return None;
        }
        Some(reason)
    }

    /// A date of TOML's, or a text that is one.
    fn until(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Day> {
        let day = match value.get_ref() {
            DeValue::Datetime(moment) if moment.time.is_none() && moment.offset.is_none() => moment
                .date
                .and_then(|date| Day::of(date.year.into(), date.month, date.day)),
            DeValue::String(text) => day_of(text),
            _ => None,
        };
        if day.is_none() {
            let what = "until is no day of the calendar".to_owned();
            self.odd(Some(value.span()), what, DATE);
        }
        day
    }

    fn role(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Role> {
        let written = self.words(value)?;
        let role = [Role::Webapp, Role::Coreapp]
            .into_iter()
            .find(|role| written.eq_ignore_ascii_case(role.as_str()));
        if role.is_none() {
            let hint = "write webapp or coreapp, or leave the line out for both";
            self.odd(Some(value.span()), "this is no role".to_owned(), hint);
        }
        role
    }

    /// A server as a report names it, `db.lab:5432` or the path of a socket. One without a port is refused: which
    /// one is meant would depend on the engine and on `WA_DB_PORT`, and a suppression that matches more than
    /// somebody decided on hides what nobody has looked at.
    fn endpoint(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let written = self.words(value)?;
        if written.starts_with('/') || has_port(&written) {
            return Some(written);
        }
        if written.contains('@') {
            // It may be an address with a password in it.
            let what = "this is no endpoint".to_owned();
            self.odd(Some(value.span()), what, "write host and port alone");
            return None;
        }
        let named = printable(&written);
        let host = match written.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => named.clone(),
        };
        let [postgres, mysql] = [Engine::Postgres, Engine::MySql].map(Engine::default_port);
        let hint = format!(
            "write host and port as the report does: endpoint = \"{host}:{postgres}\" for PostgreSQL, \
             \"{host}:{mysql}\" for MySQL and MariaDB, where WA_DB_PORT names no other"
        );
        let what = format!(
            "the endpoint {named} is not host and port as reports write them, and would match nothing"
        );
        self.odd(Some(value.span()), what, &hint);
        None
    }

    /// A text with something in it, and nothing that steers a terminal.
    fn words(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::trim);
        match text {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                let what = "this must be a text, and not an empty one".to_owned();
                self.odd(Some(value.span()), what, "write it in quotes");
                None
            }
        }
    }

    /// Two of the same: one of them would be forgotten when the other is changed.
    fn compare(&mut self, entries: &[Suppression], entry: &Suppression) {
        let same = entries.iter().find(|other| {
            (other.id, other.role, &other.endpoint) == (entry.id, entry.role, &entry.endpoint)
        });
        if let Some(same) = same {
            let what = format!("{} is suppressed in line {} already", entry.id, same.line);
            self.odd.push(Odd {
                line: entry.line,
                what,
                hint: "keep one of the two, or narrow one by role or endpoint".to_owned(),
            });
        }
    }

    fn stranger(&mut self, name: &str, span: Range<usize>) {
        let what = format!("{} is not known", printable(name));
        let hint = "the file holds [[suppress]] tables and nothing else";
        self.odd(Some(span), what, hint);
    }

    fn odd(&mut self, span: Option<Range<usize>>, what: String, hint: &str) {
        let line = self.line(span.map_or(0, |span| span.start));
        self.odd.push(Odd {
            line,
            what,
            hint: hint.to_owned(),
        });
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Whether a text ends in a port. The colons of an IPv6 address stand in brackets.
fn has_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = match bracketed {
            Some(address) => is_as_written::<Ipv6Addr>(address),
            None => !host.is_empty() && !host.contains(':') && !host.ends_with('.'),
        };
        is_host && is_as_written::<u16>(port)
    })
}

/// Whether this is the one way in which a report writes it.
fn is_as_written<T: FromStr + ToString>(text: &str) -> bool {
    text.parse::<T>()
        .is_ok_and(|value| value.to_string() == text)
}

/// `2027-03-31`, digit for digit.
fn day_of(text: &str) -> Option<Day> {
    let mut parts = text.split('-');
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    parts
        .next()
        .is_none()
        .then(|| Day::of(year.into(), month, day))
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const GOOD: &str = "[[suppress]]\nid = 'link-no-pins'\nreason = 'r'\nuntil = 2027-03-31\n";

    #[test]
    fn entries_are_read_with_what_narrows_them() {
        let text = format!(
            "# decided in May\n{GOOD}\n[[suppress]]\nid = 'link-no-pins'\nreason = \" two words \"\n\
             until = \"2028-02-29\"\nrole = 'Coreapp'\nendpoint = 'db.lab:5432'\n"
        );
        let entries = parse(&text).unwrap();
        let plain = Suppression {
            line: 2,
            id: "link-no-pins",
            reason: "r".to_owned(),
            until: Day::of(2027, 3, 31).unwrap(),
            role: None,
            endpoint: None,
        };
        let narrow = Suppression {
            line: 7,
            reason: "two words".to_owned(),
            until: Day::of(2028, 2, 29).unwrap(),
            role: Some(Role::Coreapp),
            endpoint: Some("db.lab:5432".to_owned()),
            ..plain.clone()
        };
        assert_eq!(entries, [plain, narrow]);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn endpoint_stands_as_a_report_names_it() {
        for (written, is_good) in [
            ("db.lab:5432", true),
            ("10.0.0.1:3306", true),
            ("[2001:db8::1]:5432", true),
            ("/run/postgresql", true),
            ("db.lab", false),
            ("db.lab:", false),
            ("db.lab:postgres", false),
            ("db.lab:70000", false),
            (":5432", false),
            ("[2001:db8::1]", false),
            ("2001:db8::1", false),
            ("[2001:DB8:0::1]:5432", false),
            ("db.lab.:5432", false),
            ("db.lab:05432", false),
            ("db.lab:+5432", false),
        ] {
            let parsed = parse(&format!("{GOOD}endpoint = '{written}'\n"));
            assert_eq!(parsed.is_ok(), is_good, "{written}: {parsed:?}");
        }
        let address = "endpoint = 'postgres://app:hunter2@db/app'";
        let odd = parse(&format!("{GOOD}{address}\n")).unwrap_err();
        assert!(!format!("{odd:?}").contains("hunter2"), "{odd:?}");
        for (written, host) in [("db.lab", "db.lab"), ("2001:db8::1", "[2001:db8::1]")] {
            let odd = parse(&format!("{GOOD}endpoint = '{written}'\n")).unwrap_err();
            assert_eq!((odd.len(), odd[0].line), (1, 5), "{odd:?}");
            let what = format!("the endpoint {written} is not host and port");
            assert!(odd[0].what.starts_with(&what), "{odd:?}");
            let hint =
                format!("write host and port as the report does: endpoint = \"{host}:5432\"");
            assert!(odd[0].hint.starts_with(&hint), "{odd:?}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_told_with_its_line() {
        let with = |line: &str| format!("{GOOD}{line}\n");
        let dated = |until: &str| GOOD.replace("2027-03-31", until);
        for (text, line, part) in [
            (with("until_ = 1"), 5, "until_ is not known"),
            (with("role = 'both'"), 5, "this is no role"),
            (with("endpoint = ''"), 5, "not an empty one"),
            (with("endpoint = 5"), 5, "this must be a text"),
            (
                GOOD.replace("link-no-pins", "link-no-pin"),
                2,
                "there is no rule link-no-pin",
            ),
            (GOOD.replace("'r'", "'  '"), 3, "not an empty one"),
            (
                GOOD.replace("'r'", &format!("'{}'", "x".repeat(501))),
                3,
                "longer than 500",
            ),
            (GOOD.replace("id =", "#"), 1, "has no id"),
            (GOOD.replace("reason =", "#"), 1, "has no reason"),
            (GOOD.replace("until =", "#"), 1, "has no until"),
            (dated("'2027-02-29'"), 4, "no day of the calendar"),
            (dated("'27-3-1'"), 4, "no day of the calendar"),
            (dated("'2027-03-31-'"), 4, "no day of the calendar"),
            (dated("'31.03.2027'"), 4, "no day of the calendar"),
            (dated("'tomorrow'"), 4, "no day of the calendar"),
            (dated("20270331"), 4, "no day of the calendar"),
            (dated("2027-03-31T12:00:00Z"), 4, "no day of the calendar"),
            (dated("12:00:00"), 4, "no day of the calendar"),
            (dated("2027-02-29"), 4, ""),
            (dated("tomorrow"), 4, "this is no TOML"),
            (with("[other]"), 5, "other is not known"),
            (with("[[suppressed]]"), 5, "suppressed is not known"),
            ("suppress = 1".to_owned(), 1, "suppress is not known"),
            ("suppress = [1]".to_owned(), 1, "this is no table"),
            (
                format!("{GOOD}\n{GOOD}"),
                6,
                "link-no-pins is suppressed in line 1 already",
            ),
        ] {
            let odd = parse(&text).unwrap_err();
            assert_eq!(odd.len(), 1, "{text}: {odd:?}");
            assert_eq!(odd[0].line, line, "{text}: {odd:?}");
            assert!(
                odd[0].what.contains(part) && !odd[0].hint.is_empty(),
                "{odd:?}"
            );
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let text = "[[suppress]]\nid = 'nothing'\nuntil = 'soon'\n[[suppress]]\nreasn = ''\n";
        let odd = parse(text).unwrap_err();
        let lines: Vec<_> = odd.iter().map(|odd| odd.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 4, 4, 5], "{odd:?}");
        assert_eq!(odd[6].hint, "did you mean reason?");
    }

    #[test]
    fn file_of_another_kind_is_refused_and_not_shown() {
        let secret = "canary-5f1c9a";
        for text in [
            format!("WA_DB_PASSWORD={secret}\n"),
            format!("WA_DB_PASSWORD='{secret}'\n"),
            format!("{{\"password\": \"{secret}\"}}"),
            format!("-----BEGIN PRIVATE KEY-----\n{secret}\n"),
            format!("suppress = '{secret}'"),
            format!("[[suppress]]\nid = ['{secret}']\n"),
            format!("[[suppress]]\nuntil = '{secret}'\n"),
        ] {
            let odd = parse(&text).unwrap_err();
            assert!(!format!("{odd:?}").contains(secret), "{odd:?}");
        }
    }
}
