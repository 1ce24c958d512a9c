//! The server's certificate below its TLS stage.

use std::io;

use super::super::printer::Paint;
use super::{Text, Verbosity};
use crate::check::{TargetReport, TlsReport};
use crate::tls::CertificateFacts;

/// Names of a certificate that are shown unless more is asked for.
const NAMES_SHOWN: usize = 6;

impl Text<'_, '_> {
    /// What was seen of TLS. What a certificate says that nobody vouched for is marked as such.
    pub(super) fn tls(&mut self, target: &TargetReport) -> io::Result<()> {
        let Some(tls) = target.tls() else {
            return Ok(());
        };
        if self.verbosity == Verbosity::Quiet {
            return Ok(());
        }
        if let Some(certificate) = &tls.certificate {
            let trust = if tls.verified {
                ""
            } else {
                "  (not verified: only what the server claims)"
            };
            self.fact("certificate", &format!("{}{trust}", certificate.subject))?;
            self.certificate(certificate)?;
            self.chain(tls)?;
        }
        Ok(())
    }

    fn certificate(&mut self, certificate: &CertificateFacts) -> io::Result<()> {
        self.fact("issued by", &certificate.issuer)?;
        self.fact("names", &self.names(certificate))?;
        self.fact("valid", &validity(certificate))?;
        if self.verbosity == Verbosity::Verbose {
            self.fact(
                "key",
                &format!("{}, signed {}", certificate.key, certificate.signature),
            )?;
            self.fact("spki", &format!("sha256/{}", certificate.spki_sha256))?;
        }
        Ok(())
    }

    /// The names, all of them only when asked for: some certificates carry hundreds.
    fn names(&self, certificate: &CertificateFacts) -> String {
        let names = &certificate.names;
        let shown = match self.verbosity {
            Verbosity::Verbose => names.len(),
            _ => names.len().min(NAMES_SHOWN),
        };
        match (names.len(), names.len() - shown) {
            (0, _) => "none".to_owned(),
            (_, 0) => names.join(", "),
            (_, hidden) => format!("{} and {hidden} more", names[..shown].join(", ")),
        }
    }

    /// The certificates besides the server's own: those it sent, and those known beforehand.
    fn chain(&mut self, tls: &TlsReport) -> io::Result<()> {
        if self.verbosity != Verbosity::Verbose {
            return Ok(());
        }
        let own = tls.certificate.as_ref();
        for other in tls.chain.iter().filter(|other| Some(*other) != own) {
            let from = if tls.from_store.contains(other) {
                "trust store"
            } else {
                "sent along"
            };
            self.fact(from, &other.subject)?;
            self.certificate(other)?;
        }
        Ok(())
    }

    fn fact(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.printer.put(Paint::Plain, self.layout.indent)?;
        self.printer.put(Paint::Faint, &format!("{name:<13}"))?;
        self.printer.put(Paint::Plain, value)?;
        self.printer.end()
    }
}

/// From when to when, and how long that still is.
pub(in crate::cli) fn validity(certificate: &CertificateFacts) -> String {
    let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
    let left = days_left(certificate.days_left);
    format!(
        "{} to {}, {left}",
        day(&certificate.not_before),
        day(&certificate.not_after)
    )
}

/// The days are rounded down: 0 is the last day, -1 the first one on which it was over.
pub(in crate::cli) fn days_left(days: i64) -> String {
    match days {
        -1 => "expired less than a day ago".to_owned(),
        -2 => "expired 1 day ago".to_owned(),
        days if days < 0 => format!("expired {} days ago", days.unsigned_abs() - 1),
        0 => "less than a day left".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    }
}

#[cfg(test)]
mod tests {
    use super::days_left;

    #[test]
    fn days_left_are_told_from_both_sides_of_the_end() {
        for (days, expected) in [
            (-31, "expired 30 days ago"),
            (-2, "expired 1 day ago"),
            (-1, "expired less than a day ago"),
            (0, "less than a day left"),
            (1, "1 day left"),
            (89, "89 days left"),
            (i64::MIN, "expired 9223372036854775807 days ago"),
        ] {
            assert_eq!(days_left(days), expected);
        }
    }
}
