//! Rows P19, P20 and M06: certificates that were taken back, and the lists that say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wa_db::ErrorCode;
use wa_db::connect::{MySqlConnector, PostgresConnector};
use wa_db::endpoint::Engine;
use wa_db::settings::{Role, Settings};
use wa_db_lab::pki::{Ca, Issued};
use wa_db_lab::run::finish;
use wa_db_lab::server::{Server, TestServers};

use crate::certificates::trust::stage;
use crate::support::{Variables, check, text, with};
use crate::verdict::{PASSES, Verdict, both, on_each, runtime, settings, tls, trusting};

const REVOKED: Verdict = tls("certificate_revoked");
const UNTRUSTED: Verdict = tls("certificate_untrusted");

/// The variables that reach a server, trust its CA and these lists.
fn listing(servers: &TestServers, server: &Server, lists: &Path) -> Variables {
    let base = trusting(server, servers.ca_file());
    with(&base, [("WA_DB_SSL_CRL", text(lists))])
}

/// A directory of lists, hashed as people hash it.
fn hashed(server: &Server, name: &str, list: &str) -> PathBuf {
    let file = server.file("list-to-hash.pem", list);
    let directory = file.with_file_name(name);
    fs::create_dir(&directory).unwrap();
    fs::rename(&file, directory.join("list.pem")).unwrap();
    let mut rehash = Command::new("openssl");
    rehash.arg("rehash").arg(&directory);
    let finished = finish(&mut rehash, "", Duration::from_secs(60)).unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    directory
}

#[test]
fn p19_m06_revoked_certificate_is_refused_by_list_and_by_directory_and_others_are_not() {
    let servers = TestServers::exclusive();
    let ca = servers.ca();
    let (bad, good) = (
        ca.issue(&TestServers::leaf()),
        ca.issue(&TestServers::leaf()),
    );
    let list = ca.crl_pem(&[&bad]);
    on_each(servers.all(), |server| {
        let file = server.file("crl.pem", &list);
        let directory = hashed(server, "crls", &list);
        for lists in [&file, &directory] {
            let variables = listing(&servers, server, lists);
            let what = format!("{:?} with {}", server.engine(), lists.display());
            server.present(&bad);
            let target = both(&what, &variables, REVOKED);
            let message = stage(&target, "tls")["error"]["message"].to_string();
            assert!(message.contains("WA_DB_SSL_CRL"), "{message}");
            let seen = &target["tls"]["certificate"]["spki_sha256"];
            assert_eq!(*seen, bad.spki_sha256(), "{what}");

            server.present(&good);
            let target = both(&what, &variables, PASSES);
            assert_eq!(target["tls"]["verified"], true, "{what}");
        }
    });
}

#[test]
fn p19_revoked_intermediate_is_refused_and_one_whose_ca_has_no_list_is_not() {
    let servers = TestServers::exclusive();
    let ca = servers.ca();
    let [bad, good] = ["revoked", "in force"].map(|name| ca.intermediate(name));
    let list = ca.crl_pem(&[bad.as_issued()]);
    on_each(servers.all(), |server| {
        let file = server.file("crl.pem", &list);
        let variables = listing(&servers, server, &file);
        for (intermediate, verdict) in [(&bad, REVOKED), (&good, PASSES)] {
            server.present(&intermediate.issue(&TestServers::leaf()));
            both(&format!("{:?}", server.engine()), &variables, verdict);
        }
        // With lists of both CAs, the one of the intermediate counts for the leaf.
        let leaf = good.issue(&TestServers::leaf());
        server.present(&leaf);
        let both_lists = list.clone() + &good.crl_pem(&[&leaf]);
        let file = server.file("both.pem", both_lists);
        let variables = listing(&servers, server, &file);
        both("the leaf on the second list", &variables, REVOKED);
    });
}

#[test]
fn p19_with_verification_off_a_revoked_certificate_is_told_of() {
    let servers = TestServers::exclusive();
    let revoked = servers.ca().issue(&TestServers::leaf());
    let list = servers.ca().crl_pem(&[&revoked]);
    on_each(servers.all(), |server| {
        server.present(&revoked);
        let file = server.file("crl.pem", &list);
        let base = listing(&servers, server, &file);
        let off = with(&base, [("WA_DB_SSL_VERIFY", "off")]);
        let target = both(&format!("{:?}", server.engine()), &off, PASSES);
        assert_eq!(target["tls"]["would_fail"], REVOKED.1);
    });
}

#[test]
fn p20_list_of_another_ca_says_nothing_and_a_path_without_lists_stops_the_start() {
    let servers = TestServers::shared();
    let other = Ca::root("another CA");
    let list = other.crl_pem(&[servers.certificate()]);
    on_each(servers.all(), |server| {
        let another = server.file("another.crl", &list);
        let variables = listing(&servers, server, &another);
        let target = both(&format!("{:?}", server.engine()), &variables, PASSES);
        let warnings = stage(&target, "tls")["warnings"].to_string();
        for part in ["no list of WA_DB_SSL_CRL is of ", "was not checked"] {
            assert!(warnings.contains(part), "{warnings}");
        }

        let empty = server.file("empty.crl", "");
        let garbage = server.file("garbage.crl", "no such thing\n");
        let certificate = server.file("certificate.crl", other.cert_pem());
        let invalid = "certificate_invalid";
        for (path, code) in [
            (Path::new("/does/not/exist.crl"), "file_missing"),
            (&empty, invalid),
            (&garbage, invalid),
            (&certificate, invalid),
            (&server.socket_dir(), invalid),
        ] {
            let variables = listing(&servers, server, path);
            let what = path.display().to_string();
            let target = both(&what, &variables, (10, code));
            let message = stage(&target, "settings")["error"]["message"].to_string();
            assert!(message.contains("WA_DB_SSL_CRL"), "{what}: {message}");
        }
    });
}

