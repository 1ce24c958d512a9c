//! Names, addresses, and what is behind them.

use std::io;
use std::net::TcpListener;

use wa_db_lab::server::TestServers;

use crate::audit::support::audit;
use crate::support::with;
use crate::verdict::{on_each, trusting};

#[test]
fn another_name_than_the_hosts_is_found_unless_it_is_the_same() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let variables = trusting(server, servers.ca_file());
        audit(&variables).lacks("link-name-override");
        let same = with(&variables, [("WA_DB_SSL_SERVER_NAME", "127.0.0.1")]);
        audit(&same).lacks("link-name-override");
        let report = audit(&with(&variables, [("WA_DB_SSL_SERVER_NAME", "db.lab")]));
        let (severity, evidence) = report.finding("link-name-override");
        assert_eq!(severity, "low");
        assert_eq!(
            evidence,
            "the host is 127.0.0.1 and WA_DB_SSL_SERVER_NAME is db.lab"
        );
    });
}

#[test]
fn name_may_lead_anywhere_unless_networks_are_allowed() {
    let servers = TestServers::shared();
    on_each(servers.all(), |server| {
        let variables = trusting(server, servers.ca_file());
        // An address leads nowhere else.
        audit(&variables).lacks("link-any-network");
        let named = with(&variables, [("WA_DB_HOSTNAME", "localhost")]);
        let report = audit(&named);
        let (severity, evidence) = report.finding("link-any-network");
        assert_eq!(severity, "low");
        assert!(evidence.contains("localhost leads to "), "{evidence}");
        report.lacks("link-different-keys");
        report.lacks("link-public-address");

        let allowed = |networks| {
            let changes = [("WA_DB_ALLOWED_NETWORKS", networks)];
            audit(&with(&named, changes))
        };
        let report = allowed("127.0.0.0/8,::1");
        report.lacks("link-any-network");
        report.lacks("link-address-outside");
    });
}

#[test]
fn addresses_outside_the_allowed_networks_are_found_and_not_dialled() {
    let servers = TestServers::shared();
    for server in servers.all() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        for host in ["127.0.0.1", "localhost"] {
            let variables = with(
                &trusting(server, servers.ca_file()),
                [
                    ("WA_DB_HOSTNAME", host),
                    ("WA_DB_PORT", &port),
                    ("WA_DB_ALLOWED_NETWORKS", "192.0.2.0/24"),
                ],
            );
            let report = audit(&variables);
            assert_eq!(report.code, 11, "{:#}", report.json);
            let (severity, evidence) = report.finding("link-address-outside");
            assert_eq!(severity, "medium");
            let expected = "which WA_DB_ALLOWED_NETWORKS (192.0.2.0/24) does not hold";
            assert!(evidence.ends_with(expected), "{evidence}");
            let dialled = listener.accept().map(drop).map_err(|error| error.kind());
            assert_eq!(dialled, Err(io::ErrorKind::WouldBlock), "{host}");
        }
    }
}
