//! What a failed check means under a policy, and what a finished handshake still has to prove.

use std::sync::OnceLock;

use openssl::x509::{X509Ref, X509VerifyResult};

use super::chain::Chain;
use super::pins::{self, Compared};
use super::policy::TlsPolicy;
use super::verdict;
use crate::code::ErrorCode;
use crate::failure::Failure;
use crate::settings::{CrlStale, SecurityLevel, Verification};

/// What a failed check of OpenSSL's verification means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The handshake ends.
    Fatal,
    /// The operator switched the check off: it goes on, and what failed is told.
    SwitchedOff,
    /// Nobody asked for it.
    NotAsked,
}

/// Something that does not hold, and did not end the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The error that it would have been.
    pub code: ErrorCode,
    /// What does not hold: lower case, no full stop; names the variable.
    pub what: String,
}

/// What pins and revocation lists say of a finished handshake.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// What is only reported.
    pub(crate) violations: Vec<Violation>,
    /// What should be changed though it is no fault.
    pub(crate) warnings: Vec<String>,
    /// What ends the handshake: `pin_mismatch`.
    pub(crate) failure: Option<Failure>,
}

/// What a service was told already: once for each policy, whatever the number of connections.
#[derive(Default)]
pub(super) struct Told {
    ended_list: OnceLock<()>,
    no_backup: OnceLock<()>,
    no_list: OnceLock<()>,
    report_only: OnceLock<()>,
}

impl TlsPolicy {
    /// Judges a failed check of a certificate, given that of the CA which issued it.
    pub(crate) fn judge(
        &self,
        result: X509VerifyResult,
        certificate: Option<&X509Ref>,
        issuer: Option<&X509Ref>,
    ) -> Judgement {
        let settings = self.settings();
        // OpenSSL says the same of a list that is there and does not apply.
        if verdict::is_without_list(result)
            && let (Some(lists), Some(certificate)) = (self.lists(), certificate)
            && !lists.has_list_for(certificate, issuer)
        {
            return Judgement::NotAsked;
        }
        if verdict::is_ended_list(result) && settings.crl_stale == CrlStale::Warn {
            self.told().ended_list.get_or_init(|| {
                tracing::warn!("a revocation list of WA_DB_SSL_CRL has ended and is used all the same, as WA_DB_SSL_CRL_STALE=warn asks");
            });
            return Judgement::NotAsked;
        }
        let is_off = match settings.verification {
            Verification::Full => false,
            Verification::ChainOnly => verdict::of_result(result) == ErrorCode::HostnameMismatch,
            Verification::Off => true,
        };
        if is_off {
            Judgement::SwitchedOff
        } else {
            Judgement::Fatal
        }
    }

    /// The failure of a revocation list that cannot be used for a certificate, if that is what the
    /// result says.
    pub(crate) fn unusable_list(
        &self,
        result: X509VerifyResult,
        certificate: Option<&X509Ref>,
    ) -> Option<Failure> {
        let end = || self.lists()?.end_of(certificate?.issuer_name());
        verdict::unusable_list(result, end)
    }

    /// The failure of a handshake without common ground, for which a security level may be to blame.
    pub(crate) fn or_by_level(&self, failure: Failure) -> Failure {
        match self.settings().security_level {
            Some(level)
                if failure.code() == ErrorCode::TlsProtocol && level != SecurityLevel::Old =>
            {
                verdict::by_level(level).caused_by(failure)
            }
            _ => failure,
        }
    }

    /// Compares the pins with the certificates of a handshake that passed verification as far as the
    /// policy asks for it. `verified` is empty where nothing was verified.
    pub(crate) fn examine(&self, served: &Chain, verified: &Chain) -> Examined {
        let settings = self.settings();
        let compare = |set| pins::compare(set, settings.verification, served, verified);
        let mut examined = Examined::default();
        if settings.pins_report_only.as_ref().map(compare) == Some(Compared::Differs) {
            let what = pins::would_mismatch(served);
            self.told()
                .report_only
                .get_or_init(|| tracing::warn!("{what}"));
            examined.violations.push(Violation {
                code: ErrorCode::PinMismatch,
                what,
            });
        }
        let unlisted = self.lists().map(|lists| lists.missing(verified));
        for what in unlisted.into_iter().flatten() {
            self.told().no_list.get_or_init(|| tracing::warn!("{what}"));
            examined.warnings.push(what);
        }
        match settings.pins.as_ref().map(compare) {
            Some(Compared::Differs) => examined.failure = Some(pins::mismatch(served)),
            Some(Compared::MatchesWithoutBackup) => {
                let what = pins::no_backup();
                self.told()
                    .no_backup
                    .get_or_init(|| tracing::warn!("{what}"));
                examined.warnings.push(what);
            }
            Some(Compared::Matches) | None => {}
        }
        examined
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::stack::Stack;
    use openssl::x509::store::X509StoreBuilder;
    use openssl::x509::verify::X509VerifyFlags;
    use openssl::x509::{X509, X509StoreContext};
    use wa_db_lab::pki::{Ca, Leaf, write_file};

    use super::*;
    use crate::settings::{Environment, Role, Settings};

    /// What OpenSSL says where it has no list that it can use.
    fn without_list(leaf: &X509Ref, root: &X509) -> X509VerifyResult {
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(root.clone()).unwrap();
        store.set_flags(X509VerifyFlags::CRL_CHECK).unwrap();
        let mut context = X509StoreContext::new().unwrap();
        let none = Stack::new().unwrap();
        let verified = context.init(&store.build(), leaf, &none, |context| {
            context.verify_cert()?;
            Ok(context.error())
        });
        verified.unwrap()
    }

    #[test]
    fn no_usable_list_is_passed_over_only_where_the_ca_has_none() {
        let ca = Ca::root("judged");
        let leaf = ca.issue(&Leaf::server().dns("db.lab")).x509();
        let root = ca.as_issued().x509();
        let result = without_list(&leaf, &root);
        assert!(verdict::is_without_list(result), "{result:?}");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("crl.pem");
        for (list, expected) in [
            (ca.crl_pem(&[]), Judgement::Fatal),
            (ca.impostor().crl_pem(&[]), Judgement::NotAsked),
            (Ca::root("another").crl_pem(&[]), Judgement::NotAsked),
        ] {
            write_file(&file, list);
            let environment = Environment::from_pairs([
                ("WA_DB_ENGINE", "PGSQL"),
                ("WA_DB_HOSTNAME", "db.lab"),
                ("WA_DB_USERNAME", "app"),
                ("WA_DB_SSL_CRL", file.to_str().unwrap()),
            ]);
            let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
            let policy = TlsPolicy::load(settings.tls()).unwrap();
            let judged = policy.judge(result, Some(&leaf), Some(&root));
            assert_eq!(judged, expected);
            // Of a certificate that nothing is known of, nobody can say that its CA has no list.
            assert_eq!(policy.judge(result, None, None), Judgement::Fatal);
        }
        let failure = verdict::unusable_list(result, || None).unwrap();
        assert!(failure.message().contains("WA_DB_SSL_CRL"), "{failure:?}");
    }
}
