//! What each metric means, in the words that stand beside it where metrics are served: one table of all that
//! the library, the tunnel and the monitor emit.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// How a metric is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Name, kind and meaning, by name.
const METRICS: &[(&str, Kind, &str)] = {
    use Kind::{Counter, Gauge, Histogram};
    &[
        (
            "wa_db_certificate_expiry_seconds",
            Gauge,
            "Time left of a certificate, negative after its end: that of the server, of the listener, of the client, or of the first CA to end.",
        ),
        (
            "wa_db_connect_seconds",
            Histogram,
            "Time that one stage of a new connection took.",
        ),
        (
            "wa_db_failures_total",
            Counter,
            "Connections and checkouts that failed, by error code.",
        ),
        (
            "wa_db_monitor_certificate_expiry_seconds",
            Gauge,
            "Time left of a certificate that the monitor saw, negative after its end: server, client, or the first CA to end.",
        ),
        (
            "wa_db_monitor_findings",
            Gauge,
            "Findings of the newest audit that are not suppressed, by rule and severity.",
        ),
        (
            "wa_db_monitor_last_audit_timestamp_seconds",
            Gauge,
            "When the newest audit of a target ended, in Unix time.",
        ),
        (
            "wa_db_monitor_last_probe_timestamp_seconds",
            Gauge,
            "When the newest look at a target ended, in Unix time.",
        ),
        (
            "wa_db_monitor_pins",
            Gauge,
            "1 for the state that the pins of a target are in, 0 for the others.",
        ),
        (
            "wa_db_monitor_probes_total",
            Counter,
            "Looks at a target, by outcome.",
        ),
        (
            "wa_db_monitor_stage_failed",
            Gauge,
            "1 for the stage at which the newest look ended without success, 0 for the others.",
        ),
        (
            "wa_db_monitor_stage_seconds",
            Histogram,
            "Time that one stage of a look at a target took.",
        ),
        (
            "wa_db_monitor_stage_up",
            Gauge,
            "1 for a stage of the newest look that passed or was not needed, 0 for one that failed or was not reached.",
        ),
        (
            "wa_db_monitor_up",
            Gauge,
            "1 where every stage of the newest look at a target passed.",
        ),
        (
            "wa_db_monitor_verified",
            Gauge,
            "1 where the server of the newest look was verified in full.",
        ),
        (
            "wa_db_monitor_would_fail",
            Gauge,
            "1 where verification is off and would have failed.",
        ),
        (
            "wa_db_pool_connections_idle",
            Gauge,
            "Pooled connections that are ready to be checked out.",
        ),
        (
            "wa_db_pool_connections_in_use",
            Gauge,
            "Pooled connections that are checked out.",
        ),
        (
            "wa_db_pool_connections_open",
            Gauge,
            "Connections that a pool holds, idle or in use.",
        ),
        (
            "wa_db_pool_wait_seconds",
            Histogram,
            "Wait of each checkout; 0 where a connection was free.",
        ),
        (
            "wa_db_pool_waiters",
            Gauge,
            "Tasks that wait for a pooled connection to become free.",
        ),
        (
            "wa_db_reloads_total",
            Counter,
            "Certificate files that changed and were read again, by outcome.",
        ),
        (
            "wa_db_reports_total",
            Counter,
            "Reports of certificates that do not keep to the policy, by what became of them.",
        ),
        (
            "wa_db_tunnel_bytes_total",
            Counter,
            "Bytes that the tunnel carried, by direction.",
        ),
        (
            "wa_db_tunnel_refused_total",
            Counter,
            "Clients that the tunnel did not let in, by reason.",
        ),
        (
            "wa_db_tunnel_sessions",
            Gauge,
            "Sessions that the tunnel carries now, their logins included.",
        ),
        (
            "wa_db_tunnel_sessions_total",
            Counter,
            "Clients that the tunnel let in.",
        ),
    ]
};

/// Tells the recorder what each metric means. It must be installed before.
pub(super) fn describe() {
    for (name, kind, meaning) in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *meaning),
            Kind::Gauge => describe_gauge!(*name, *meaning),
            Kind::Histogram => describe_histogram!(*name, *meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::{Kind, METRICS};

    /// Every metric that the code emits, with its kind.
    fn emitted() -> BTreeMap<String, Kind> {
        let mut found = BTreeMap::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut directories = vec![root];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    look(&fs::read_to_string(path).unwrap(), &mut found);
                }
            }
        }
        found
    }

    fn look(source: &str, found: &mut BTreeMap<String, Kind>) {
        for (word, kind) in [
            ("counter!(", Kind::Counter),
            ("gauge!(", Kind::Gauge),
            ("histogram!(", Kind::Histogram),
        ] {
            for (start, _) in source.match_indices(word) {
                let rest = source[start + word.len()..].trim_start();
                let name = rest
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next());
                if let Some(name) = name.filter(|name| name.starts_with("wa_db_")) {
                    found.insert(name.to_owned(), kind);
                }
            }
        }
    }

    #[test]
    fn every_metric_that_is_emitted_is_described_as_what_it_is_and_no_other() {
        let described: BTreeMap<_, _> = METRICS
            .iter()
            .map(|(name, kind, _)| ((*name).to_owned(), *kind))
            .collect();
        assert_eq!(described.len(), METRICS.len(), "one stands there twice");
        assert_eq!(described, emitted());
    }

    #[test]
    fn meanings_are_sentences_of_one_line() {
        for (name, _, meaning) in METRICS {
            assert!(meaning.ends_with('.') && !meaning.contains('\n'), "{name}");
        }
    }
}
