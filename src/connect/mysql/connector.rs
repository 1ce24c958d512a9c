//! [`MySqlConnector`]: the driver dials and logs in; which address, whom to trust and how long is
//! decided here.

use std::fmt;
use std::sync::Arc;

use mysql_async::{Conn, Opts};

use super::login::{Login, SecondLook};
use super::options::{LARGEST_PACKET, all_options, with_password};
use super::{relay, session};
use crate::code::Stage;
use crate::connect::error::ConnectError;
use crate::connect::sequence::first_of;
use crate::endpoint::{Endpoint, Engine};
use crate::settings::{Settings, TargetSession};
use crate::tls::{CertificateExpiries, Reloading, TlsPolicy};
use crate::wire::{Dialer, Progress, StageTimes};
#[cfg(feature = "cli")]
use crate::{
    failure::Failure,
    wire::{Greeted, Rejected},
};

/// Makes verified connections to the MySQL or MariaDB servers that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct MySqlConnector(Arc<Inner>);

struct Inner {
    settings: Settings,
    dialer: Dialer,
    packet_limit: usize,
    files: Reloading<Arc<[Opts]>>,
    second_look: SecondLook,
}

/// One connection that is ready for queries.
pub struct MySqlConnection {
    /// The driver's connection.
    pub conn: Conn,
    /// The server of the list that answered.
    pub endpoint: Endpoint,
    /// How long each stage took. At the direct depth the driver makes dial, TLS and login in one
    /// go, so they stand together under `connect`.
    pub times: StageTimes,
    /// When the certificates end.
    pub expiries: CertificateExpiries,
}

impl fmt::Debug for MySqlConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The driver's own Debug prints its options, password included.
        f.debug_struct("MySqlConnection")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MySqlConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlConnector")
            .field("endpoints", &self.0.settings.endpoints())
            .finish_non_exhaustive()
    }
}

impl MySqlConnector {
    /// Reads the certificate files; nothing is dialled yet.
    ///
    /// # Errors
    /// Stage `settings`, with every fault of every file, or because the settings are for another
    /// engine.
    pub fn new(settings: &Settings) -> Result<Self, ConnectError> {
        settings.require_engine(Engine::MySql)?;
        let files = Reloading::new(settings.tls().clone(), |policy| {
            all_options(settings, LARGEST_PACKET, policy)
        })?;
        Ok(Self::of(settings, LARGEST_PACKET, files))
    }

    /// The same with a policy that was loaded from these settings before, and a bound on what the
    /// server may send in one packet, for sessions that expect small answers only.
    #[cfg(feature = "cli")]
    pub(crate) fn with_policy(
        settings: &Settings,
        policy: TlsPolicy,
        packet_limit: usize,
    ) -> Result<Self, ConnectError> {
        let files = Reloading::starting_with(policy, settings.tls().clone(), |policy| {
            all_options(settings, packet_limit, policy)
        })?;
        Ok(Self::of(settings, packet_limit, files))
    }

    fn of(settings: &Settings, packet_limit: usize, files: Reloading<Arc<[Opts]>>) -> Self {
        Self(Arc::new(Inner {
            settings: settings.remembering_password(),
            dialer: Dialer::new(settings),
            packet_limit,
            files,
            second_look: SecondLook::new(settings),
        }))
    }

    /// The settings that this connector was made of.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Makes one connection, under the deadline of `WA_DB_CONNECT_TIMEOUT`. Certificate, key, CA
    /// and password files that changed are read again first.
    ///
    /// # Errors
    /// Every server that was tried, with the stage that failed.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub async fn connect(&self) -> Result<MySqlConnection, ConnectError> {
        let Inner {
            settings,
            dialer,
            packet_limit,
            files,
            second_look,
        } = &*self.0;
        let (policy, options) =
            files.current::<ConnectError>(|policy| all_options(settings, *packet_limit, policy));
        let mut options = options.iter();
        let policy = &policy;
        first_of(settings, |endpoint, turn| {
            // The list of options was made from the same list of servers.
            let options = options.next().cloned().unwrap_or_default();
            async move {
                let login = Login {
                    way: self.way(dialer, &endpoint, policy, &turn.progress),
                    allowed: settings.allowed_networks(),
                    deadline: turn.deadline,
                    second_look,
                    options: with_password(settings, options)?,
                };
                let (mut conn, server) = login.run().await?;
                turn.progress.enter(Stage::Session);
                if settings.target() != TargetSession::Any {
                    session::check_target(&mut conn, settings.target(), &endpoint).await?;
                }
                Ok(MySqlConnection {
                    conn,
                    endpoint,
                    times: turn.progress.times(),
                    expiries: CertificateExpiries {
                        server,
                        ..policy.expiries()
                    },
                })
            }
        })
        .await
    }

    fn way<'a>(
        &'a self,
        dialer: &'a Dialer,
        endpoint: &'a Endpoint,
        policy: &'a TlsPolicy,
        progress: &'a Progress,
    ) -> relay::Way<'a> {
        relay::Way {
            dialer,
            endpoint,
            policy,
            password: self.0.settings.password(),
            progress,
        }
    }
}

#[cfg(feature = "cli")]
impl MySqlConnector {
    /// Secures a connection to the first server of the list that `dialer` has dialled, for the driver to
    /// log in on it.
    ///
    /// # Errors
    /// Stages `settings` and `tls`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(crate) async fn introduce(
        &self,
        dialer: &Dialer,
        greeted: Greeted,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        progress: &Progress,
    ) -> Result<relay::Introduced, Rejected> {
        let inner = &*self.0;
        let build = |policy: &_| all_options(&inner.settings, inner.packet_limit, policy);
        let (_, options) = inner.files.current::<ConnectError>(build);
        let options = options.first().cloned().unwrap_or_default();
        let options = with_password(&inner.settings, options)?;
        let way = self.way(dialer, endpoint, policy, progress);
        relay::introduce(&way, greeted, options).await
    }

    /// Lets the driver log in where it was introduced.
    ///
    /// # Errors
    /// Stages `tls` and `authenticate`.
    ///
    /// # Cancel Safety
    /// Dropping the future closes what was opened.
    pub(crate) async fn login(
        &self,
        introduced: relay::Introduced,
        dialer: &Dialer,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
    ) -> Result<Conn, Failure> {
        let progress = Progress::start(Stage::Authenticate);
        let way = self.way(dialer, endpoint, policy, &progress);
        let login = introduced.login(&way).await;
        let (conn, _) = login.map_err(|rejected| rejected.failure)?;
        self.0.second_look.let_in(&conn);
        Ok(conn)
    }
}
