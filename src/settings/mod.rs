//! Everything the environment says about a database, parsed: [`Settings`].

mod assemble;
mod effective;
mod env_file;
mod environment;
mod fault;
mod last_good;
mod legacy;
mod migrate;
mod network;
mod options;
mod parse;
mod permissions;
mod pins;
mod raw;
mod reports;
mod secret_file;
mod shown_path;
mod small_file;
mod tls;
mod tunnel;
mod variables;

use std::time::Duration;

pub use self::effective::Effective;
#[cfg(feature = "cli")]
pub(crate) use self::env_file::quoted;
pub use self::environment::{Environment, Source};
pub use self::fault::{Fault, SettingsError, Warning};
pub use self::migrate::{Migration, migrate};
pub use self::network::AllowedNetworks;
pub use self::options::{
    ChannelBinding, PasswordSource, PoolSettings, Recycle, Role, TargetSession,
};
pub(crate) use self::permissions::require_private;
pub use self::pins::{Pin, PinSet};
pub use self::reports::{ReportTargets, ReportUri};
pub use self::secret_file::SecretFile;
#[cfg(feature = "cli")]
pub(crate) use self::shown_path::may_show;
pub(crate) use self::shown_path::shown_path;
pub(crate) use self::small_file::{Content, read_regular};
pub use self::tls::{
    CrlStale, Depth, IdentityFiles, Negotiation, SecurityLevel, TlsSettings, Verification,
};
pub use self::tunnel::TunnelSettings;
#[cfg(feature = "cli")]
pub(crate) use self::variables::nearest;
use crate::endpoint::{Endpoint, Engine};

/// What one role's environment says, parsed and free of contradictions.
#[derive(Clone, Debug)]
pub struct Settings {
    role: Role,
    engine: Engine,
    #[cfg(feature = "mysql")]
    is_mariadb: bool,
    endpoints: Vec<Endpoint>,
    username: String,
    password: PasswordSource,
    database: Option<String>,
    database_prefix: String,
    tls: TlsSettings,
    channel_binding: ChannelBinding,
    target: TargetSession,
    allowed_networks: Option<AllowedNetworks>,
    connect_timeout: Duration,
    read_timeout: Duration,
    idle_timeout: Option<Duration>,
    pool: PoolSettings,
    tunnel: TunnelSettings,
    warnings: Vec<Warning>,
    effective: Vec<Effective>,
}

impl Settings {
    /// The settings of one role from the environment of this process.
    ///
    /// # Errors
    /// As [`Settings::from_environment`].
    pub fn from_env(role: Role) -> Result<Self, SettingsError> {
        Self::from_environment(role, &Environment::process())
    }

    /// The settings of one role from an [`Environment`].
    ///
    /// The only files that are opened are those of secrets that may be encrypted: `WA_DB_PASSWORD_FILE`,
    /// with it `WA_DB_IDENTITY_FILE`, and where that is set `WA_DB_SSL_KEY_PASSWORD_FILE`, to see whether
    /// it is encrypted. Certificates and keys are read where TLS is set up.
    ///
    /// ```
    /// use wa_db::settings::{Environment, Role, Settings};
    ///
    /// let environment = Environment::from_pairs([
    ///     ("WA_DB_ENGINE", "PGSQL"),
    ///     ("WA_DB_HOSTNAME", "db.example"),
    ///     ("WA_DB_USERNAME", "app"),
    /// ]);
    /// let settings = Settings::from_environment(Role::Webapp, &environment)?;
    /// assert_eq!(settings.endpoints()[0].to_string(), "db.example:5432");
    /// # Ok::<(), wa_db::settings::SettingsError>(())
    /// ```
    ///
    /// # Defaults
    /// Port 3306 or 5432; database none (`MySQL`) or `postgres` (`PostgreSQL`, without the prefix);
    /// system certificate store; verification of chain and name; no revocation list, no pins, no
    /// reports; TLS 1.2 and up with OpenSSL's suites; channel binding preferred; any target; any
    /// network; tunnel listeners at level `MODERN`; connect timeout 10 s, read timeout 5 s, no idle timeout; pool of at
    /// most 16 and at least 0 connections, 5 s of waiting, 30 min of lifetime, fast recycling.
    ///
    /// # Errors
    /// Every fault at once, in the order of the contract's table: what is missing, has no meaning,
    /// or contradicts another variable. No fault holds a secret.
    pub fn from_environment(role: Role, environment: &Environment) -> Result<Self, SettingsError> {
        assemble::assemble(role, environment)
    }

