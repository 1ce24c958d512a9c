//! Which reports were sent of late, so that each is sent once an interval: [`Recent`].

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::breach::Key;

/// How long a violation that was reported is not reported again.
pub(super) const INTERVAL: Duration = Duration::from_secs(3600);
/// How many violations are reported in an interval. Whoever answers in the server's place can
/// show another certificate each time, and must be able to fill neither memory nor a disk.
pub(super) const LIMIT: usize = 64;

/// The violations reported in the last interval.
#[derive(Debug, Default)]
pub(super) struct Recent(HashMap<Key, Instant>);

/// Whether to report a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// It was not reported of late.
    New,
    /// It was.
    Repeated,
    /// It was not, but so many others were that it is not either.
    OneTooMany,
}

impl Recent {
    /// Looks a violation up, and notes it if it is new.
    pub(super) fn note(&mut self, key: Key) -> Novelty {
        let now = Instant::now();
        self.0
            .retain(|_, reported| now.duration_since(*reported) < INTERVAL);
        if self.0.contains_key(&key) {
            Novelty::Repeated
        } else if self.0.len() >= LIMIT {
            Novelty::OneTooMany
        } else {
            self.0.insert(key, now);
            Novelty::New
        }
    }

    /// Forgets a violation whose report came nowhere: the next one like it is new.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;
    use wa_db_lab::pki::Ca;

    use super::*;
    use crate::code::ErrorCode;
    use crate::wire::report::fixtures;

    fn key(code: ErrorCode, enforced: bool) -> Key {
        fixtures::report(&Ca::root("Lab CA"), code, enforced)
            .0
            .key()
    }

    #[tokio::test(start_paused = true)]
    async fn a_violation_is_new_once_an_interval() {
        let mut recent = Recent::default();
        let one = key(ErrorCode::PinMismatch, true);
        assert_eq!(recent.note(one.clone()), Novelty::New);
        advance(INTERVAL.saturating_sub(Duration::from_secs(1))).await;
        assert_eq!(recent.note(one.clone()), Novelty::Repeated);
        advance(Duration::from_secs(1)).await;
        assert_eq!(recent.note(one.clone()), Novelty::New);
        assert_eq!(recent.note(one.clone()), Novelty::Repeated);
        recent.forget(&one);
        assert_eq!(recent.note(one), Novelty::New);
    }

    #[tokio::test(start_paused = true)]
    async fn another_code_another_certificate_or_another_consequence_is_another_violation() {
        let mut recent = Recent::default();
        let ca = Ca::root("Lab CA");
        let (report, _) = fixtures::report(&ca, ErrorCode::PinMismatch, true);
        let mut reports = vec![report.key()];
        for code in [ErrorCode::CertificateExpired, ErrorCode::PinMismatch] {
            let (mut other, _) = fixtures::report(&ca, code, true);
            if code != ErrorCode::PinMismatch {
                other.breach.served = report.breach.served.clone();
            }
            reports.push(other.key());
        }
        let (mut other, _) = fixtures::report(&ca, ErrorCode::PinMismatch, false);
        other.breach.served = report.breach.served.clone();
        reports.push(other.key());
        for key in reports {
            assert_eq!(recent.note(key), Novelty::New);
        }
        assert_eq!(recent.note(report.key()), Novelty::Repeated);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_shows_ever_new_certificates_is_reported_so_many_times_only() {
        let mut recent = Recent::default();
        let ca = Ca::root("Lab CA");
        let fresh = || fixtures::report(&ca, ErrorCode::PinMismatch, true).0.key();
        for _ in 0..LIMIT {
            assert_eq!(recent.note(fresh()), Novelty::New);
        }
        assert_eq!(recent.note(fresh()), Novelty::OneTooMany);
        advance(INTERVAL).await;
        assert_eq!(recent.note(fresh()), Novelty::New);
    }
}
