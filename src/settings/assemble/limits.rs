//! The numbers of the settings: deadlines and the pool's bounds.

use std::time::Duration;

use super::or;
use crate::settings::fault::{Fault, Report};
use crate::settings::parse::duration::Bare;
use crate::settings::parse::{boolean, count, duration, word};
use crate::settings::raw::Raw;
use crate::settings::variables as var;
use crate::settings::{PoolSettings, Recycle};

/// More connections than any server takes are a slip of the keyboard.
const MOST_CONNECTIONS: usize = 100_000;

/// How long things may take.
pub(super) struct Times {
    pub(super) connect: Duration,
    pub(super) read: Duration,
    pub(super) idle: Option<Duration>,
}

/// Parses the deadlines.
pub(super) fn times(raw: &Raw, report: &mut Report) -> Times {
    let seconds = |name: &'static str| {
        move |text: &str| {
            duration::positive(
                name,
                text,
                Bare::Seconds,
                "write a time such as 10s, or unset it",
            )
        }
    };
    let connect = raw.connect_timeout.as_deref();
    let read = raw.read_timeout.as_deref();
    let idle = raw.connection_idle_timeout.as_deref().map(|text| {
        duration::positive(
            var::CONNECTION_IDLE_TIMEOUT,
            text,
            Bare::Milliseconds,
            "set WA_DB_PERSISTENT=0 to keep no idle connection, or unset it to keep them",
        )
    });
    Times {
        connect: or(
            connect,
            seconds(var::CONNECT_TIMEOUT),
            Duration::from_secs(10),
            report,
        ),
        read: or(
            read,
            seconds(var::READ_TIMEOUT),
            Duration::from_secs(5),
            report,
        ),
        idle: idle.and_then(|result| report.keep(result)),
    }
}

/// Parses `WA_DB_POOL_*` and `WA_DB_PERSISTENT`.
pub(super) fn pool(raw: &Raw, report: &mut Report) -> PoolSettings {
    let most = |text: &str| count::count(var::POOL_MAX_SIZE, text, 1..=MOST_CONNECTIONS);
    let least = |text: &str| count::count(var::POOL_MIN_IDLE, text, 0..=MOST_CONNECTIONS);
    let wait = |text: &str| duration::duration(var::POOL_WAIT_TIMEOUT, text, Bare::Seconds);
    let life = |text: &str| {
        let instead = "write a time such as 30m, or unset it";
        duration::positive(var::POOL_MAX_LIFETIME, text, Bare::Seconds, instead)
    };
    let persistent = |text: &str| boolean::boolean(var::PERSISTENT, text);

    let max_size = or(raw.pool_max_size.as_deref(), most, 16, report);
    let mut min_idle = or(raw.pool_min_idle.as_deref(), least, 0, report);
    let keep_idle = or(raw.persistent.as_deref(), persistent, true, report);
    if min_idle > max_size {
        let (least, most) = (var::POOL_MIN_IDLE, var::POOL_MAX_SIZE);
        let message = format!("{least} is {min_idle}, more than the {max_size} of {most}");
        let hint = "lower the one or raise the other";
        report.contradiction([least, most], Fault::invalid(least, message, hint));
    }
    if !keep_idle && min_idle > 0 {
        let message = format!(
            "{} has no effect, because {} says that no idle connection is kept",
            var::POOL_MIN_IDLE,
            var::PERSISTENT
        );
        report.warn(var::POOL_MIN_IDLE, message);
        min_idle = 0;
    }
    PoolSettings {
        max_size,
        min_idle,
        wait_timeout: or(
            raw.pool_wait_timeout.as_deref(),
            wait,
            Duration::from_secs(5),
            report,
        ),
        max_lifetime: or(
            raw.pool_max_lifetime.as_deref(),
            life,
            Duration::from_secs(30 * 60),
            report,
        ),
        recycle: or(
            raw.pool_recycle.as_deref(),
            word::recycle,
            Recycle::Fast,
            report,
        ),
        keep_idle,
    }
}
