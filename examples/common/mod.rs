//! What both services begin and end with: settings, logging, signals, one error type.

use std::fmt;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use wa_db::settings::Environment;
use wa_db::{
    ErrorCode, Pool, PoolError, Role, Settings, SettingsError, Stage, mysql_async, tokio_postgres,
};

/// How long work that has begun may take to end once the service was asked to stop.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);
/// How long connections that are out may take to come back at the end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Runs a service from its settings to its end: 0 if it was asked to stop, 1 if it could not go on.
pub(crate) async fn run<S, F>(role: Role, service: S) -> ExitCode
where
    S: FnOnce(Pool, Stop) -> F,
    F: Future<Output = io::Result<()>>,
{
    log_to_stdout();
    // First of all, so that a signal that comes early ends the service in good order too.
    let stop = match Stop::on_signals() {
        Ok(stop) => stop,
        Err(error) => return give_up(&error),
    };
    let settings = match settings(role) {
        Ok(settings) => settings,
        Err(faults) => return give_up(&faults),
    };
    for warning in settings.warnings() {
        tracing::warn!("{}", warning.message);
    }
    // Lazily: a service that starts before its database is not ready, but it is no failure.
    let pool = match Pool::connect_lazy(&settings) {
        Ok(pool) => pool,
        Err(error) => return give_up(&error),
    };
    let outcome = service(pool.clone(), stop).await;
    if let Err(error) = pool.close(CLOSE_DEADLINE).await {
        tracing::warn!("{error}");
    }
    match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => give_up(&error),
    }
}

/// From the environment, with the file of `$ENV_FILE` laid over it, if that is set. A service whose
/// variables all come from its environment needs no more than `Settings::from_env`.
fn settings(role: Role) -> Result<Settings, SettingsError> {
    let mut environment = Environment::process();
    if let Some(file) = std::env::var_os("ENV_FILE").filter(|file| !file.is_empty()) {
        environment = environment.with_env_file(file)?;
    }
    Settings::from_environment(role, &environment)
}

fn give_up(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("cannot go on: {error}");
    ExitCode::FAILURE
}

/// `RUST_LOG` says how much, `info` if it is unset. Drivers never say more than warnings, whatever it
/// asks for: their details hold statements and their parameters.
fn log_to_stdout() {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| "info".to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!(
            "{asked},mysql_async=warn,tokio_postgres=warn"
        )))
        .with_ansi(io::stdout().is_terminal())
        .init();
}

/// Tells when the service has been asked to stop, by SIGTERM or SIGINT.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            }
            tell.send_replace(true);
        });
        Ok(Self(told))
    }

    /// Done as soon as the service has been asked to stop.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn asked(&self) {
        // An error would mean that nobody can ask any more: stopping is right then too.
        let _ = self.0.clone().wait_for(|asked| *asked).await;
    }

    /// Done when work that had begun by then has had its time to end.
    ///
    /// # Cancel safety
    ///
    /// As [`asked`](Self::asked).
    pub(crate) async fn overdue(&self) {
        self.asked().await;
        tokio::time::sleep(DRAIN_DEADLINE).await;
    }
}

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    /// There was no connection to be had.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// PostgreSQL refused the statement, or went away.
    #[error("a statement failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// MySQL or MariaDB refused the statement, or went away.
    #[error("a statement failed")]
    MySql(#[from] mysql_async::Error),
    /// It took too long. Whatever was open is closed or rolled back by the pool.
    #[error("not done within {0:?}")]
    Late(Duration),
}

impl DbError {
    /// What may be told to strangers: where it failed and the contract's word for why. Server
    /// texts, names and addresses belong in the log.
    pub(crate) fn label(&self) -> Label {
        let (code, stage) = match self {
            Self::Pool(error) => (error.code(), error.stage()),
            Self::Postgres(_) | Self::MySql(_) => (Some(ErrorCode::ServerError), Stage::Session),
            Self::Late(_) => (Some(ErrorCode::Timeout), Stage::Session),
        };
        Label { code, stage }
    }

    /// What an operator should do next, where that is known.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Pool(error) => Some(error.hint()),
            _ => None,
        }
    }
}

/// An error's code and stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    code: Option<ErrorCode>,
    stage: Stage,
}

impl Label {
    /// The contract's word for the error; `closing` if the pool was being closed.
    pub(crate) fn code(self) -> &'static str {
        self.code.map_or("closing", ErrorCode::as_str)
    }

    /// Where it happened.
    pub(crate) fn stage(self) -> &'static str {
        self.stage.as_str()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at stage {}", self.code(), self.stage())
    }
}

/// Gives up what is not done in time. No statement of the drivers has a deadline of its own.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(DbError::Late(limit)))
}