    /// What every variable comes to and where its value is from, in the order of the contract's
    /// table; secrets hidden.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }

    /// The role these settings are for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The protocol to speak.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Whether the engine is said to be `MariaDB`. One may also be said to be `MySQL`, whose protocol it
    /// speaks.
    #[cfg(feature = "mysql")]
    pub(crate) fn is_mariadb(&self) -> bool {
        self.is_mariadb
    }

    /// Refuses settings of another engine than the one that `wanted` stands for. A service that
    /// speaks one protocol would wait for an answer in it for ever.
    pub(crate) fn require_engine(&self, wanted: Engine) -> Result<(), Vec<Fault>> {
        if self.engine == wanted {
            return Ok(());
        }
        let language = match wanted {
            Engine::Postgres => "PostgreSQL",
            Engine::MySql => "MySQL",
        };
        let name = variables::ENGINE;
        Err(vec![Fault::invalid(
            name,
            format!(
                "{name} is {} and this service speaks {language}",
                self.engine
            ),
            format!(
                "set {name} to {wanted}, and {} to such a server",
                variables::HOSTNAME
            ),
        )])
    }

    /// The servers to try, in order. Never empty.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The account's name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Where the account's password comes from.
    pub fn password(&self) -> &PasswordSource {
        &self.password
    }

    /// These settings, with a password file that may break: the last password read from it by these, or a
    /// clone of these, is then used.
    pub(crate) fn remembering_password(&self) -> Self {
        let mut settings = self.clone();
        if let PasswordSource::File(file) = &mut settings.password {
            file.remember();
        }
        settings
    }

    /// The database to open, prefix applied: `None` opens none (`MySQL` only).
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The full name of another database of the same installation: the prefix is put in front.
    pub fn database_named(&self, name: &str) -> String {
        format!("{}{name}", self.database_prefix)
    }

    /// These settings with another database to open, the prefix put in front of `name`.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.database = Some(self.database_named(name));
        other
    }

    /// The same settings for one server of the list.
    #[must_use]
    pub fn with_endpoint(&self, endpoint: Endpoint) -> Self {
        let mut other = self.clone();
        other.endpoints = vec![endpoint];
        other
    }

    /// The same settings with another wish for the kind of server.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn with_target(&self, target: TargetSession) -> Self {
        let mut other = self.clone();
        other.target = target;
        other
    }

    /// What is said of TLS.
    pub fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// Whether the login must be bound to the TLS channel.
    pub fn channel_binding(&self) -> ChannelBinding {
        self.channel_binding
    }

    /// Which kind of server of the list is wanted.
    pub fn target(&self) -> TargetSession {
        self.target
    }

    /// The networks whose addresses may be dialled; `None` allows all.
    pub fn allowed_networks(&self) -> Option<&AllowedNetworks> {
        self.allowed_networks.as_ref()
    }

    /// Deadline of one new connection, name resolution to ready.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Deadline of a query of our own.
    pub fn read_timeout(&self) -> Duration {
        self.read_timeout
    }

    /// How long an idle pooled connection is kept; `None`: as long as it lives.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    /// What is said of the pool.
    pub fn pool(&self) -> &PoolSettings {
        &self.pool
    }

    /// What is said of the tunnel's listeners.
    pub fn tunnel(&self) -> &TunnelSettings {
        &self.tunnel
    }

    /// What should be changed though it is no fault.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// The role that `WA_DB_ROLE` names; `None` when it is unset or says `both`.
///
/// # Errors
/// The variable names no role.
pub fn role_of(environment: &Environment) -> Result<Option<Role>, Fault> {
    environment
        .get(variables::ROLE)
        .map_or(Ok(None), parse::word::role)
}

#[cfg(test)]
mod tests;
