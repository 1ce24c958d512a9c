//! What OpenSSL's verification reports while a handshake runs: [`Observer`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssl::ssl::{SslRef, SslVerifyMode};
use openssl::x509::{X509, X509Ref, X509StoreContextRef, X509VerifyResult};

use crate::code::ErrorCode;
use crate::tls::{Chain, Judgement, TlsPolicy, verdict};

/// A check that failed, and the certificate it was about.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) result: X509VerifyResult,
    pub(super) certificate: Option<X509>,
}

impl Failed {
    pub(super) fn code(&self) -> ErrorCode {
        verdict::of_result(self.result)
    }
}

/// What was reported.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// The first failed check that the policy let pass.
    pub(super) passed_over: Option<Failed>,
    /// Whether the policy let others pass after that.
    pub(super) others_failed: bool,
    /// The failed check that ended the handshake.
    pub(super) fatal: Option<Failed>,
    /// The certificates as far as verification came.
    pub(super) chain: Chain,
}

/// Takes note of every check.
pub(super) struct Observer(Arc<Mutex<Observed>>);

impl Observer {
    /// Verifies in full, and lets pass what the policy lets pass.
    pub(super) fn watch(ssl: &mut SslRef, policy: &TlsPolicy) -> Self {
        let observer = Self(Arc::default());
        let record = Self(Arc::clone(&observer.0));
        let policy = policy.clone();
        ssl.set_verify_callback(SslVerifyMode::PEER, move |passed, context| {
            record.lock().note(passed, context, &policy)
        });
        observer
    }

    /// What was reported until now.
    pub(super) fn observed(&self) -> Observed {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Observed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observed {
    /// Takes note of a check. Returns whether verification goes on.
    fn note(
        &mut self,
        passed: bool,
        context: &mut X509StoreContextRef,
        policy: &TlsPolicy,
    ) -> bool {
        if self.chain.is_empty()
            && let Some(chain) = context.chain()
        {
            self.chain = Chain::from(chain);
        }
        if passed {
            return true;
        }
        let failed = Failed {
            result: context.error(),
            certificate: context.current_cert().map(ToOwned::to_owned),
        };
        let certificate = failed.certificate.as_deref();
        let issuer = issuer(context, certificate);
        match policy.judge(failed.result, certificate, issuer) {
            Judgement::Fatal => {
                self.fatal = Some(failed);
                return false;
            }
            Judgement::SwitchedOff if self.passed_over.is_none() => {
                self.passed_over = Some(failed);
            }
            Judgement::SwitchedOff => self.others_failed = true,
            // Else it would stand as the result of a verification that passed.
            Judgement::NotAsked => context.set_error(X509VerifyResult::OK),
        }
        true
    }
}

/// The certificate that vouches for the one which is checked: the next of the chain, or a root itself.
fn issuer<'a>(
    context: &'a X509StoreContextRef,
    certificate: Option<&'a X509Ref>,
) -> Option<&'a X509Ref> {
    let next = usize::try_from(context.error_depth()).ok()? + 1;
    match context.chain()?.get(next) {
        Some(issuer) => Some(issuer),
        None => certificate.filter(|root| root.issued(root) == X509VerifyResult::OK),
    }
}
