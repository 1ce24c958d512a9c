//! The login on a stream that our own dialer has secured, bound to its TLS channel.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::SslRef;

use super::login::{Bound, LoggedIn, Login, login};
use crate::connect::after_tls;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::tls::TlsPolicy;
use crate::wire::{Dialer, Progress, Secured};

/// Whom a stream leads to, and by whose rules it was made.
#[derive(Clone, Copy)]
pub(crate) struct Server<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) settings: &'a Settings,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) policy: &'a TlsPolicy,
}

/// Logs in.
pub(crate) async fn login_secured(
    secured: Secured,
    server: Server<'_>,
    progress: &Progress,
) -> Result<LoggedIn, Failure> {
    let Server {
        dialer,
        settings,
        endpoint,
        policy,
    } = server;
    let binding = server_end_point(secured.stream.ssl());
    let stream = Bound::new(secured.stream, binding);
    match login(stream, Login::over_tls(settings, policy), progress).await {
        Ok(session) => Ok(session),
        Err(failure) => {
            Err(after_tls::explain(dialer, failure, endpoint, secured.address, policy).await)
        }
    }
}

/// The channel binding `tls-server-end-point` of RFC 5929: a hash of the server's certificate by
/// the hash of its signature, with SHA-256 in the place of MD5 and SHA-1.
pub(crate) fn server_end_point(ssl: &SslRef) -> Option<Vec<u8>> {
    let certificate = ssl.peer_certificate()?;
    let algorithms = certificate
        .signature_algorithm()
        .object()
        .nid()
        .signature_algorithms()?;
    let digest = match algorithms.digest {
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        nid => MessageDigest::from_nid(nid)?,
    };
    certificate
        .digest(digest)
        .ok()
        .map(|digest| digest.to_vec())
}
