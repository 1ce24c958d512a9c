//! From a server's name to a secured stream: [`Dialer`].
//!
//! Resolve, filter, dial, the STARTTLS of either protocol, our own handshake. The deadline is the
//! caller's, who drops the future at its end and asks [`Progress`] how far it came.

use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_openssl::SslStream;

use super::addresses::Addresses;
#[cfg(feature = "cli")]
use super::dial;
use super::handshake::{Peer, Rejected, TlsFacts, handshake};
#[cfg(feature = "mysql")]
use super::mysql::Greeting;
#[cfg(feature = "cli")]
use super::mysql::{Capabilities, Channel};
#[cfg(feature = "cli")]
use super::nobody::{self, Tried};
use super::progress::Progress;
use super::report::{Handshake, Reporter};
use super::resolve::resolve;
#[cfg(feature = "mysql")]
use super::starttls::mysql::{self, SslRequest};
#[cfg(feature = "postgres")]
use super::starttls::postgres;
#[cfg(not(all(feature = "postgres", feature = "mysql")))]
use crate::code::ErrorCode;
use crate::code::Stage;
use crate::endpoint::{Endpoint, Engine};
use crate::failure::Failure;
use crate::settings::{AllowedNetworks, Negotiation, Settings};
#[cfg(feature = "cli")]
use crate::tls::Chain;
use crate::tls::TlsPolicy;

/// Makes secured streams to servers of one engine. The policy comes with each call, since its
/// files may change.
pub(crate) struct Dialer {
    engine: Engine,
    negotiation: Negotiation,
    allowed: Option<AllowedNetworks>,
    reporter: Option<Reporter>,
}

/// A stream on which TLS is set up, to a server that is trusted as far as the policy asks.
pub(crate) struct Secured {
    /// The address that answered.
    pub(crate) address: SocketAddr,
    /// The next byte belongs to the engine's protocol.
    pub(crate) stream: SslStream<TcpStream>,
    /// What the handshake showed.
    pub(crate) facts: TlsFacts,
}

/// A MySQL or MariaDB server that has spoken first and offers TLS; nothing was sent to it yet.
#[cfg(feature = "mysql")]
pub(crate) struct Greeted {
    /// The address that answered.
    pub(crate) address: SocketAddr,
    /// What it says of itself. Nobody vouches for it.
    pub(crate) greeting: Greeting,
    stream: TcpStream,
}

