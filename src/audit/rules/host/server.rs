//! Rules about the database server itself.

use std::time::Duration;

use crate::audit::evidence::Evidence;
use crate::audit::gather::server::Product;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::audit::support_table::{self, Day, End};

pub(in crate::audit::rules) const RULES: &[Rule] = &[OUT_OF_SUPPORT, CLOCK, LOGINS_UNRECORDED];

const OUT_OF_SUPPORT: Rule = Rule {
    id: "host-server-out-of-support",
    title: "the server gets no more fixes",
    severity: Severity::Medium,
    also: &[],
    why: "Flaws that become known stay open. Distributions and clouds sometimes go on with fixes of their own: then \
          suppress this until their date.",
    fix: "Upgrade to a release that is maintained.",
    look: out_of_support,
};

const CLOCK: Rule = Rule {
    id: "host-clock",
    title: "the clocks of this machine and the server are apart",
    severity: Severity::Medium,
    also: &[],
    why: "webapp and coreapp take each other's messages for replayed once their clocks differ by more than 10 s, \
          and certificates are judged by the clock.",
    fix: "Let both follow the same time: timedatectl set-ntp true, or chrony.",
    look: clock,
};

const LOGINS_UNRECORDED: Rule = Rule {
    id: "host-logins-unrecorded",
    title: "the server does not write down who logs in",
    severity: Severity::Low,
    also: &[],
    why: "After a break-in nobody can tell who came from where, and when.",
    fix: "log_connections in PostgreSQL, server_audit in MariaDB, an audit plugin in MySQL.",
    look: logins_unrecorded,
};

/// How far the clocks may be apart.
const TOLERANCE: Duration = Duration::from_secs(10);

fn out_of_support(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(server) = &seen.server else {
        return Vec::new();
    };
    let (product, today) = (server.product, seen.machine.today);
    let release = server.release;
    let Some(end) = release.and_then(|release| support_table::ended(product, release, today))
    else {
        return Vec::new();
    };
    let when = match end {
        End::On(day) => format!("ended on {}", written(day)),
        End::LongAgo => "ended years ago".to_owned(),
    };
    let fix = match support_table::successor(product, today) {
        Some((major, _)) if product == Product::Postgres => {
            format!("upgrade to PostgreSQL {major} with pg_upgrade")
        }
        Some((major, minor)) => format!(
            "upgrade to {} {major}.{minor}, one long-term release after the other",
            product.name()
        ),
        None => format!(
            "upgrade to a release of {} that is maintained",
            product.name()
        ),
    };
    vec![Observation::new(
        format!("{}, whose support {when}", server.version),
        fix,
    )]
}

fn written((year, month, day): Day) -> String {
    format!("{year}-{month:02}-{day:02}")
}

fn clock(seen: &Evidence<'_>) -> Vec<Observation> {
    let clock = seen.server.as_ref().and_then(|server| server.clock);
    let Some(clock) =
        clock.filter(|clock| clock.apart.saturating_sub(clock.uncertainty) > TOLERANCE)
    else {
        return Vec::new();
    };
    let side = if clock.ahead { "ahead of" } else { "behind" };
    vec![Observation::new(
        format!(
            "the server's clock is {:.1} s {side} ours",
            clock.apart.as_secs_f64()
        ),
        "timedatectl set-ntp true on both machines; timedatectl timesync-status tells which of them is wrong",
    )]
}

fn logins_unrecorded(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(server) = &seen.server else {
        return Vec::new();
    };
    let logging = &server.logging;
    // Nothing is known where no variable is shown.
    if logging.is_empty()
        || logging
            .iter()
            .any(|(name, value)| records_logins(name, value))
    {
        return Vec::new();
    }
    let (what, fix) = match server.product {
        Product::Postgres => (
            "log_connections is off",
            "ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf();",
        ),
        Product::MariaDb => (
            "neither server_audit nor the general log is on",
            "INSTALL SONAME 'server_audit'; SET GLOBAL server_audit_events = 'CONNECT'; SET GLOBAL \
             server_audit_logging = ON; and the same into the server's configuration",
        ),
        Product::MySql => (
            "neither an audit plugin nor the general log is on",
            "install the audit plugin of the edition (audit_log, or audit_log_filter of Percona), or SET PERSIST \
             general_log = ON; where the load allows for every query to be logged",
        ),
    };
    vec![Observation::new(what, fix)]
}