#[test]
fn p20_list_signed_by_another_key_in_the_name_of_the_ca_is_that_of_another_ca() {
    let servers = TestServers::shared();
    let impostor = servers.ca().impostor();
    let list = impostor.crl_pem(&[servers.certificate()]);
    on_each(servers.all(), |server| {
        let another = server.file("same-name.crl", &list);
        let variables = listing(&servers, server, &another);
        both(&format!("{:?}", server.engine()), &variables, PASSES);
    });
}

#[test]
fn p20_list_that_has_ended_is_refused_unless_told_otherwise_and_still_revokes() {
    let servers = TestServers::exclusive();
    let ca = servers.ca();
    let revoked = ca.issue(&TestServers::leaf());
    let [ended, ended_and_revoking, current]: [String; 3] = [
        ca.ended_crl_pem(&[]),
        ca.ended_crl_pem(&[&revoked]),
        ca.crl_pem(&[]),
    ];
    let judge = |server: &Server, list: &str, stale, presented: &Issued, verdict| {
        server.present(presented);
        let file = server.file("ended.crl", list);
        let base = listing(&servers, server, &file);
        let variables = with(&base, [("WA_DB_SSL_CRL_STALE", stale)]);
        both(
            &format!("{:?} {stale}", server.engine()),
            &variables,
            verdict,
        )
    };
    on_each(servers.all(), |server| {
        let good = servers.certificate();
        for stale in ["", "refuse"] {
            let target = judge(server, &ended, stale, good, UNTRUSTED);
            let error = &stage(&target, "tls")["error"];
            let message = error["message"].to_string();
            for part in ["WA_DB_SSL_CRL", "wa-db lab root", " ended at 20"] {
                assert!(message.contains(part), "{message}");
            }
            let hint = error["hint"].to_string();
            assert!(hint.contains("WA_DB_SSL_CRL_STALE=warn"), "{hint}");
        }
        let target = judge(server, &ended, "warn", good, PASSES);
        let warnings = stage(&target, "settings")["warnings"].to_string();
        assert!(warnings.contains("WA_DB_SSL_CRL"), "{warnings}");
        judge(server, &ended_and_revoking, "warn", &revoked, REVOKED);
        // A newer list of the same CA takes the place of the one that has ended.
        let two = ended.clone() + &current;
        judge(server, &two, "refuse", good, PASSES);
    });
}

#[test]
fn p20_list_of_another_ca_that_has_ended_refuses_nobody() {
    let servers = TestServers::shared();
    let list = Ca::root("another CA").ended_crl_pem(&[]);
    on_each(servers.all(), |server| {
        let file = server.file("another-ended.crl", &list);
        let outcome = check("webapp", &listing(&servers, server, &file));
        assert_eq!(outcome.verdict(), (0, String::new()), "{outcome:?}");
    });
}

#[test]
fn f15_list_that_is_replaced_counts_for_the_next_connection_and_a_broken_one_does_not() {
    let servers = TestServers::shared();
    let ca = servers.ca();
    let [clean, revoking] = [ca.crl_pem(&[]), ca.crl_pem(&[servers.certificate()])];
    on_each(servers.all(), |server| {
        let file = server.file("replaced.crl", &clean);
        let directory = hashed(server, "replaced", &clean);
        for (path, list) in [
            (file.clone(), file),
            (directory.clone(), directory.join("list.pem")),
        ] {
            let settings = settings(Role::Webapp, &listing(&servers, server, &path)).unwrap();
            let runtime = runtime();
            let connector = Connector::new(&settings);
            let connect = || runtime.block_on(connector.connect());
            let what = format!("{:?} with {}", server.engine(), path.display());
            assert_eq!(connect(), Ok(()), "{what}");
            // A file of another size, in the old one's place.
            let replace = |content: &str| {
                let new = list.with_extension("new");
                fs::write(&new, content).unwrap();
                fs::rename(&new, &list).unwrap();
            };
            replace(&revoking);
            assert_eq!(connect(), Err(ErrorCode::CertificateRevoked), "{what}");
            replace("no such thing");
            assert_eq!(connect(), Err(ErrorCode::CertificateRevoked), "{what}");
            replace(&clean);
            assert_eq!(connect(), Ok(()), "{what}");
        }
    });
}

/// A connector that lives on while files change.
enum Connector {
    Postgres(PostgresConnector),
    MySql(MySqlConnector),
}

impl Connector {
    fn new(settings: &Settings) -> Self {
        match settings.engine() {
            Engine::Postgres => Self::Postgres(PostgresConnector::new(settings).unwrap()),
            Engine::MySql => Self::MySql(MySqlConnector::new(settings).unwrap()),
        }
    }

    async fn connect(&self) -> Result<(), ErrorCode> {
        match self {
            Self::Postgres(connector) => {
                let connected = connector.connect().await;
                connected.map(drop).map_err(|error| error.code())
            }
            Self::MySql(connector) => {
                let connection = connector.connect().await.map_err(|error| error.code())?;
                connection.conn.disconnect().await.unwrap();
                Ok(())
            }
        }
    }
}
