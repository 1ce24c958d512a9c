//! What of a handshake is to be reported: [`Handshake::breaches`].

use std::net::SocketAddr;

use super::breach::Breach;
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::PinSet;
use crate::tls::{Chain, TlsPolicy, Violation};
use crate::wire::handshake::{Rejected, TlsFacts};

/// A handshake with a server, whatever came of it.
pub(crate) struct Handshake<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) address: SocketAddr,
    /// The name that the certificate had to carry.
    pub(crate) name: &'a str,
    pub(crate) policy: &'a TlsPolicy,
}

impl Handshake<'_> {
    /// What does not hold: what was only to be reported, and what ended the handshake if that is
    /// the server's certificate.
    pub(super) fn breaches(&self, outcome: Result<&TlsFacts, &Rejected>) -> Vec<Breach> {
        match outcome {
            Ok(facts) => {
                let chains = (&facts.served, &facts.verified_chain);
                self.reported_only(&facts.violations, chains)
            }
            Err(Rejected { failure, seen }) => {
                let chains = (&seen.served, &seen.verified_chain);
                let mut breaches = self.reported_only(&seen.violations, chains);
                if is_about_certificate(failure) {
                    breaches.push(self.breach(failure.code(), true, chains));
                }
                breaches
            }
        }
    }

    fn reported_only(&self, violations: &[Violation], chains: (&Chain, &Chain)) -> Vec<Breach> {
        violations
            .iter()
            .map(|violation| self.breach(violation.code, false, chains))
            .collect()
    }

    fn breach(
        &self,
        code: ErrorCode,
        enforced: bool,
        (served, verified): (&Chain, &Chain),
    ) -> Breach {
        let settings = self.policy.settings();
        let pins = match (code, enforced) {
            (ErrorCode::PinMismatch, false) => &settings.pins_report_only,
            _ => &settings.pins,
        };
        Breach {
            endpoint: self.endpoint.clone(),
            address: self.address,
            name: self.name.to_owned(),
            code,
            enforced,
            served: served.clone(),
            verified: verified.clone(),
            pins: pins.as_ref().map(PinSet::pins).unwrap_or_default().to_vec(),
        }
    }
}

/// Whether it is the server's certificate that ended a handshake. A server that speaks no TLS, or
/// turns us away, has shown none that could be reported.
fn is_about_certificate(failure: &Failure) -> bool {
    let codes = [
        ErrorCode::CertificateUntrusted,
        ErrorCode::CertificateSelfSigned,
        ErrorCode::CertificateExpired,
        ErrorCode::CertificateNotYetValid,
        ErrorCode::CertificateRevoked,
        ErrorCode::CertificatePurpose,
        ErrorCode::HostnameMismatch,
        ErrorCode::PinMismatch,
    ];
    failure.stage() == Stage::Tls && codes.contains(&failure.code())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::{Ca, Leaf};

    use super::*;
    use crate::endpoint::Host;
    use crate::settings::{Environment, Role, Settings};
    use crate::wire::handshake::Seen;
    use crate::wire::report::fixtures;

    const PIN: &str = "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=";
    const OTHER: &str = "sha256/E9CZ9INDbd+2eRQozYqqbQ2yXLVKB9+xcprMF+44U1g=";

    fn policy() -> TlsPolicy {
        let environment = Environment::from_pairs([
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_SSL_PINS", PIN),
            ("WA_DB_SSL_PINS_REPORT_ONLY", OTHER),
        ]);
        let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
        TlsPolicy::load(settings.tls()).unwrap()
    }

    #[test]
    fn what_ended_the_handshake_is_reported_beside_what_is_only_reported_each_with_its_pins() {
        let leaf = Ca::root("Lab CA").issue(&Leaf::server().dns("db.lab"));
        let policy = policy();
        let handshake = Handshake {
            endpoint: &Endpoint::new(Host::Name("db.lab".to_owned()), 5432),
            address: "192.0.2.7:5432".parse().unwrap(),
            name: "db.lab",
            policy: &policy,
        };
        let only_reported = Violation {
            code: ErrorCode::PinMismatch,
            what: String::new(),
        };
        for (stage, code, violations, expected) in [
            (
                Stage::Tls,
                ErrorCode::PinMismatch,
                vec![only_reported],
                vec![
                    (ErrorCode::PinMismatch, false, OTHER),
                    (ErrorCode::PinMismatch, true, PIN),
                ],
            ),
            (
                Stage::Tls,
                ErrorCode::CertificateRevoked,
                Vec::new(),
                vec![(ErrorCode::CertificateRevoked, true, PIN)],
            ),
            (Stage::Tls, ErrorCode::TlsRefused, Vec::new(), Vec::new()),
            (Stage::Tls, ErrorCode::Timeout, Vec::new(), Vec::new()),
            (
                Stage::Tls,
                ErrorCode::ClientCertificateRejected,
                Vec::new(),
                Vec::new(),
            ),
        ] {
            let rejected = Rejected {
                failure: Failure::new(stage, code, "", ""),
                seen: Box::new(Seen {
                    served: fixtures::chain(&[&leaf]),
                    verified_chain: Chain::default(),
                    violations,
                }),
            };
            let breaches = handshake.breaches(Err(&rejected));
            let found: Vec<_> = breaches
                .iter()
                .map(|breach| (breach.code, breach.enforced, breach.pins[0].to_string()))
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(code, enforced, pin)| (code, enforced, pin.to_owned()))
                .collect();
            assert_eq!(found, expected, "{code}");
            assert!(breaches.iter().all(|breach| !breach.served.is_empty()));
        }
    }
}
