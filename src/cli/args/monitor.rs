//! `wa-db monitor`: its flags and its help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::ScopeArgs;
use super::listener_tls::ListenerTlsArgs;
use crate::cli::duration::duration;

/// The shortest interval: less would be a storm. And the longest: more would be no monitor.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// `wa-db monitor`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct MonitorArgs {
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    /// Serve the status page, /status.json, /metrics, /healthz and /readyz here
    ///
    /// On loopback it is asked for by localhost, 127.0.0.1, [::1] or this address; other names are
    /// refused, so that no page of the web can read it through your browser. An address that other
    /// machines can reach needs --tls-cert, --tls-key and WA_DB_TUNNEL_ALLOWED_CLIENTS: the networks
    /// that may come, as for the tunnel.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::tunnel::parse_admin)]
    pub(in crate::cli) admin: SocketAddr,
    /// From one look at a target to the next: 1s to 24h
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = interval)]
    pub(in crate::cli) interval: Duration,
    /// Do not count the findings that this file lets stand, as 'wa-db audit' has it
    ///
    /// It is read again for each audit; one that cannot be used lets nothing stand.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) suppressions: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) listener_tls: ListenerTlsArgs,
    /// Log each look to stderr
    #[arg(short, long)]
    pub(in crate::cli) verbose: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if !(SHORTEST..=LONGEST).contains(&interval) {
        return Err("expected 1s to 24h".to_owned());
    }
    Ok(interval)
}

pub(super) const ABOUT: &str = "\
Keep checking and auditing every target, and show what is found.

One target per role and per host of WA_DB_HOSTNAME. Each is looked at through every stage of a \
connection, one look at a time, spread over --interval with some jitter. A look opens one or two \
connections, one after the other, logs in and says goodbye. Every tenth interval each target is \
audited too. A target whose TLS or login fails is looked at less and less often, down to every 5 min: \
servers hold such looks against their host or account.

The page at / shows it to people: stages, connect times, certificates with days left, findings with \
their fixes. Variables are read once, at the start; the files that they name, at each look.";

pub(super) const AFTER: &str = "\
Paths:
  /             the status page; refreshes itself, and works without script
  /status.json  all that it shows; {\"version\":1,…}
  /metrics      for Prometheus; docker/monitoring has alert rules and a dashboard
  /readyz       200 when the newest look at every target passed, else 503 with the reasons
  /healthz      200 while targets are looked at when they should be

Signals:
  SIGTERM, SIGINT  end; looks under way say goodbye, a second signal ends at once
  SIGHUP           look at everything now, and at the listener's files

Exit codes:
   0  ended by a signal
   1  internal error
   2  usage
  10  settings: a variable, a file of the listener, or an address that cannot be listened on

Examples:
  both roles, for this machine:
    wa-db monitor --env-file db.env --admin 127.0.0.1:9187
    then open http://127.0.0.1:9187/
  for a Prometheus elsewhere:
    WA_DB_TUNNEL_ALLOWED_CLIENTS=10.0.0.0/24 wa-db monitor --admin 10.0.0.5:9187 \\
        --tls-cert monitor.pem --tls-key monitor.key";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn interval_is_a_duration_from_a_second_to_a_day() {
        assert_eq!(interval("1s").unwrap(), SHORTEST);
        assert_eq!(interval("2m").unwrap(), Duration::from_secs(120));
        for text in ["0", "999ms", "25h", "-1s", "soon", ""] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
