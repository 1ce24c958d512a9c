//! What may be wrong with a file: [`Rules`].

use std::path::Path;

use openssl::x509::{X509, X509Ref, X509VerifyResult};

use super::{Held, Problem, in_a_command};
use crate::certs::authority::is_ca;
use crate::certs::sign::{Purpose, Question};
use crate::certs::validity::{days_between, is_over, is_to_come};
use crate::code::ErrorCode;
use crate::tls::facts::{key_kind, one_line, rfc3339};
use crate::tls::{CertificateFacts, Digest, MAX_LEAF_DAYS, PublicKey, verdict};

/// Fewer days than this are warned of.
const SOON: i64 = 30;

/// What a file is held to.
pub(super) struct Rules<'a> {
    pub(super) trusted: &'a [X509],
    pub(super) min_days: u32,
    pub(super) held: &'a [Held],
}

impl Rules<'_> {
    /// What is wrong with a file. `key_file` holds the key of its first certificate, and its own key belongs
    /// to `certificate_files`.
    pub(super) fn of(
        &self,
        file: &Held,
        key_file: Option<&Held>,
        certificate_files: &[String],
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for certificate in &file.certificates {
            problems.extend(self.time(file, certificate));
            problems.extend(weakness(certificate));
        }
        if let Some(leaf) = file.certificates.first().filter(|first| !is_ca(first)) {
            problems.extend(self.chain(leaf, &file.certificates[1..]));
            problems.extend(names(leaf));
            problems.extend(long(file, leaf));
            if key_file.is_none() {
                problems.push(self.without_key(file));
            }
        }
        if file.key.is_some() && certificate_files.is_empty() {
            problems.push(Problem::warning(
                "key_unused",
                "no certificate here is for this key",
                "keep it if it is a backup key whose pin is set; delete it if it is an old one",
            ));
        }
        problems
    }

    fn time(&self, file: &Held, certificate: &X509Ref) -> Option<Problem> {
        let subject = called(certificate);
        let next = if is_ca(certificate) {
            "make a new CA with: wa-db certs init --force, then issue all certificates anew"
                .to_owned()
        } else {
            format!(
                "run: wa-db certs renew --dir DIR {}; DIR is where the CA is kept",
                in_a_command(&file.path)
            )
        };
        if is_over(certificate.not_after()) {
            let ended = rfc3339(certificate.not_after());
            let message = format!("{subject} expired at {ended}");
            return Some(Problem::wrong(
                ErrorCode::CertificateExpired.as_str(),
                message,
                next,
            ));
        }
        if is_to_come(certificate.not_before()) {
            let begins = rfc3339(certificate.not_before());
            return Some(Problem::wrong(
                ErrorCode::CertificateNotYetValid.as_str(),
                format!("{subject} is not valid before {begins}"),
                "check the clock of this machine and of the one that issued it",
            ));
        }
        let left = CertificateFacts::of(certificate).days_left;
        let code = "certificate_expires";
        if left < i64::from(self.min_days) {
            let message = format!(
                "{subject} has {left} days left, fewer than {}",
                self.min_days
            );
            return Some(Problem::wrong(code, message, next));
        }
        (left < SOON)
            .then(|| Problem::warning(code, format!("{subject} has {left} days left"), next))
    }

    fn chain(&self, leaf: &X509Ref, sent: &[X509]) -> Option<Problem> {
        let timely = !is_over(leaf.not_after()) && !is_to_come(leaf.not_before());
        if self.trusted.is_empty() || !timely {
            // Told already.
            return None;
        }
        let Some(purpose) = Purpose::only(leaf) else {
            return Some(Problem::warning(
                "certificate_purpose_unclear",
                "it is neither for servers alone nor for clients alone",
                "issue one for each purpose with: wa-db certs issue",
            ));
        };
        let question = Question {
            leaf,
            sent,
            trusted: self.trusted,
            partial: false,
            purpose,
        };
        let (code, reason) = match question.answer() {
            Ok(X509VerifyResult::OK) => return None,
            Ok(result) => (verdict::of_result(result), result.error_string().to_owned()),
            Err(error) => (ErrorCode::CertificateUntrusted, error.to_string()),
        };
        Some(Problem::wrong(
            code.as_str(),
            format!("it does not lead to the CA: {reason}"),
            "issue it anew by this CA, or name the CA that did issue it with --ca",
        ))
    }

    /// A namesake that holds another key is what a half-done replacement looks like.
    fn without_key(&self, file: &Held) -> Problem {
        let stem = Path::new(&file.name).file_stem();
        let namesake = self.held.iter().find(|other| {
            other.name != file.name
                && other.key.is_some()
                && Path::new(&other.name).file_stem() == stem
        });
        match namesake {
            Some(key) => Problem::wrong(
                ErrorCode::KeyMismatch.as_str(),
                format!("{} is not its key", key.name),
                "put back the key that it was issued for, or issue both anew with: wa-db certs issue --force",
            ),
            None => Problem::warning(
                "key_elsewhere",
                "its key is not here",
                "nothing is wrong with that where the key lies on the machine that uses it",
            ),
        }
    }
}

/// Its subject; one that is for addresses alone has none.
fn called(certificate: &X509Ref) -> String {
    match one_line(certificate.subject_name()) {
        nothing if nothing.is_empty() => "it".to_owned(),
        subject => subject,
    }
}

fn names(leaf: &X509Ref) -> Option<Problem> {
    let is_nameless = leaf
        .subject_alt_names()
        .is_none_or(|names| names.is_empty());
    (Purpose::only(leaf) == Some(Purpose::Server) && is_nameless).then(|| {
        Problem::wrong(
            ErrorCode::HostnameMismatch.as_str(),
            "it is for a server and carries no host names",
            "issue one with: wa-db certs issue server --name HOST",
        )
    })
}

fn long(file: &Held, leaf: &X509Ref) -> Option<Problem> {
    let days = days_between(leaf.not_before(), leaf.not_after());
    (days > MAX_LEAF_DAYS).then(|| {
        Problem::warning(
            "certificate_long",
            format!("it is valid for {days} days: renewal is not practised that way"),
            format!(
                "run: wa-db certs renew --dir DIR --days 397 {}; DIR is where the CA is kept; up to {MAX_LEAF_DAYS} days are usual",
                in_a_command(&file.path)
            ),
        )
    })
}

/// Keys and signatures that can be broken, or will be while the certificate lasts.
fn weakness(certificate: &X509Ref) -> Option<Problem> {
    let what = weak_key(certificate).or_else(|| weak_signature(certificate))?;
    Some(Problem::wrong(
        "certificate_weak",
        format!("{} has {what}", called(certificate)),
        "make it anew with a new key: wa-db certs issue --force, or init --force for a CA",
    ))
}

fn weak_key(certificate: &X509Ref) -> Option<String> {
    let Ok(key) = certificate.public_key() else {
        return Some("a key that cannot be read".to_owned());
    };
    PublicKey::of(certificate)
        .is_weak()
        .then(|| format!("a weak key, {}", key_kind(&key)))
}

fn weak_signature(certificate: &X509Ref) -> Option<String> {
    let over = match Digest::of(certificate) {
        Digest::Md5 => "MD5 or older",
        Digest::Sha1 => "SHA-1",
        Digest::Sound => return None,
    };
    let algorithm = certificate.signature_algorithm().object().nid();
    let name = algorithm.long_name().unwrap_or("unknown");
    Some(format!("a weak signature over {over}, {name}"))
}
