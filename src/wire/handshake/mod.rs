//! Our own TLS handshake on OpenSSL, with everything it sees: [`TlsFacts`].

mod explain;
mod group;
mod observed;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::SystemTime;

use openssl::ssl::{Ssl, SslRef};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_openssl::SslStream;

use self::observed::{Observed, Observer};
use super::alpn;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::settings::Verification;
use crate::tls::{Chain, Server, TlsPolicy, Violation, expires, verdict};

/// What a finished handshake showed.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: String,
    /// The cipher suite, by OpenSSL's name.
    pub cipher: String,
    /// The group of the key exchange, such as `X25519`; `None` where there was none or OpenSSL does
    /// not tell.
    pub group: Option<String>,
    /// Whether an earlier session was taken up again.
    pub reused: bool,
    /// Whether chain and name were verified as the policy demands it by default.
    pub verified: bool,
    /// The certificates that the server sent.
    pub served: Chain,
    /// The chain up to the trusted root; empty where none was verified.
    pub verified_chain: Chain,
    /// What full verification said where the policy let it pass.
    pub would_fail: Option<ErrorCode>,
    /// When the server's own certificate ends.
    pub expires: Option<SystemTime>,
    /// What does not hold and was only to be reported.
    pub violations: Vec<Violation>,
    /// What should be changed though it is no fault.
    pub warnings: Vec<String>,
}

impl TlsFacts {
    /// Up to the trusted root where the chain was verified, else what the server sent.
    pub fn chain(&self) -> &Chain {
        if self.verified_chain.is_empty() {
            &self.served
        } else {
            &self.verified_chain
        }
    }
}

/// Whom to shake hands with.
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    /// The name that the certificate must carry.
    pub(crate) name: &'a str,
    /// The protocol that the server must choose (ALPN, RFC 7301), where TLS is all that was said.
    pub(crate) alpn: Option<&'static str>,
    /// Where it is, for earlier sessions to be taken up again; `None` takes up none.
    pub(crate) address: Option<SocketAddr>,
}

/// A handshake that failed, with what it showed before; or what kept it from beginning.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) failure: Failure,
    pub(crate) seen: Box<Seen>,
}

/// What a handshake that failed showed before.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The certificates that the server sent.
    pub(crate) served: Chain,
    /// The chain up to the trusted root, where only something else was wrong.
    pub(crate) verified_chain: Chain,
    /// What besides does not hold and was only to be reported.
    pub(crate) violations: Vec<Violation>,
}

impl From<Failure> for Rejected {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            seen: Box::default(),
        }
    }
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
    perform(policy.handshake(peer.name)?, stream, policy, peer).await
}

/// The same with OpenSSL's half of it made before.
async fn perform<S>(
    mut ssl: Ssl,
    stream: S,
    policy: &TlsPolicy,
    peer: Peer<'_>,
) -> Result<(SslStream<S>, TlsFacts), Rejected>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    alpn::ask(&mut ssl, peer)?;
    let server = peer.address.map(|address| Server {
        name: peer.name.to_owned(),
        address,
    });
    let resumption = policy.resume(&mut ssl, server);
    let observer = Observer::watch(&mut ssl, policy);
    let mut stream =
        SslStream::new(ssl, stream).map_err(|error| verdict::broken_handshake(Some(&error)))?;
    let outcome = Pin::new(&mut stream).connect().await;
    let observed = observer.observed();
    let served = served(stream.ssl(), &observed);
    if let Err(error) = outcome {
        resumption.failed();
        let failure = explain::explain(&error, &observed, policy, peer.name, &served);
        let failure = alpn::explain(failure, peer, !served.is_empty());
        return Err(Rejected {
            failure: failure.caused_by(error),
            seen: Box::new(Seen {
                served,
                ..Seen::default()
            }),
        });
    }
    // A session that is taken up again shows no chain: what it began with is judged anew.
    let (served, verified_chain) = match resumption.proof(stream.ssl()) {
        Some(proof) => (proof.served.clone(), proof.verified.clone()),
        None if stream.ssl().session_reused() => return Err(unproven().into()),
        None => (served, verified(stream.ssl(), &observed)),
    };
    let mut examined = policy.examine(&served, &verified_chain);
    if let Some(failed) = &observed.passed_over {
        let failure = explain::not_verified(failed, policy, peer.name, &served);
        examined.violations.push(Violation {
            code: failure.code(),
            what: failure.message().to_owned(),
        });
    }
    let failure = alpn::chosen(stream.ssl(), peer).err();
    if let Some(failure) = failure.or(examined.failure) {
        resumption.failed();
        return Err(Rejected {
            failure,
            seen: Box::new(Seen {
                served,
                verified_chain,
                violations: examined.violations,
            }),
        });
    }
    let facts = TlsFacts {
        protocol: stream.ssl().version_str().to_owned(),
        cipher: stream
            .ssl()
            .current_cipher()
            .map_or("", |cipher| cipher.name())
            .to_owned(),
        group: group::of(stream.ssl()),
        reused: stream.ssl().session_reused(),
        verified: policy.verification() == Verification::Full,
        served,
        verified_chain,
        would_fail: observed.passed_over.as_ref().map(observed::Failed::code),
        expires: stream
            .ssl()
            .peer_certificate()
            .and_then(|certificate| expires(&certificate)),
        violations: examined.violations,
        warnings: examined.warnings,
    };
    resumption.proven(stream.ssl(), &facts.served, &facts.verified_chain);
    Ok((stream, facts))
}

/// A session that was taken up again and of which nothing is known. No verification ran.
fn unproven() -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsProtocol,
        "the server at WA_DB_HOSTNAME took up a TLS session that it was not offered",
        "look into what stands between here and the server: no server does this by itself",
    )
}

/// What the server sent. OpenSSL keeps it once it is done with it; before, what verification saw is
/// all there is.
fn served(ssl: &SslRef, observed: &Observed) -> Chain {
    match ssl.peer_cert_chain() {
        Some(chain) if !chain.is_empty() => Chain::from(chain),
        _ => observed.chain.clone(),
    }
}

/// The chain that OpenSSL built, if every check of it passed but the one of the name.
fn verified(ssl: &SslRef, observed: &Observed) -> Chain {
    let name_only = |code| code == ErrorCode::HostnameMismatch;
    let is_verified = observed
        .passed_over
        .as_ref()
        .is_none_or(|failed| !observed.others_failed && name_only(failed.code()));
    match ssl.verified_chain() {
        Some(chain) if is_verified => Chain::from(chain),
        _ => Chain::default(),
    }
}