impl Dialer {
    /// A dialer that keeps to these settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            engine: settings.engine(),
            negotiation: settings.tls().negotiation,
            allowed: settings.allowed_networks().cloned(),
            reporter: Reporter::new(settings),
        }
    }

    /// The same, with nothing reported: for a look at a server that no service connects by.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn without_reports(self) -> Self {
        Self {
            reporter: None,
            ..self
        }
    }

    /// The addresses of a server that may be dialled, in the order to dial them.
    ///
    /// # Errors
    /// Stage `resolve`.
    pub(crate) async fn resolve(
        &self,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> Result<Addresses, Failure> {
        let addresses = resolve(endpoint, self.allowed.as_ref()).await?;
        Ok(Addresses::new(addresses, deadline))
    }

    /// A secured stream to a PostgreSQL server. No byte of its own protocol was sent on it.
    ///
    /// # Errors
    /// Stages `resolve`, `connect` and `tls`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    #[cfg(feature = "cli")]
    pub(crate) async fn secure_postgres(
        &self,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<Secured, Rejected> {
        let secure = |address, stream| {
            progress.enter(Stage::Tls);
            self.secure(endpoint, policy, address, stream)
        };
        self.each(endpoint, deadline, progress, secure).await
    }

    /// Runs `attempt` on a connection to each of a server's addresses until one is good, as
    /// [`Addresses::until_good`] does it.
    ///
    /// # Errors
    /// Stages `resolve` and `connect`, and those of the attempt.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(crate) async fn each<T, F>(
        &self,
        endpoint: &Endpoint,
        deadline: Instant,
        progress: &Progress,
        attempt: impl FnMut(SocketAddr, TcpStream) -> F,
    ) -> Result<T, Rejected>
    where
        F: Future<Output = Result<T, Rejected>>,
    {
        let mut addresses = self.resolve(endpoint, deadline).await?;
        progress.enter(Stage::Connect);
        let first = addresses.dial(progress).await?;
        addresses.until_good(first, progress, attempt).await
    }

    /// Secures a connection on which nothing was said yet. With MySQL nobody can log in after it:
    /// the request says nothing of the client.
    ///
    /// # Errors
    /// Stage `tls`; `connect` where the server hangs up or turns everyone away.
    pub(crate) async fn secure(
        &self,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        address: SocketAddr,
        stream: TcpStream,
    ) -> Result<Secured, Rejected> {
        match self.engine {
            #[cfg(feature = "postgres")]
            Engine::Postgres => {
                let mut stream = stream;
                if self.negotiation == Negotiation::Postgres {
                    postgres::request(&mut stream).await?;
                }
                self.shake(endpoint, policy, address, stream).await
            }
            #[cfg(feature = "mysql")]
            Engine::MySql => {
                let greeted = Greeted::read(address, stream).await?;
                self.answer(greeted, endpoint, policy, SslRequest::own())
                    .await
            }
            #[cfg(not(all(feature = "postgres", feature = "mysql")))]
            other => Err(not_built(other).into()),
        }
    }

    /// Secures a connection to a server that has greeted. `request` says what the handshake
    /// response will say.
    ///
    /// # Errors
    /// Stage `tls`.
    #[cfg(feature = "mysql")]
    pub(crate) async fn answer(
        &self,
        greeted: Greeted,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        request: SslRequest,
    ) -> Result<Secured, Rejected> {
        let Greeted {
            address,
            mut stream,
            ..
        } = greeted;
        request.send(&mut stream).await?;
        self.shake(endpoint, policy, address, stream).await
    }

    /// Whether the server at this address goes into a login without TLS. It is tried by a name that no
    /// account has, where PostgreSQL refuses that by the account's own, and without a password.
    ///
    /// # Errors
    /// Stages `connect` and `tls`: it came to no login.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    #[cfg(feature = "cli")]
    pub(crate) async fn knock_in_the_clear(
        &self,
        address: SocketAddr,
        settings: &Settings,
    ) -> Result<Tried, Failure> {
        let mut stream = dial::one(address).await?;
        if self.engine == Engine::Postgres {
            let tried = nobody::postgres::knock(&mut stream).await;
            if tried != Tried::Refused {
                return Ok(tried);
            }
            let mut stream = dial::one(address).await?;
            let user = settings.username();
            let database = settings.database().unwrap_or(user);
            return Ok(nobody::postgres::knock_as(&mut stream, user, database).await);
        }
        let Greeted {
            greeting, stream, ..
        } = Greeted::read(address, stream).await?;
        let channel = Channel::going_on(stream, 1);
        Ok(nobody::mysql::knock(channel, &greeting, mysql::own_hello()).await)
    }

    /// The certificates that the server at this address sends. A server of MySQL's protocol, which
    /// counts clients that go away before they have logged in, is told a name that no account has.
    ///
    /// # Errors
    /// Stages `connect` and `tls`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    #[cfg(feature = "cli")]
    pub(crate) async fn served_at(
        &self,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        address: SocketAddr,
    ) -> Result<Chain, Rejected> {
        let stream = dial::one(address).await?;
        if self.engine == Engine::Postgres {
            let secured = self.secure(endpoint, policy, address, stream).await?;
            return Ok(secured.facts.served);
        }
        let greeted = Greeted::read(address, stream).await?;
        let greeting = greeted.greeting.clone();
        let secured = self
            .answer(greeted, endpoint, policy, SslRequest::own())
            .await?;
        let mut hello = mysql::own_hello();
        hello.capabilities = hello.capabilities.with(Capabilities::SSL);
        nobody::mysql::knock(Channel::going_on(secured.stream, 2), &greeting, hello).await;
        Ok(secured.facts.served)
    }

    /// The handshake. Every one that is made to a server goes through here.
    async fn shake(
        &self,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        address: SocketAddr,
        stream: TcpStream,
    ) -> Result<Secured, Rejected> {
        let name = policy.name_for(endpoint.host());
        let peer = Peer {
            name: &name,
            alpn: self.alpn(),
            address: Some(address),
        };
        let outcome = handshake(stream, policy, peer).await;
        if let Some(reporter) = &self.reporter {
            let handshake = Handshake {
                endpoint,
                address,
                name: &name,
                policy,
            };
            reporter.look_at(&handshake, outcome.as_ref().map(|(_, facts)| facts));
        }
        match outcome {
            Ok((stream, facts)) => {
                tracing::debug!(%endpoint, %address, protocol = facts.protocol, cipher = facts.cipher, reused = facts.reused, "secured");
                Ok(Secured {
                    address,
                    stream,
                    facts,
                })
            }
            Err(rejected) => Err(rejected),
        }
    }

    /// What TLS is asked for that begins without a word of the engine's protocol.
    fn alpn(&self) -> Option<&'static str> {
        (self.engine == Engine::Postgres && self.negotiation == Negotiation::Direct)
            .then_some("postgresql")
    }
}

/// No connector asks for it: each takes settings of its own engine alone.
#[cfg(not(all(feature = "postgres", feature = "mysql")))]
fn not_built(engine: Engine) -> Failure {
    Failure::new(
        Stage::Settings,
        ErrorCode::VariableInvalid,
        format!("WA_DB_ENGINE is {engine}, which this program was built without"),
        "build it with the feature of that engine",
    )
}

#[cfg(feature = "mysql")]
impl Greeted {
    /// Reads it.
    ///
    /// # Errors
    /// Stage `connect`; `tls_refused` where the server does not offer TLS.
    pub(crate) async fn read(address: SocketAddr, mut stream: TcpStream) -> Result<Self, Failure> {
        let greeting = mysql::greeting(&mut stream).await?;
        Ok(Self {
            address,
            greeting,
            stream,
        })
    }
}
