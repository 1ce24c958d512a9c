//! A worker that delivers what the web application wrote.
//!
//! ```text
//! ENV_FILE=db.env HEARTBEAT=/tmp/heartbeat cargo run --example coreapp
//! ```
//!
//! It takes the `WA_DB_*` variables of its environment, and those of the file `$ENV_FILE`, if that is set.
//!
//! It claims rows of `messages` with `FOR UPDATE SKIP LOCKED`, so that any number of workers may run side
//! by side, and marks them delivered in the same transaction: a worker that dies in between leaves them to
//! the next one. `$HEARTBEAT`, if set, is a file that is written anew at every turn, whether or not the
//! database could be reached; one older than 30 s means that the worker is stuck.

mod common;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use common::{DbError, Stop, within};
use wa_db::mysql_async::TxOpts;
use wa_db::mysql_async::prelude::Queryable;
use wa_db::{MySqlPool, Pool, PostgresPool, Role};

/// How many messages one transaction delivers at most.
const BATCH: usize = 50;
/// How often to look for new messages when there were none.
const IDLE: Duration = Duration::from_millis(500);
/// One transaction, its checkout included.
const DEADLINE: Duration = Duration::from_secs(15);
/// The pauses after failures in a row: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    common::run(Role::Coreapp, work).await
}

async fn work(pool: Pool, stop: Stop) -> io::Result<()> {
    let mut heartbeat = Heartbeat::from_env();
    let mut failures = 0;
    tracing::info!("waiting for messages");
    loop {
        heartbeat.beat();
        // A turn that has begun may end, and is cut off only if the server does not answer.
        let turn = tokio::select! {
            turn = within(DEADLINE, deliver(&pool)) => turn,
            () = stop.overdue() => {
                tracing::warn!("the last turn was cut off");
                return Ok(());
            }
        };
        let pause = match turn {
            Ok(delivered) => {
                if failures > 0 {
                    tracing::info!("the database is back");
                }
                failures = 0;
                if delivered == BATCH {
                    Duration::ZERO
                } else {
                    IDLE
                }
            }
            // Whatever it is, trying again is right: servers come back, and a wrong certificate
            // or password may be replaced on disk without a word to this process.
            Err(error) => {
                let pause = pause_after(failures);
                failures += 1;
                report(&error, pause);
                pause
            }
        };
        tokio::select! {
            () = stop.asked() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Delivers one batch. Says how many there were.
async fn deliver(pool: &Pool) -> Result<usize, DbError> {
    let delivered = match pool {
        Pool::Postgres(pool) => deliver_from_postgres(pool).await?,
        Pool::MySql(pool) => deliver_from_mysql(pool).await?,
    };
    if delivered > 0 {
        tracing::info!(delivered, "delivered messages");
    }
    Ok(delivered)
}

async fn deliver_from_postgres(pool: &PostgresPool) -> Result<usize, DbError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let claim = format!(
        "SELECT id, body FROM messages WHERE delivered_at IS NULL ORDER BY id LIMIT {BATCH} FOR UPDATE SKIP LOCKED"
    );
    let mut ids = Vec::new();
    for row in transaction.query(&claim, &[]).await? {
        let id: i64 = row.try_get(0)?;
        hand_over(id, row.try_get(1)?);
        ids.push(id);
    }
    let mark = "UPDATE messages SET delivered_at = now() WHERE id = ANY($1)";
    transaction.execute(mark, &[&ids]).await?;
    transaction.commit().await?;
    Ok(ids.len())
}

async fn deliver_from_mysql(pool: &MySqlPool) -> Result<usize, DbError> {
    let mut client = pool.get().await?;
    let mut transaction = client.start_transaction(TxOpts::default()).await?;
    let claim = format!(
        "SELECT id, body FROM messages WHERE delivered_at IS NULL ORDER BY id LIMIT {BATCH} FOR UPDATE SKIP LOCKED"
    );
    let claimed: Vec<(i64, String)> = transaction.query(claim).await?;
    for (id, body) in &claimed {
        hand_over(*id, body);
    }
    let mark = "UPDATE messages SET delivered_at = UTC_TIMESTAMP() WHERE id = ?";
    let ids = claimed.iter().map(|(id, _)| (id,));
    transaction.exec_batch(mark, ids).await?;
    transaction.commit().await?;
    Ok(claimed.len())
}

/// Where a real worker would send the message on. It may happen twice if the commit then fails.
fn hand_over(id: i64, body: &str) {
    // What people write does not belong in a log.
    tracing::debug!(id, characters = body.chars().count(), "message");
}

fn report(error: &DbError, pause: Duration) {
    let label = error.label();
    tracing::warn!(
        code = label.code(),
        stage = label.stage(),
        error = error as &dyn std::error::Error,
        hint = error.hint(),
        "trying again in {pause:?}"
    );
}

/// Doubled with each failure, and between half and all of that, so that workers which failed
/// together do not come back together.
fn pause_after(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures));
    doubled
        .min(LAST_PAUSE)
        .mul_f64(rand::random_range(0.5..=1.0))
}

/// The file of `$HEARTBEAT`.
struct Heartbeat {
    file: Option<PathBuf>,
    /// Whether it could not be written last time.
    failing: bool,
}

impl Heartbeat {
    fn from_env() -> Self {
        let file = std::env::var_os("HEARTBEAT").filter(|file| !file.is_empty());
        Self {
            file: file.map(PathBuf::from),
            failing: false,
        }
    }

    /// A full disk must not stop the deliveries; the health check will notice the old heartbeat. It is
    /// told once, not at every turn, and so is its end.
    fn beat(&mut self) {
        let Some(file) = &self.file else {
            return;
        };
        match std::fs::write(file, "alive\n") {
            Err(error) if !self.failing => {
                tracing::warn!(%error, file = %file.display(), "cannot write the file of HEARTBEAT");
                self.failing = true;
            }
            Ok(()) if self.failing => {
                tracing::info!("the file of HEARTBEAT can be written again");
                self.failing = false;
            }
            _ => {}
        }
    }
}
