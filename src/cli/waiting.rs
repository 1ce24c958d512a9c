//! What a check under `--wait` waits for, in lines on stderr: [`Waiter`].

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::time::Duration;

use super::printer::{self, Paint, Printer};
use crate::check::{Progress, Waiting};
use crate::code::ErrorCode;

/// Tells why a check is not done yet, each time that the reason changes, and when it gave up.
pub(super) struct Waiter {
    /// Whether reasons are told as they come. On a terminal the indicator shows what goes on.
    at_once: bool,
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    reason: Option<(String, ErrorCode)>,
    endings: Vec<String>,
}

impl Waiter {
    /// A waiter on stderr; `quiet` leaves the end alone.
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            at_once: !quiet && !io::stderr().is_terminal(),
            seen: RefCell::default(),
        }
    }

    /// Looks at what the check is doing.
    pub(super) fn show(&self, progress: &Progress) {
        if let Some(line) = self.line(progress).filter(|_| self.at_once) {
            printer::to_stderr(|printer| note(printer, &line));
        }
    }

    /// Tells which waits were in vain.
    pub(super) fn finish(self) {
        let endings = self.seen.into_inner().endings;
        printer::to_stderr(|printer| endings.iter().try_for_each(|line| note(printer, line)));
    }

    /// What to tell at once. What belongs to the end is kept for that.
    fn line(&self, progress: &Progress) -> Option<String> {
        let who = match &progress.endpoint {
            Some(endpoint) => format!("{} {endpoint}", progress.role),
            None => progress.role.to_string(),
        };
        let mut seen = self.seen.borrow_mut();
        match progress.waiting? {
            Waiting::Retries { code, left } => {
                let reason = Some((who.clone(), code));
                if seen.reason == reason {
                    return None;
                }
                seen.reason = reason;
                let (stage, left) = (progress.stage, seconds(left));
                Some(format!(
                    "{who}: {code} in stage {stage}; trying again for up to {left}"
                ))
            }
            Waiting::GaveUp { after } => {
                let (attempts, after) = (progress.attempt, seconds(after));
                let plural = if attempts == 1 { "" } else { "s" };
                seen.endings.push(format!(
                    "{who}: gave up after {after}, {attempts} attempt{plural}"
                ));
                None
            }
        }
    }
}

fn note(printer: &mut Printer<'_>, line: &str) -> io::Result<()> {
    printer.labelled("", Paint::Strong, "note", line)
}

/// `0.5 s`, `60 s`.
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{:.0} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Stage;
    use crate::endpoint::{Endpoint, Host};
    use crate::settings::Role;

    #[test]
    fn a_reason_is_told_when_it_changes_and_the_end_with_its_attempts() {
        let waiter = Waiter {
            at_once: false,
            seen: RefCell::default(),
        };
        let line = |attempt, waiting| {
            waiter.line(&Progress {
                role: Role::Webapp,
                endpoint: Some(Endpoint::new(Host::Name("db".to_owned()), 1)),
                stage: Stage::Connect,
                attempt,
                waiting,
            })
        };
        let retries = |code| {
            let left = Duration::from_secs(60);
            Some(Waiting::Retries { code, left })
        };
        assert_eq!(line(1, None), None);
        assert_eq!(
            line(1, retries(ErrorCode::ConnectionRefused)).as_deref(),
            Some("webapp db:1: connection_refused in stage connect; trying again for up to 60 s")
        );
        assert_eq!(line(2, retries(ErrorCode::ConnectionRefused)), None);
        assert!(line(3, retries(ErrorCode::Timeout)).is_some());
        let after = Duration::from_millis(1500);
        assert_eq!(line(14, Some(Waiting::GaveUp { after })), None);
        assert_eq!(
            waiter.seen.into_inner().endings,
            ["webapp db:1: gave up after 1.5 s, 14 attempts"]
        );
    }
}
