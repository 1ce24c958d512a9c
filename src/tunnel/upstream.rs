//! The way to the server, and which server of the list it is: [`Upstream`].

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::{Instant, timeout_at};

use super::health::Health;
use super::meters::Meters;
use super::outcome::ServerStream;
use super::wanted::{self, Wanted};
use crate::connect::trust::Trust;
use crate::connect::{ConnectError, Turn, after_tls, first_of};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::{Fault, Settings, Verification};
use crate::tls::TlsPolicy;
use crate::wire::Dialer;

/// The way to the servers that the settings name, under their whole policy.
pub(super) struct Upstream {
    settings: Settings,
    dialer: Dialer,
    trust: Trust,
    wanted: Option<Wanted>,
    health: Arc<Health>,
    meters: Arc<Meters>,
}

/// One attempt to reach one server of the list.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) endpoint: Endpoint,
    pub(super) policy: TlsPolicy,
    /// How far it has come, and until when it may go on.
    pub(super) turn: Turn,
}

/// A server that was reached: TLS is set up, and it is trusted as far as the policy asks.
pub(super) struct Reached {
    pub(super) stream: ServerStream,
    pub(super) server: Server,
}

/// Which server it is, and by whose rules it was reached.
pub(super) struct Server {
    endpoint: Endpoint,
    address: SocketAddr,
    policy: TlsPolicy,
}

impl Server {
    /// A server that an attempt has led to.
    pub(super) fn of(attempt: Attempt, address: SocketAddr) -> Self {
        Self {
            endpoint: attempt.endpoint,
            address,
            policy: attempt.policy,
        }
    }

    /// The server as the settings name it.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether its certificate chain was verified. Nobody vouches for any other.
    pub(super) fn is_verified(&self) -> bool {
        self.policy.verification() != Verification::Off
    }
}

impl Upstream {
    pub(super) fn new(
        settings: &Settings,
        health: &Arc<Health>,
        meters: &Arc<Meters>,
    ) -> Result<Self, Vec<Fault>> {
        let parts = || Ok((Trust::load(settings)?, Wanted::new(settings)?));
        let (trust, wanted) = parts().map_err(|error: ConnectError| {
            let failure = error.failure();
            let (code, message, hint) = (failure.code(), failure.message(), failure.hint());
            vec![Fault::new(code, "WA_DB_SSL_CA", message, hint)]
        })?;
        Ok(Self {
            settings: settings.clone(),
            dialer: Dialer::new(settings),
            trust,
            wanted,
            health: Arc::clone(health),
            meters: Arc::clone(meters),
        })
    }

    /// What dials, for an attempt.
    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The policy for a new connection, after a look at its files: they are read where they changed.
    pub(super) fn policy(&self) -> TlsPolicy {
        let policy = self.trust.current();
        self.meters.certificates_end(policy.expiries());
        policy
    }

    /// A secured stream to the first PostgreSQL server that can be reached and is trusted.
    ///
    /// # Errors
    /// Every server that was tried, in one failure.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(super) async fn secure_postgres(&self) -> Result<Reached, Failure> {
        self.reach(async |attempt: Attempt| self.attempt_postgres(attempt).await)
            .await
    }

    /// The same to this server, where no other will do.
    ///
    /// # Errors
    /// It cannot be reached, or is not trusted.
    pub(super) async fn secure_postgres_at(&self, server: Endpoint) -> Result<Reached, Failure> {
        let settings = self.settings.with_endpoint(server);
        let policy = self.policy();
        let reached = first_of(&settings, |endpoint, turn| {
            let policy = policy.clone();
            self.attempt_postgres(Attempt {
                endpoint,
                policy,
                turn,
            })
        });
        reached.await.map_err(|error| error.failure().clone())
    }

    async fn attempt_postgres(&self, attempt: Attempt) -> Result<Reached, Failure> {
        let Attempt {
            endpoint,
            policy,
            turn,
        } = &attempt;
        let secured = self
            .dialer
            .secure_postgres(endpoint, policy, turn.deadline, &turn.progress)
            .await
            .map_err(|rejected| rejected.failure)?;
        self.shown(secured.facts.expires);
        Ok(Reached {
            stream: secured.stream,
            server: Server::of(attempt, secured.address),
        })
    }

    /// Runs `attempt` on one server of the list after the other until one is good, all under
    /// `WA_DB_CONNECT_TIMEOUT`. What comes of it decides whether the tunnel is ready.
    ///
    /// # Errors
    /// Every server that was tried, in one failure.
    pub(super) async fn reach<T, F>(&self, attempt: impl Fn(Attempt) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let policy = self.policy();
        let try_one = |endpoint, turn: Turn| {
            let progress = turn.progress.clone();
            let made = attempt(Attempt {
                endpoint,
                policy: policy.clone(),
                turn,
            });
            async move { Ok((made.await?, progress.times())) }
        };
        let reached = match &self.wanted {
            None => first_of(&self.settings, try_one).await,
            Some(wanted) => self.reach_wanted(wanted, try_one).await,
        };
        match reached {
            Ok((made, times)) => {
                for (stage, took) in times {
                    self.meters.took(stage, took);
                }
                self.health.reached();
                Ok(made)
            }
            Err(error) => {
                if let Some(wanted) = &self.wanted {
                    wanted.forget();
                }
                // All attempts in the words of one failure.
                let failure =
                    Failure::new(error.stage(), error.code(), error.to_string(), error.hint());
                Err(self.failed(failure))
            }
        }
    }

    /// Notes when the certificate ends that a server has shown.
    pub(super) fn shown(&self, expires: Option<SystemTime>) {
        self.meters.certificate_ends("server", expires);
    }

    /// Finds the server of the wanted kind and tries it, both in the time of one attempt.
    async fn reach_wanted<T, F>(
        &self,
        wanted: &Wanted,
        try_one: impl FnMut(Endpoint, Turn) -> F,
    ) -> Result<T, ConnectError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let deadline = Instant::now() + self.settings.connect_timeout();
        let found = wanted.find(deadline).await?;
        let settings = self.settings.with_endpoint(found);
        let reached = timeout_at(deadline, first_of(&settings, try_one));
        reached.await.unwrap_or_else(|_| Err(wanted::too_late()))
    }

    /// Notes a failure of the way to the server.
    fn failed(&self, failure: Failure) -> Failure {
        self.meters.failed(failure.code());
        self.health.failed_with(&failure);
        failure
    }

    /// Replaces the failure of a login by what the server says of our certificate, if that is behind it.
    pub(super) async fn explain(&self, failure: Failure, server: &Server) -> Failure {
        let Server {
            endpoint,
            address,
            policy,
        } = server;
        after_tls::explain(&self.dialer, failure, endpoint, *address, policy).await
    }
}
