//! A tunnel from its start to its end: [`run`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::accept::Door;
use super::admin::Admin;
use super::admission::Admission;
use super::context::Shared;
use super::limits;
use super::listen::Listener;
use super::options::Options;
use super::plan::Plan;
use super::workers::Workers;
use super::{mysql, postgres};
use crate::code::ErrorCode;
use crate::connect::last_words;
use crate::endpoint::Engine;
use crate::serve::{Collector, ListenerTls, Profile, Signals, Wish};
use crate::settings::{Fault, Settings, SettingsError};

/// The pauses between looks at a server that could not be reached.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often the listener's files are looked at, and how long certificates are good for is counted.
const LOOK: Duration = Duration::from_secs(10);
/// How long sessions that are told to end may take for it.
const LAST: Duration = Duration::from_secs(2);
/// What clients of PostgreSQL name that speak TLS from the first byte, in ALPN's form.
const ALPN_POSTGRESQL: &[u8] = b"\x0apostgresql";

/// Carries sessions until a signal ends it: SIGTERM or SIGINT. Sessions that are under way then may go
/// on for as long as the options say; a second signal ends them at once. SIGHUP has files read again.
///
/// # Errors
/// What keeps it from starting: options that do not fit, files that cannot be used, places that cannot
/// be listened on.
pub async fn run(options: &Options, settings: &Settings) -> Result<(), SettingsError> {
    start(options, settings).await.map_err(SettingsError::new)
}

async fn start(options: &Options, settings: &Settings) -> Result<(), Vec<Fault>> {
    let plan = Plan::new(options, settings)?;
    let mut signals = Signals::catch("wa-db tunnel").map_err(|fault| vec![fault])?;
    // Before anything is counted.
    let collector = options.admin.map(|_| Collector::install()).transpose();
    let collector = collector.map_err(|fault| vec![fault])?;
    let tls = match &options.tls {
        Some(files) => Some(Arc::new(ListenerTls::load(
            files,
            Profile {
                level: plan.exposure.security_level,
                alpn: ALPN_POSTGRESQL,
            },
        )?)),
        None => None,
    };
    let shared = Arc::new(Shared::load(settings, options.inject)?);
    let listeners = open(&plan, options, tls.as_ref())?;
    let admin = match (options.admin, &collector) {
        (Some(address), Some(collector)) => Some(
            Admin::open(address, collector.clone())
                .await
                .map_err(|fault| vec![fault])?,
        ),
        _ => None,
    };
    let workers = Workers::start().map_err(|error| vec![too_few_threads(&error)])?;
    let sessions = options.max_connections.get();
    limits::make_room(sessions.saturating_mul(listeners.len()), workers.count());
    let door = Door::new(Arc::clone(&shared), workers);
    announce(&listeners, admin.as_ref(), settings);
    let mut doors = JoinSet::new();
    for listener in listeners {
        let admission = Admission::new(options.max_connections, options.max_connections_per_client);
        doors.spawn(door.clone().keep(listener, admission));
    }
    if let Some(admin) = admin {
        tokio::spawn(admin.serve(Arc::clone(&shared.health), door.ending.clone()));
    }
    // Without a listener for health nobody asks: a server of PostgreSQL then hears of sessions alone.
    let tries = collector.is_some() || settings.engine() == Engine::MySql;
    tokio::spawn(watch_server(Arc::clone(&shared), tries));
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::End => break,
                Wish::Reload => {
                    tracing::info!("SIGHUP: files are looked at");
                    look(&shared, tls.as_deref());
                }
            },
            () = sleep(LOOK) => {
                look(&shared, tls.as_deref());
                if let Some(collector) = &collector {
                    collector.upkeep();
                }
            }
        }
    }
    door.shared.health.drain();
    door.closing.cancel();
    // Listeners are closed, and their sockets removed, before anything is waited for.
    doors.join_all().await;
    drain(&door, options.drain, &mut signals).await;
    // They would end with the threads that brought them up. What is lost of reports is in the log.
    last_words().await;
    Ok(())
}

fn too_few_threads(error: &io::Error) -> Fault {
    Fault::new(
        ErrorCode::VariableInvalid,
        "wa-db tunnel",
        format!("threads for sessions cannot be started: {error}"),
        "raise the limits on threads and open files of the tunnel's user (ulimit -u, ulimit -n) or container",
    )
}

fn open(
    plan: &Plan,
    options: &Options,
    tls: Option<&Arc<ListenerTls>>,
) -> Result<Vec<Listener>, Vec<Fault>> {
    let mut users = options.client_uids.clone();
    users.push(rustix::process::geteuid().as_raw());
    let users = users.into();
    let mut faults = Vec::new();
    let mut listeners = Vec::new();
    for place in &plan.listen {
        match Listener::open(place, plan, tls, &users) {
            Ok(listener) => listeners.push(listener),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(listeners)
    } else {
        Err(faults)
    }
}

fn announce(listeners: &[Listener], admin: Option<&Admin>, settings: &Settings) {
    let servers: Vec<_> = settings
        .endpoints()
        .iter()
        .map(ToString::to_string)
        .collect();
    let servers = servers.join(",");
    for listener in listeners {
        tracing::info!(place = %listener.place(), engine = %settings.engine(), role = %settings.role(), %servers, "listening");
    }
    if let Some(address) = admin.and_then(Admin::address) {
        tracing::info!(%address, "health and metrics");
    }
}

/// Reads files that changed.
fn look(shared: &Shared, tls: Option<&ListenerTls>) {
    shared.upstream.policy();
    let Some(tls) = tls else { return };
    tls.look();
    shared
        .meters
        .certificate_ends("listener", tls.current().ends);
}

/// Tries the server once at the start, where that is wanted. While it cannot be reached, tries again from
/// time to time, so that the tunnel becomes ready though nobody sends it clients.
async fn watch_server(shared: Arc<Shared>, tries_at_start: bool) {
    let prepare = async || match shared.settings.engine() {
        Engine::Postgres => postgres::prepare(&shared).await,
        Engine::MySql => mysql::prepare(&shared).await,
    };
    if tries_at_start {
        prepare().await;
    }
    loop {
        tokio::select! {
            () = shared.health.until_failed() => {}
            () = mysql::until_doubted(&shared) => {
                mysql::prepare(&shared).await;
                continue;
            }
        }
        let mut pause = FIRST_PAUSE;
        while shared.health.has_failed() {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            prepare().await;
        }
    }
}

/// Waits for the sessions that are under way, and ends those that go on for too long.
async fn drain(door: &Door, patience: Duration, signals: &mut Signals) {
    door.sessions.close();
    let under_way = door.sessions.len();
    if under_way > 0 {
        tracing::info!(
            sessions = under_way,
            ?patience,
            "ending: waiting for sessions"
        );
    }
    let deadline = Instant::now() + patience;
    tokio::select! {
        _ = timeout_at(deadline, door.sessions.wait()) => {}
        () = signals.end() => {}
    }
    let cut = door.sessions.len();
    door.ending.cancel();
    // A thread that hangs in a file of a mount that does not answer hears of nothing.
    if timeout(LAST, door.sessions.wait()).await.is_err() {
        tracing::warn!(left = door.sessions.len(), "sessions did not end");
    }
    tracing::info!(cut, "ended");
}
