//! A look at the chains that servers present: dial, TLS, and no login.

use std::time::Duration;

use openssl::x509::X509Ref;
use tokio::time::{Instant, timeout_at};

use super::target::{Presented, TargetChain};
use crate::check::{ErrorReport, Progress as Shown};
use crate::cli::scope::Scope;
use crate::code::{ErrorCode, Stage};
use crate::endpoint::{Endpoint, Host};
use crate::failure::Failure;
use crate::settings::{Pin, Role, Settings, SettingsError, Verification};
use crate::tls::{CertificateFacts, Chain, TlsPolicy};
use crate::wire::{Dialer, Progress, Rejected, TlsFacts};

/// Looks at every server of every role, one after the other.
pub(super) async fn at_all(scope: &Scope, shown: &dyn Fn(Shown)) -> Vec<TargetChain> {
    let mut targets = Vec::new();
    for role in &scope.roles {
        match load(*role, scope) {
            Err(error) => {
                let error = ErrorReport::from(&error);
                targets.push(TargetChain::of_settings_error(*role, error));
            }
            Ok((settings, policy)) => {
                for endpoint in settings.endpoints() {
                    shown(Shown {
                        role: *role,
                        endpoint: Some(endpoint.clone()),
                        stage: Stage::Connect,
                        attempt: 1,
                        waiting: None,
                    });
                    targets.push(at_one(&settings, endpoint, &policy).await);
                }
            }
        }
    }
    targets
}

fn load(role: Role, scope: &Scope) -> Result<(Settings, TlsPolicy), SettingsError> {
    let settings = Settings::from_environment(role, &scope.environment)?;
    let policy = TlsPolicy::load(settings.tls()).map_err(SettingsError::new)?;
    Ok((settings, policy))
}

async fn at_one(settings: &Settings, endpoint: &Endpoint, policy: &TlsPolicy) -> TargetChain {
    let (chain, failure) = match handshake(settings, endpoint, policy).await {
        Ok(facts) => match not_verified(policy.verification(), &facts) {
            None => (presented(&facts.served, &facts.verified_chain), None),
            failure => (presented(&facts.served, &Chain::default()), failure),
        },
        Err(Rejected { failure, seen }) => {
            (presented(&seen.served, &seen.verified_chain), Some(failure))
        }
    };
    let failed = failure.map(|failure| {
        let error = ErrorReport::new(failure.code(), failure.message(), failure.hint());
        (failure.stage(), error)
    });
    TargetChain::of_server(settings, endpoint, chain, failed)
}

async fn handshake(
    settings: &Settings,
    endpoint: &Endpoint,
    policy: &TlsPolicy,
) -> Result<TlsFacts, Rejected> {
    if let Host::Socket(_) = endpoint.host() {
        return Err(no_tls(endpoint).into());
    }
    let dialer = Dialer::new(settings).without_reports();
    let progress = Progress::start(Stage::Resolve);
    let deadline = Instant::now() + settings.connect_timeout();
    let secure = async |address, stream| {
        progress.enter(Stage::Tls);
        let secured = dialer.secure(endpoint, policy, address, stream).await?;
        Ok(secured.facts)
    };
    let looking = dialer.each(endpoint, deadline, &progress, secure);
    match timeout_at(deadline, looking).await {
        Ok(looked) => looked.map_err(|Rejected { failure, seen }| Rejected {
            failure: progress.with_others(failure),
            seen,
        }),
        Err(_) => Err(timed_out(endpoint, progress.stage(), settings.connect_timeout()).into()),
    }
}

/// What is to be said of a chain that the settings let pass though it does not verify.
fn not_verified(verification: Verification, facts: &TlsFacts) -> Option<Failure> {
    // A legacy string that asks for the chain alone gets it verified, and no name compared.
    let code = facts
        .would_fail
        .filter(|_| verification == Verification::Off)?;
    let violation = facts.violations.iter().find(|other| other.code == code);
    Some(Failure::new(
        Stage::Tls,
        code,
        violation.map_or("the certificate does not verify", |violation| {
            &violation.what
        }),
        "WA_DB_SSL_VERIFY is off, so that a service goes on all the same: do not, and verify",
    ))
}

/// The verified chain up to its root, and what the server sent besides.
fn presented(served: &Chain, verified: &Chain) -> Vec<Presented> {
    let pinned = |chain: &Chain| {
        let certificates = chain.certificates().iter().cloned();
        certificates.zip(chain.pins()).collect::<Vec<_>>()
    };
    let (served_pins, verified_pins) = (pinned(served), pinned(verified));
    let (served, verified) = (served.certificates(), verified.certificates());
    let proven = verified_pins
        .iter()
        .map(|(certificate, pin)| of(certificate, *pin, true, served.contains(certificate)));
    let besides = served_pins
        .iter()
        .filter(|(certificate, _)| !verified.contains(certificate))
        .map(|(certificate, pin)| of(certificate, *pin, false, true));
    proven.chain(besides).collect()
}

fn of(certificate: &X509Ref, pin: Option<Pin>, verified: bool, sent: bool) -> Presented {
    let certificate = CertificateFacts::of(certificate);
    Presented {
        pin: pin.map(|pin| pin.to_string()),
        verified,
        sent,
        certificate,
    }
}

fn no_tls(endpoint: &Endpoint) -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsRefused,
        format!(
            "{endpoint} of WA_DB_HOSTNAME is a local socket, which stays plain: there is no key to pin"
        ),
        "pins are for servers that are reached over TCP",
    )
}

fn timed_out(endpoint: &Endpoint, stage: Stage, deadline: Duration) -> Failure {
    Failure::new(
        stage,
        ErrorCode::Timeout,
        format!(
            "{endpoint} of WA_DB_HOSTNAME let WA_DB_CONNECT_TIMEOUT ({deadline:?}) pass in stage {stage}"
        ),
        "check that the server is up and that WA_DB_ENGINE fits; raise WA_DB_CONNECT_TIMEOUT if it is merely far away",
    )
}
