//! A monitor from its start to its end: [`run`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::auditor;
use super::board::{Board, Target};
use super::hosts::Hosts;
use super::options::Options;
use super::subject::{Subject, Surroundings};
use super::web::{Page, router};
use crate::audit::Suppressions;
use crate::check::Limit;
use crate::serve::{
    Collector, HttpListener, ListenerTls, Profile, Signals, Wish, exposed, is_local,
};
use crate::settings::{Fault, Settings, SettingsError, TunnelSettings};

/// The least that a look may take, however short the interval is.
const LEAST_LIMIT: Duration = Duration::from_secs(15);
/// How often the listener's files are looked at, and samples are taken together.
const LOOK: Duration = Duration::from_secs(10);
/// How long a look that is under way may go on after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(5);
/// What browsers and Prometheus name over TLS, in ALPN's form.
const ALPN_HTTP: &[u8] = b"\x08http/1.1";

/// Looks at every target of the options again and again, and serves what it finds, until a signal ends it:
/// SIGTERM or SIGINT. SIGHUP has everything looked at now.
///
/// # Errors
/// What keeps it from starting: settings that make no sense, files of the listener that cannot be used, an
/// address that cannot be listened on or must not be.
pub async fn run(options: &Options) -> Result<(), SettingsError> {
    let settings = settings(options)?;
    if let Some(file) = &options.suppressions {
        Suppressions::read(file)?;
    }
    start(options, &settings).await.map_err(SettingsError::new)
}

/// The settings of every role; every fault of all.
fn settings(options: &Options) -> Result<Vec<Settings>, SettingsError> {
    let (mut read, mut faults, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for role in &options.roles {
        match Settings::from_environment(*role, &options.environment) {
            Ok(settings) => read.push(settings),
            Err(error) => {
                faults.extend(error.faults().iter().cloned());
                warnings.extend(error.warnings().iter().cloned());
            }
        }
    }
    if faults.is_empty() {
        return Ok(read);
    }
    Err(SettingsError::new(faults).with_warnings(warnings))
}

async fn start(options: &Options, settings: &[Settings]) -> Result<(), Vec<Fault>> {
    let mut signals = Signals::catch("wa-db monitor").map_err(|fault| vec![fault])?;
    // The listener's variables are the same for every role.
    let Some(exposure) = settings.first().map(Settings::tunnel) else {
        return Ok(());
    };
    let faults = exposed("--admin", options.admin, options.tls.as_ref(), exposure);
    if !faults.is_empty() {
        return Err(faults);
    }
    let tls = tls(options, exposure)?;
    // Before anything is counted.
    let collector = Collector::install().map_err(|fault| vec![fault])?;
    let listener = HttpListener::open("--admin", options.admin).await;
    let mut listener = listener.map_err(|fault| vec![fault])?;
    if let Some(tls) = &tls {
        listener = listener.guarded(Arc::clone(tls), exposure.allowed_clients.clone());
    }
    let address = listener.address().unwrap_or(options.admin);
    let targets = targets(settings);
    announce(&targets, options, settings);
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, "the status page is at {scheme}://{address}/");
    let limit = options.interval.max(LEAST_LIMIT);
    // The audit of a role keeps looks at all of its targets waiting.
    let audits = auditor::LIMIT * u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let patience = limit + audits;
    let board = Arc::new(Board::new(targets.clone(), options.interval, patience));
    let around = Surroundings {
        environment: options.environment.clone(),
        board: Arc::clone(&board),
        limit: Limit {
            length: limit,
            set_by: "--interval",
        },
        started: Instant::now(),
        ending: CancellationToken::new(),
        recovered: Notify::new(),
    };
    let page = Page {
        board,
        metrics: collector.clone(),
        hosts: is_local(address.ip()).then(|| Arc::new(Hosts::of(address))),
        over_tls: tls.is_some(),
    };
    let serving = CancellationToken::new();
    tokio::spawn(listener.serve(router(page), serving.clone()));
    let count = targets.len();
    let subjects: Vec<_> = targets
        .into_iter()
        .enumerate()
        .map(|(index, target)| Subject::new(target, index, count, options.interval))
        .collect();
    let looking = async {
        let looks = join_all(subjects.iter().map(|subject| subject.keep_looking(&around)));
        tokio::join!(looks, auditor::keep(&subjects, options, &around));
    };
    tokio::pin!(looking);
    loop {
        tokio::select! {
            () = &mut looking => break,
            wish = signals.next() => match wish {
                Wish::End => break,
                Wish::Reload => {
                    tracing::info!("SIGHUP: everything is looked at now");
                    look(tls.as_deref());
                    subjects.iter().for_each(Subject::look_now);
                }
            },
            () = sleep(LOOK) => {
                look(tls.as_deref());
                collector.upkeep();
            }
        }
    }
    around.ending.cancel();
    // A look that is under way says goodbye to its server, if nobody is in a hurry.
    tokio::select! {
        _ = timeout(FAREWELL, looking) => {}
        () = signals.end() => {}
    }
    serving.cancel();
    tracing::info!("ended");
    Ok(())
}

fn tls(
    options: &Options,
    exposure: &TunnelSettings,
) -> Result<Option<Arc<ListenerTls>>, Vec<Fault>> {
    let profile = Profile {
        level: exposure.security_level,
        alpn: ALPN_HTTP,
    };
    let files = options.tls.as_ref();
    let loaded = files.map(|files| ListenerTls::load(files, profile));
    Ok(loaded.transpose()?.map(Arc::new))
}

/// One for each role and each server of its list.
fn targets(settings: &[Settings]) -> Vec<Target> {
    let targets = settings.iter().flat_map(|settings| {
        let target = |endpoint: &crate::endpoint::Endpoint| Target {
            role: settings.role(),
            engine: settings.engine(),
            endpoint: endpoint.clone(),
        };
        settings.endpoints().iter().map(target)
    });
    targets.collect()
}

fn announce(targets: &[Target], options: &Options, settings: &[Settings]) {
    let mut told = Vec::new();
    for warning in settings.iter().flat_map(Settings::warnings) {
        if !told.contains(&warning) {
            tracing::warn!("{}", warning.message);
            told.push(warning);
        }
    }
    for target in targets {
        tracing::info!(role = %target.role, engine = %target.engine, endpoint = %target.endpoint, interval = ?options.interval, "monitoring");
    }
}

/// Reads the listener's files where they changed.
fn look(tls: Option<&ListenerTls>) {
    if let Some(tls) = tls {
        tls.look();
    }
}
