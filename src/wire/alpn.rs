//! TLS that begins without a word of the engine's protocol: the server must say in it which
//! protocol it speaks (ALPN).
//!
//! PostgreSQL from version 17 on takes TLS at once, and only so (`sslnegotiation=direct` of libpq).
//! Without the check, a server of another protocol with the same certificate could be taken for it
//! (the ALPACA attack).

use openssl::ssl::SslRef;

use super::handshake::Peer;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::tls::verdict;

/// Asks for the protocol.
pub(super) fn ask(ssl: &mut SslRef, peer: Peer<'_>) -> Result<(), Failure> {
    let Some(protocol) = peer.alpn else {
        return Ok(());
    };
    let mut wanted = vec![u8::try_from(protocol.len()).unwrap_or(u8::MAX)];
    wanted.extend(protocol.as_bytes());
    ssl.set_alpn_protos(&wanted)
        .map_err(|error| verdict::broken_handshake(Some(&error)))
}

/// Whether the server chose it.
///
/// # Errors
/// `tls_refused`.
pub(super) fn chosen(ssl: &SslRef, peer: Peer<'_>) -> Result<(), Failure> {
    match peer.alpn {
        Some(protocol) if ssl.selected_alpn_protocol() != Some(protocol.as_bytes()) => {
            Err(refused("speaks TLS and does not say that it is PostgreSQL"))
        }
        _ => Ok(()),
    }
}

/// A server that does not know TLS without a request, or does not speak the protocol, ends the
/// handshake before it shows a certificate.
pub(super) fn explain(failure: Failure, peer: Peer<'_>, saw_certificate: bool) -> Failure {
    if peer.alpn.is_some() && !saw_certificate && failure.code() == ErrorCode::TlsProtocol {
        refused("ended a TLS handshake that began without a request").caused_by(failure)
    } else {
        failure
    }
}

fn refused(problem: &str) -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsRefused,
        format!(
            "the server at WA_DB_HOSTNAME {problem}, as WA_DB_SSL_NEGOTIATION=direct asks; nothing further was sent"
        ),
        "direct TLS needs PostgreSQL 17 or later: unset WA_DB_SSL_NEGOTIATION for an older server",
    )
}
