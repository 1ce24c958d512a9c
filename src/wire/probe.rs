//! A second look at a server that hung up after TLS.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{cause, handshake, starttls};
use crate::endpoint::Engine;
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
    engine: Engine,
    mut stream: TcpStream,
    policy: &TlsPolicy,
    name: &str,
) -> Option<Failure> {
    starttls::request(engine, &mut stream).await.ok()?;
    let mut stream = match handshake(stream, policy, name).await {
        Ok((stream, _)) => stream,
        Err(rejected) => return Some(rejected.failure),
    };
    let Ok(Err(error)) = tokio::time::timeout(ALERT_WAIT, stream.read_u8()).await else {
        return None;
    };
    let stack = cause::openssl(&error)?;
    verdict::of_alert(stack, policy.has_identity(), true)
}
