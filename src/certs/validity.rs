//! From when to when a certificate counts: [`Validity`].

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;

use crate::tls::facts::seconds_since_epoch;

const DAY: i64 = 86_400;

/// Certificates begin an hour in the past: the clocks of those who verify them may be slow.
const BACKDATED: i64 = 3_600;

/// From when to when, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    from: i64,
    until: i64,
}

impl Validity {
    /// So many days from now.
    pub(super) fn days(days: u32) -> Self {
        Self::days_from(seconds_now(), days)
    }

    fn days_from(now: i64, days: u32) -> Self {
        Self {
            from: now - BACKDATED,
            until: now + i64::from(days) * DAY,
        }
    }

    /// The same, but not beyond another end; and whether that made it shorter.
    pub(super) fn capped(self, end: &Asn1TimeRef) -> (Self, bool) {
        let end = seconds_since_epoch(end).unwrap_or(i64::MIN);
        let until = self.until.min(end);
        (Self { until, ..self }, until < self.until)
    }

    pub(super) fn not_before(self) -> Result<Asn1Time, ErrorStack> {
        Asn1Time::from_unix(self.from)
    }

    pub(super) fn not_after(self) -> Result<Asn1Time, ErrorStack> {
        Asn1Time::from_unix(self.until)
    }
}

/// Whether a certificate's time is over, and whether it has not begun.
pub(super) fn is_over(end: &Asn1TimeRef) -> bool {
    seconds_since_epoch(end).is_none_or(|end| end < seconds_now())
}

/// Whether a certificate's time has not begun.
pub(super) fn is_to_come(begin: &Asn1TimeRef) -> bool {
    seconds_since_epoch(begin).is_none_or(|begin| begin > seconds_now())
}

/// The days from a beginning to an end, the hour before the first not counted.
pub(crate) fn days_between(begin: &Asn1TimeRef, end: &Asn1TimeRef) -> u32 {
    let seconds = seconds_since_epoch(begin)
        .zip(seconds_since_epoch(end))
        .map_or(0, |(begin, end)| end.saturating_sub(begin));
    u32::try_from(seconds.div_euclid(DAY)).unwrap_or(0)
}

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_certificate_begins_an_hour_ago_and_ends_after_its_days_or_with_its_ca() {
        let validity = Validity::days_from(1_000_000, 10);
        assert_eq!(
            validity,
            Validity {
                from: 996_400,
                until: 1_864_000
            }
        );
        let end = |seconds| Asn1Time::from_unix(seconds).unwrap();
        assert_eq!(validity.capped(&end(1_864_000)), (validity, false));
        let (capped, is_capped) = validity.capped(&end(1_863_999));
        assert_eq!((capped.until, is_capped), (1_863_999, true));
        let (from, until) = (
            validity.not_before().unwrap(),
            validity.not_after().unwrap(),
        );
        assert_eq!(days_between(&from, &until), 10);
    }
}