/// Whether a variable says that logins are written down.
fn records_logins(name: &str, value: &str) -> bool {
    let is_off = ["", "off", "0", "false", "no", "none"];
    let is_on = !is_off.iter().any(|off| off.eq_ignore_ascii_case(value));
    match name {
        // The first is a list of what is logged since PostgreSQL 18; the last three are of the audit
        // plugins of MySQL Enterprise, Percona and Azure.
        "log_connections"
        | "general_log"
        | "server_audit_logging"
        | "audit_log_policy"
        | "audit_log_enabled" => is_on,
        "audit_log_disable" | "audit_log_filter.disable" => !is_on,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CLOCK, LOGINS_UNRECORDED, OUT_OF_SUPPORT};
    use crate::audit::fixtures::{VARIABLES, looked};
    use crate::audit::gather::server::{Clock, Product, Server};
    use crate::audit::rule::{Observation, Rule};
    use crate::audit::support_table::Day;

    fn server(product: Product, release: (u16, u16)) -> Server {
        Server {
            product,
            version: format!("{} {}.{}", product.name(), release.0, release.1),
            release: Some(release),
            clock: None,
            logging: Vec::new(),
        }
    }

    fn found(rule: &Rule, server: Server, today: Day) -> Vec<Observation> {
        looked(rule, &VARIABLES, |seen| {
            seen.machine.today = today;
            seen.server = Some(server);
        })
    }

    #[test]
    fn release_is_found_once_its_support_is_over() {
        let today = (2026, 11, 22);
        for (product, release, evidence, fix) in [
            (
                Product::Postgres,
                (14, 0),
                "ended on 2026-11-12",
                "upgrade to PostgreSQL 18 with",
            ),
            (
                Product::Postgres,
                (8, 4),
                "ended years ago",
                "upgrade to PostgreSQL 18 with",
            ),
            (
                Product::MySql,
                (8, 0),
                "ended on 2026-04-30",
                "upgrade to MySQL 9.7,",
            ),
            (
                Product::MariaDb,
                (10, 6),
                "ended on 2026-07-06",
                "upgrade to MariaDB 12.3,",
            ),
        ] {
            let found = found(&OUT_OF_SUPPORT, server(product, release), today);
            assert!(found[0].evidence.ends_with(evidence), "{found:?}");
            assert!(found[0].fix.starts_with(fix), "{found:?}");
        }
        for (product, release) in [(Product::Postgres, (15, 0)), (Product::MySql, (12, 1))] {
            assert_eq!(found(&OUT_OF_SUPPORT, server(product, release), today), []);
        }
        let later = found(
            &OUT_OF_SUPPORT,
            server(Product::Postgres, (15, 0)),
            (2040, 1, 1),
        );
        assert!(later[0].fix.ends_with("that is maintained"), "{later:?}");
    }

    #[test]
    fn clock_is_found_when_even_the_way_there_does_not_explain_the_difference() {
        for (apart, uncertainty, is_found) in [
            (9_000, 0, false),
            (10_000, 0, false),
            (10_500, 0, true),
            (12_000, 1_999, true),
            (12_000, 2_000, false),
        ] {
            let clock = Clock {
                apart: Duration::from_millis(apart),
                ahead: true,
                uncertainty: Duration::from_millis(uncertainty),
            };
            let server = Server {
                clock: Some(clock),
                ..server(Product::Postgres, (15, 0))
            };
            let found = found(&CLOCK, server, (2026, 11, 22));
            assert_eq!(found.len(), usize::from(is_found), "{clock:?}");
        }
    }

    #[test]
    fn logins_are_written_down_where_one_of_the_switches_is_on() {
        use Product::{MariaDb, MySql, Postgres};
        for (product, variables, is_found) in [
            (Postgres, &[][..], false),
            (Postgres, &[("log_connections", "off")], true),
            (Postgres, &[("log_connections", "")], true),
            (Postgres, &[("log_connections", "on")], false),
            (
                Postgres,
                &[("log_connections", "receipt,authentication")],
                false,
            ),
            (MariaDb, &[("general_log", "OFF")], true),
            (
                MariaDb,
                &[("general_log", "OFF"), ("server_audit_logging", "OFF")],
                true,
            ),
            (
                MariaDb,
                &[("general_log", "OFF"), ("server_audit_logging", "ON")],
                false,
            ),
            (MySql, &[("general_log", "ON")], false),
            (
                MySql,
                &[("general_log", "OFF"), ("audit_log_policy", "LOGINS")],
                false,
            ),
            (
                MySql,
                &[
                    ("general_log", "OFF"),
                    ("audit_log_policy", "NONE"),
                    ("audit_log_file", "a.log"),
                ],
                true,
            ),
            (
                MySql,
                &[("general_log", "OFF"), ("audit_log_filter.disable", "OFF")],
                false,
            ),
        ] {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let server = Server {
                logging: variables.iter().map(pair).collect(),
                ..server(product, (15, 0))
            };
            let found = found(&LOGINS_UNRECORDED, server, (2026, 11, 22));
            assert_eq!(found.len(), usize::from(is_found), "{variables:?}");
        }
    }
}
