//! A second look at a server that hung up after TLS.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::dialer::Dialer;
use super::handshake::Rejected;
use super::{cause, dial};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::tls::{TlsPolicy, verdict};

/// How long the server has to send its alert once the handshake is over.
const ALERT_WAIT: Duration = Duration::from_secs(1);

/// Why the server ends connections right after the handshake, if it says so in an alert.
///
/// In TLS 1.3 a server judges the client's certificate only after the client is done. If the
/// client has sent its login by then, the reset that follows may swallow the alert. This handshake
/// sends nothing after it and so sees the alert.
pub(crate) async fn alert_after_handshake(
    dialer: &Dialer,
    endpoint: &Endpoint,
    policy: &TlsPolicy,
    address: SocketAddr,
) -> Option<Failure> {
    let stream = dial::one(address).await.ok()?;
    let secured = dialer.secure(endpoint, policy, address, stream).await;
    let mut stream = match secured {
        Ok(secured) => secured.stream,
        Err(Rejected { failure, .. }) => return is_of_handshake(&failure).then_some(failure),
    };
    let Ok(Err(error)) = tokio::time::timeout(ALERT_WAIT, stream.read_u8()).await else {
        return None;
    };
    let stack = cause::openssl(&error)?;
    verdict::of_alert(stack, policy.has_identity(), true)
}

/// Whether it came so far; what was said before is no answer to the question.
fn is_of_handshake(failure: &Failure) -> bool {
    let before = [ErrorCode::TlsRefused, ErrorCode::ProtocolError];
    failure.stage() == Stage::Tls && !before.contains(&failure.code())
}
