//! Which names a certificate carries, and which of them count.

use wa_db_lab::pki::Leaf;
use wa_db_lab::server::TestServers;

use crate::support::with;
use crate::verdict::{PASSES, Verdict, both, on_each, tls, trusting};

const MISMATCH: Verdict = tls("hostname_mismatch");
const LOOPBACK: &str = "127.0.0.1";

/// A certificate, and for each pair of host and `WA_DB_SSL_SERVER_NAME` (empty: not set) what
/// comes of it. The CA is the right one throughout: nothing but the name can fail.
type Row<'a> = (Leaf, &'a [(&'a str, &'a str, Verdict)]);

fn judge(table: &[Row<'_>]) {
    let servers = TestServers::exclusive();
    on_each(servers.all(), |server| {
        let base = trusting(server, servers.ca_file());
        for (leaf, hosts) in table {
            let certificate = servers.ca().issue(leaf);
            server.present(&certificate);
            for (host, name, verdict) in *hosts {
                let changes = [("WA_DB_HOSTNAME", *host), ("WA_DB_SSL_SERVER_NAME", *name)];
                let what = format!("{:?} at {host} as {name:?}: {leaf:?}", server.engine());
                let target = both(&what, &with(&base, changes), *verdict);
                let shown = &target["tls"]["certificate"]["spki_sha256"];
                assert_eq!(*shown, certificate.spki_sha256(), "{what}");
            }
        }
    });
}

#[test]
fn p01_p02_common_name_alone_counts_for_its_own_host_only() {
    judge(&[(
        Leaf::server().cn("localhost"),
        &[
            ("localhost", "", PASSES),
            (LOOPBACK, "localhost", PASSES),
            (LOOPBACK, "LocalHost", PASSES),
            (LOOPBACK, "", MISMATCH),
            ("localhost", "db.lab", MISMATCH),
            (LOOPBACK, "db.lab", MISMATCH),
        ],
    )]);
}

#[test]
fn p09_p10_address_in_the_common_name_counts_for_nothing() {
    judge(&[
        (Leaf::server().cn(LOOPBACK), &[(LOOPBACK, "", MISMATCH)]),
        (
            Leaf::server().cn("::1"),
            &[("::1", "", MISMATCH), (LOOPBACK, "::1", MISMATCH)],
        ),
    ]);
}

#[test]
fn p11_p12_each_dns_name_counts_and_a_wildcard_stands_for_one_label() {
    let several = Leaf::server()
        .cn("db.lab")
        .dns("dns1.lab")
        .dns("dns2.lab")
        .dns("*.wildcard.lab");
    judge(&[
        (
            several,
            &[
                (LOOPBACK, "dns1.lab", PASSES),
                (LOOPBACK, "dns2.lab", PASSES),
                (LOOPBACK, "DNS2.Lab", PASSES),
                (LOOPBACK, "foo.wildcard.lab", PASSES),
                (LOOPBACK, "dns3.lab", MISMATCH),
                (LOOPBACK, "wildcard.lab", MISMATCH),
                (LOOPBACK, "deep.sub.wildcard.lab", MISMATCH),
            ],
        ),
        (
            Leaf::server().dns("f*.part.lab").dns("sub.*.mid.lab"),
            &[
                (LOOPBACK, "foo.part.lab", MISMATCH),
                (LOOPBACK, "sub.any.mid.lab", MISMATCH),
            ],
        ),
    ]);
}

#[test]
fn p12_name_is_not_cut_at_a_zero_byte() {
    judge(&[
        (
            Leaf::server().dns("db.lab\0.evil.lab"),
            &[(LOOPBACK, "db.lab", MISMATCH)],
        ),
        (
            Leaf::server().cn("db.lab\0.evil.lab"),
            &[(LOOPBACK, "db.lab", MISMATCH)],
        ),
    ]);
}

#[test]
fn p13_address_matches_an_address_name_in_every_spelling() {
    let loopback = Leaf::server().cn("db.lab").ip(LOOPBACK).ip("::1");
    judge(&[
        (
            loopback,
            &[
                (LOOPBACK, "", PASSES),
                ("::1", "", PASSES),
                ("[::1]", "", PASSES),
                ("0:0:0:0:0:0:0:1", "", PASSES),
                ("[0:0:0:0:0:0:0:1]", "", PASSES),
                ("0000:0000:0000:0000:0000:0000:0000:0001", "", PASSES),
                ("::0001", "", PASSES),
                ("0::1", "", PASSES),
                ("::0.0.0.1", "", PASSES),
                (LOOPBACK, "::1", PASSES),
                (LOOPBACK, "[::1]", PASSES),
                (LOOPBACK, "0:0:0:0:0:0:0:1", PASSES),
                (LOOPBACK, "::2", MISMATCH),
                (LOOPBACK, "127.0.0.2", MISMATCH),
                (LOOPBACK, "127.000.000.001", MISMATCH),
                (LOOPBACK, "::1/128", MISMATCH),
                (LOOPBACK, "127.0.0.1/32", MISMATCH),
            ],
        ),
        (
            Leaf::server().cn(LOOPBACK).ip("127.0.0.2").ip("::2"),
            &[
                (LOOPBACK, "", MISMATCH),
                ("::1", "", MISMATCH),
                (LOOPBACK, "127.0.0.2", PASSES),
                (LOOPBACK, "::2", PASSES),
            ],
        ),
    ]);
}

#[test]
fn p14_p15_p16_common_name_counts_beside_addresses_and_not_beside_dns_names() {
    judge(&[
        (
            Leaf::server().cn("db.lab").dns("other.lab"),
            &[
                (LOOPBACK, "db.lab", MISMATCH),
                (LOOPBACK, "other.lab", PASSES),
            ],
        ),
        (
            Leaf::server().cn("db.lab").dns("other.lab").ip(LOOPBACK),
            &[(LOOPBACK, "db.lab", MISMATCH), (LOOPBACK, "", PASSES)],
        ),
        (
            Leaf::server().cn("db.lab").ip(LOOPBACK),
            &[(LOOPBACK, "db.lab", PASSES), (LOOPBACK, "", PASSES)],
        ),
    ]);
}

#[test]
fn p17_address_in_a_dns_name_counts_for_nothing() {
    judge(&[(
        Leaf::server().dns(LOOPBACK).dns("::1"),
        &[(LOOPBACK, "", MISMATCH), ("::1", "", MISMATCH)],
    )]);
}

#[test]
fn p18_certificate_without_any_name_is_for_nobody() {
    judge(&[(
        Leaf::server(),
        &[
            (LOOPBACK, "", MISMATCH),
            ("localhost", "", MISMATCH),
            (LOOPBACK, "db.lab", MISMATCH),
        ],
    )]);
}

#[test]
fn p26_trailing_dot_and_brackets_are_no_part_of_the_name() {
    judge(&[
        (
            Leaf::server().dns("localhost"),
            &[
                ("localhost.", "", PASSES),
                (LOOPBACK, "localhost.", PASSES),
                (LOOPBACK, "db.lab.", MISMATCH),
            ],
        ),
        (
            Leaf::server().ip("::1"),
            &[("[::1]", "", PASSES), (LOOPBACK, "[::1]", PASSES)],
        ),
    ]);
}

#[test]
fn m02_name_in_the_organisational_unit_counts_for_nothing() {
    judge(&[(
        Leaf::server().ou("db.lab"),
        &[(LOOPBACK, "db.lab", MISMATCH)],
    )]);
}
