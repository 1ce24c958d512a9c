//! Our own TLS handshake on OpenSSL, with everything it sees: [`TlsFacts`].

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::ssl::{SslRef, SslVerifyMode};
use openssl::x509::{X509, X509StoreContextRef, X509VerifyResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_openssl::SslStream;

use super::{alpn, cause};
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::settings::Verification;
use crate::tls::{CertificateFacts, TlsPolicy, verdict};

/// What a finished handshake showed.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: String,
    /// The cipher suite, by OpenSSL's name.
    pub cipher: String,
    /// Whether chain and name were verified as the policy demands it by default.
    pub verified: bool,
    /// The server's own certificate and those above it, as far as verification came: up to the
    /// trusted root where it passed.
    pub chain: Vec<CertificateFacts>,
    /// What full verification said where the policy let it pass.
    pub would_fail: Option<ErrorCode>,
}

/// Whom to shake hands with.
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    /// The name that the certificate must carry.
    pub(crate) name: &'a str,
    /// The protocol that the server must choose (ALPN, RFC 7301), where TLS is all that was said.
    pub(crate) alpn: Option<&'static str>,
}

/// A handshake that failed, with the certificates it saw before; or what kept it from beginning.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) failure: Failure,
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "a check reports them")
    )]
    pub(crate) chain: Vec<CertificateFacts>,
}

impl From<Failure> for Rejected {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            chain: Vec::new(),
        }
    }
}

/// What OpenSSL's verification reported while the handshake ran.
#[derive(Default)]
struct Observed {
    /// The first failed check that the policy let pass.
    passed_over: Option<X509VerifyResult>,
    /// The failed check that ended the handshake, and the subject it was about.
    fatal: Option<(X509VerifyResult, Option<String>)>,
    chain: Vec<X509>,
}

/// Performs the handshake on a stream whose next byte is TLS.
///
/// Verification runs in full whatever the policy; the policy decides which errors end the
/// handshake, so that the others can be reported.
pub(crate) async fn handshake<S>(
    stream: S,
    policy: &TlsPolicy,
    peer: Peer<'_>,
) -> Result<(SslStream<S>, TlsFacts), Rejected>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let observed = Arc::new(Mutex::new(Observed::default()));
    let mut stream = prepare(stream, policy, peer, &observed)?;
    let outcome = Pin::new(&mut stream).connect().await;
    let Observed {
        passed_over,
        fatal,
        chain,
    } = std::mem::take(&mut *observed.lock().unwrap_or_else(PoisonError::into_inner));
    let served = chain_of(stream.ssl(), &chain);
    match outcome {
        Ok(()) => {
            if let Err(failure) = alpn::chosen(stream.ssl(), peer) {
                return Err(Rejected {
                    failure,
                    chain: served,
                });
            }
            let facts = TlsFacts {
                protocol: stream.ssl().version_str().to_owned(),
                cipher: stream
                    .ssl()
                    .current_cipher()
                    .map_or("", |cipher| cipher.name())
                    .to_owned(),
                verified: policy.verification() == Verification::Full,
                chain: served,
                would_fail: passed_over.map(verdict::of_result),
            };
            Ok((stream, facts))
        }
        Err(error) => {
            let failure = explain(
                &error,
                fatal,
                policy,
                peer.name,
                !served.is_empty(),
                served.first(),
            );
            let failure = alpn::explain(failure, peer, !served.is_empty());
            Err(Rejected {
                failure: failure.caused_by(error),
                chain: served,
            })
        }
    }
}

fn prepare<S: AsyncRead + AsyncWrite>(
    stream: S,
    policy: &TlsPolicy,
    peer: Peer<'_>,
    observed: &Arc<Mutex<Observed>>,
) -> Result<SslStream<S>, Failure> {
    let mut ssl = policy.handshake(peer.name)?;
    alpn::ask(&mut ssl, peer)?;
    let record = Arc::clone(observed);
    let verification = policy.verification();
    ssl.set_verify_callback(SslVerifyMode::PEER, move |passed, context| {
        let mut observed = record.lock().unwrap_or_else(PoisonError::into_inner);
        if observed.chain.is_empty() {
            observed.chain = context
                .chain()
                .map(|chain| chain.iter().map(ToOwned::to_owned).collect())
                .unwrap_or_default();
        }
        if passed {
            return true;
        }
        let result = context.error();
        let passes = may_pass(verification, result);
        if passes {
            observed.passed_over.get_or_insert(result);
        } else {
            observed.fatal = Some((result, failing_subject(context)));
        }
        passes
    });
    SslStream::new(ssl, stream).map_err(|error| verdict::broken_handshake(Some(&error)))
}

/// Whether a failed check is one that the operator switched off.
fn may_pass(verification: Verification, result: X509VerifyResult) -> bool {
    match verification {
        Verification::Full => false,
        Verification::ChainOnly => verdict::of_result(result) == ErrorCode::HostnameMismatch,
        Verification::Off => true,
    }
}

fn failing_subject(context: &X509StoreContextRef) -> Option<String> {
    context
        .current_cert()
        .map(|certificate| CertificateFacts::of(certificate).subject)
}

fn chain_of(ssl: &SslRef, seen: &[X509]) -> Vec<CertificateFacts> {
    let verified = ssl.verified_chain().filter(|chain| !chain.is_empty());
    if let Some(chain) = verified {
        return chain.iter().map(CertificateFacts::of).collect();
    }
    seen.iter()
        .map(|certificate| CertificateFacts::of(certificate))
        .collect()
}

fn explain(
    error: &openssl::ssl::Error,
    fatal: Option<(X509VerifyResult, Option<String>)>,
    policy: &TlsPolicy,
    name: &str,
    saw_certificate: bool,
    leaf: Option<&CertificateFacts>,
) -> Failure {
    if let Some((result, subject)) = fatal {
        let code = verdict::of_result(result);
        let detail = match (code, leaf) {
            (ErrorCode::HostnameMismatch, Some(leaf)) => format!(": it carries {}", carried(leaf)),
            _ => format!(
                ": {} ({})",
                result.error_string(),
                hearsay(subject.as_deref().unwrap_or("no subject"))
            ),
        };
        return verdict::not_verified(code, name, &detail, policy.has_own_roots());
    }
    let stack = cause::openssl(error);
    if let Some(failure) =
        stack.and_then(|stack| verdict::of_alert(stack, policy.has_identity(), saw_certificate))
    {
        return failure;
    }
    if error.io_error().is_some() || stack.is_none_or(|stack| stack.errors().is_empty()) {
        return Failure::new(
            Stage::Tls,
            ErrorCode::TlsProtocol,
            "the server at WA_DB_HOSTNAME closed the connection during the TLS handshake",
            "look into the server's log for its reason; a server without a usable certificate does this",
        );
    }
    verdict::broken_handshake(stack)
}

/// The most names of a certificate that are listed.
const NAMES_SHOWN: usize = 8;

/// The names a certificate carries, for a person who wonders which one to use. OpenSSL compares
/// names before it verifies signatures, so anyone may have written them.
fn carried(leaf: &CertificateFacts) -> String {
    if leaf.names.is_empty() {
        return format!("no names besides its subject ({})", hearsay(&leaf.subject));
    }
    let shown = &leaf.names[..leaf.names.len().min(NAMES_SHOWN)];
    let listed = hearsay(&shown.join(", "));
    match leaf.names.len() - shown.len() {
        0 => format!("other names ({listed})"),
        more => format!("other names ({listed} and {more} more)"),
    }
}
