//! Why a handshake failed, in the contract's words.

use super::observed::{Failed, Observed};
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::tls::{CertificateFacts, Chain, TlsPolicy, verdict};
use crate::wire::cause;

/// The failure of a handshake: the check that ended it, the server's alert, or how it broke off.
pub(super) fn explain(
    error: &openssl::ssl::Error,
    observed: &Observed,
    policy: &TlsPolicy,
    name: &str,
    served: &Chain,
) -> Failure {
    if let Some(failed) = &observed.fatal {
        return not_verified(failed, policy, name, served);
    }
    let stack = cause::openssl(error);
    let alert =
        stack.and_then(|stack| verdict::of_alert(stack, policy.has_identity(), !served.is_empty()));
    if let Some(failure) = alert {
        return policy.or_by_level(failure);
    }
    if error.io_error().is_some() || stack.is_none_or(|stack| stack.errors().is_empty()) {
        return Failure::new(
            Stage::Tls,
            ErrorCode::TlsProtocol,
            "the server at WA_DB_HOSTNAME closed the connection during the TLS handshake",
            "look into the server's log for its reason; a server without a usable certificate does this",
        );
    }
    policy.or_by_level(verdict::broken_handshake(stack))
}

/// The failure that a failed check is, or would have been.
pub(super) fn not_verified(
    failed: &Failed,
    policy: &TlsPolicy,
    name: &str,
    served: &Chain,
) -> Failure {
    let certificate = failed.certificate.as_deref();
    if let Some(failure) = policy.unusable_list(failed.result, certificate) {
        return failure;
    }
    let code = failed.code();
    let detail = if let (ErrorCode::HostnameMismatch, Some(leaf)) = (code, served.leaf()) {
        format!(": it carries {}", carried(&leaf))
    } else {
        let subject = certificate.map(|certificate| CertificateFacts::of(certificate).subject);
        format!(
            ": {} ({})",
            failed.result.error_string(),
            hearsay(subject.as_deref().unwrap_or("no subject"))
        )
    };
    verdict::not_verified(code, name, &detail, policy)
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
