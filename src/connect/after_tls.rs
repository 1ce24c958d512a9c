//! What the server's judgement of our certificate looks like from the driver's side: in TLS 1.3 a
//! hang-up right after the handshake, in TLS 1.2 an alert that could mean something else.

use std::net::SocketAddr;
use std::time::Duration;

use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::tls::{TlsPolicy, verdict};
use crate::wire::{Dialer, alert_after_handshake, cause};

/// Bound of the second look, beside the deadline of the connection it is part of.
const LOOK: Duration = Duration::from_secs(2);

/// Replaces the failure of a handshake or a login by what the server says of our certificate, if
/// that is behind it.
pub(crate) async fn explain(
    dialer: &Dialer,
    failure: Failure,
    endpoint: &Endpoint,
    address: SocketAddr,
    policy: &TlsPolicy,
) -> Failure {
    let alert = cause::openssl(&failure)
        .and_then(|stack| verdict::of_alert(stack, policy.has_identity(), true));
    let unclear = if failure.stage() == Stage::Tls {
        // The driver's TLS does not say how far the handshake came, and the same alert means that
        // a client certificate is missing or, before the server has shown its own, that there is
        // no suite in common.
        failure.code() == ErrorCode::TlsProtocol
            && alert.is_some_and(|alert| alert.code() == ErrorCode::ClientCertificateRequired)
    } else if let Some(alert) = alert {
        return alert.caused_by(failure);
    } else {
        failure.code() == ErrorCode::ProtocolError
            && cause::io_kind(&failure).is_some_and(cause::is_hangup)
    };
    if !unclear {
        return failure;
    }
    let look = alert_after_handshake(dialer, endpoint, policy, address);
    match tokio::time::timeout(LOOK, look).await {
        Ok(Some(alert)) => alert.caused_by(failure),
        _ => failure,
    }
}
