//! What is to be seen of the way to a server besides a connection: where its name leads, whether
//! each address presents the same key, and whether a login without TLS is gone into.

use std::net::SocketAddr;

use tokio::time::timeout;

use crate::audit::evidence::{Evidence, Plaintext};
use crate::endpoint::Engine;
use crate::tls::Chain;
use crate::wire::{Dialer, Tried, resolve};

/// Notes where the server's name leads, also what may not be dialled.
pub(super) async fn lead(evidence: &mut Evidence<'_>) {
    let limit = evidence.settings.connect_timeout();
    let resolving = resolve::resolve(evidence.endpoint, None);
    // A name that leads nowhere is told by the connection, which needs an address.
    if let Ok(Ok(addresses)) = timeout(limit, resolving).await {
        evidence.addresses = addresses.iter().map(SocketAddr::ip).collect();
    }
}

/// Looks at a server that a secured connection was made to, at this address of it.
pub(super) async fn look(evidence: &mut Evidence<'_>, address: SocketAddr) {
    let dialer = Dialer::new(evidence.settings).without_reports();
    knock(evidence, &dialer, address).await;
    let allowed = evidence.settings.allowed_networks();
    let resolving = resolve::resolve(evidence.endpoint, allowed);
    let limit = evidence.settings.connect_timeout();
    if let Ok(Ok(addresses)) = timeout(limit, resolving).await {
        let others = addresses.into_iter().filter(|other| *other != address);
        compare(evidence, &dialer, address, others.collect()).await;
    }
}

/// Tries a login without TLS. MySQL and MariaDB go into any, and turn it away only once it is proven
/// (`require_secure_transport`): what the session says of that decides.
async fn knock(evidence: &mut Evidence<'_>, dialer: &Dialer, address: SocketAddr) {
    let limit = evidence.settings.connect_timeout();
    let knocking = dialer.knock_in_the_clear(address, evidence.settings);
    let tried = match timeout(limit, knocking).await {
        Ok(Ok(tried)) => tried,
        Ok(Err(failure)) => Tried::Unclear(failure.message().to_owned()),
        Err(_) => Tried::Unclear(format!("it let WA_DB_CONNECT_TIMEOUT ({limit:?}) pass")),
    };
    let requires_tls = evidence.session.as_ref().and_then(|seen| seen.requires_tls);
    let remark = match (evidence.settings.engine(), tried, requires_tls) {
        (Engine::Postgres, Tried::Entertained(how), _)
        | (Engine::MySql, Tried::Entertained(how), Some(false)) => {
            evidence.plaintext = Some(Plaintext::Entertained(how));
            return;
        }
        (_, Tried::Refused, _) | (Engine::MySql, Tried::Entertained(_), Some(true)) => {
            evidence.plaintext = Some(Plaintext::Refused);
            return;
        }
        (Engine::MySql, Tried::Entertained(_), None) => {
            "the server tells require_secure_transport only after a login".to_owned()
        }
        (_, Tried::Unclear(why), _) => why,
    };
    evidence.remarks.push(format!(
        "whether the server takes logins without TLS cannot be said: {remark}"
    ));
}

/// Asks each of the other addresses for its key. The one of the connection has shown its own.
async fn compare(
    evidence: &mut Evidence<'_>,
    dialer: &Dialer,
    first: SocketAddr,
    others: Vec<SocketAddr>,
) {
    if others.is_empty() {
        return;
    }
    let (settings, endpoint, policy) = (evidence.settings, evidence.endpoint, evidence.policy);
    let served = evidence.link.as_ref().map(|link| link.served.clone());
    note(evidence, first, &served.unwrap_or_default());
    for address in others {
        let limit = settings.connect_timeout();
        let looking = dialer.served_at(endpoint, policy, address);
        match timeout(limit, looking).await {
            Ok(Ok(served)) => note(evidence, address, &served),
            Ok(Err(rejected)) if !rejected.seen.served.is_empty() => {
                note(evidence, address, &rejected.seen.served);
                complain(evidence, address, rejected.failure.message());
            }
            Ok(Err(rejected)) => complain(evidence, address, rejected.failure.message()),
            Err(_) => complain(evidence, address, "it does not answer in time"),
        }
    }
}

fn note(evidence: &mut Evidence<'_>, address: SocketAddr, served: &Chain) {
    if let Some(Some(pin)) = served.pins().first() {
        evidence.keys.push((address, *pin));
    }
}

fn complain(evidence: &mut Evidence<'_>, address: SocketAddr, why: &str) {
    evidence.remarks.push(format!(
        "{address}, to which {} leads too, is not what a service can use: {why}",
        evidence.endpoint
    ));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::fs;

    use wa_db_lab::fake::{FakeMySql, FakePostgres, MySqlScript, PostgresScript, TlsIdentity};
    use wa_db_lab::pki::{Ca, Issued, Leaf};

    use super::*;
    use crate::audit::evidence::Link;
    use crate::audit::fixtures::Scene;
    use crate::audit::rules;

    fn identity(issued: &Issued) -> TlsIdentity {
        TlsIdentity {
            cert_chain_pem: issued.chain_pem(),
            key_pem: issued.key_pem(),
        }
    }

    /// What the rule says of a server at `first` and `others`, and what else is to be known.
    async fn compared(
        engine: &str,
        ca: &Ca,
        first: u16,
        others: &[u16],
    ) -> (Vec<String>, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("ca.pem");
        fs::write(&ca_file, ca.cert_pem()).unwrap();
        let scene = Scene::of(&[
            ("WA_DB_ENGINE", engine),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_SSL_CA", ca_file.to_str().unwrap()),
        ]);
        let mut evidence = scene.evidence();
        let dialer = Dialer::new(evidence.settings).without_reports();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let served = dialer
            .served_at(evidence.endpoint, evidence.policy, at(first))
            .await;
        evidence.link = Some(Link {
            served: served.unwrap_or_else(|rejected| panic!("{}", rejected.failure)),
            verified: Chain::default(),
            verdict: None,
            facts: None,
        });
        let others = others.iter().copied().map(at).collect();
        compare(&mut evidence, &dialer, at(first), others).await;
        let rule = rules::all()
            .find(|rule| rule.id == "link-different-keys")
            .unwrap();
        let found = (rule.look)(&evidence);
        let found = found.into_iter().map(|found| found.evidence).collect();
        (found, evidence.remarks)
    }

    #[tokio::test]
    async fn addresses_of_one_name_are_compared_by_their_keys() {
        let ca = Ca::root("several addresses");
        let leaf = || Leaf::server().dns("db.lab");
        let one = ca.issue(&leaf());
        let renewed = ca.issue(&leaf().key(one.key()));
        let other = ca.issue(&leaf());
        let expired = ca.issue(&leaf().expired());
        let postgres =
            |issued| FakePostgres::start(PostgresScript::Honest, Some(identity(issued))).unwrap();
        let mysql = |issued| FakeMySql::start(MySqlScript::Honest, Some(identity(issued))).unwrap();
        let (p1, p2, p3, p4) = (
            postgres(&one),
            postgres(&renewed),
            postgres(&other),
            postgres(&expired),
        );
        let (m1, m2, m3, m4) = (mysql(&one), mysql(&renewed), mysql(&other), mysql(&expired));
        for (engine, ports) in [
            ("PGSQL", [p1.port(), p2.port(), p3.port(), p4.port()]),
            ("MYSQL", [m1.port(), m2.port(), m3.port(), m4.port()]),
        ] {
            let [one, renewed, other, expired] = ports;
            let (found, remarks) = compared(engine, &ca, one, &[renewed]).await;
            assert!(
                found.is_empty() && remarks.is_empty(),
                "{engine}: {found:?} {remarks:?}"
            );

            let (found, remarks) = compared(engine, &ca, one, &[renewed, other]).await;
            assert_eq!(
                (found.len(), remarks.len()),
                (1, 0),
                "{engine}: {remarks:?}"
            );
            for port in [one, renewed, other] {
                let part = format!("127.0.0.1:{port} has sha256/");
                assert!(found[0].contains(&part), "{engine}: {found:?}");
            }

            let (found, remarks) = compared(engine, &ca, one, &[expired]).await;
            assert_eq!((found.len(), remarks.len()), (1, 1), "{engine}: {found:?}");
            assert!(remarks[0].contains("expired"), "{remarks:?}");

            let (found, remarks) = compared(engine, &ca, one, &[1]).await;
            assert_eq!(
                (found.len(), remarks.len()),
                (0, 1),
                "{engine}: {remarks:?}"
            );
        }
    }
}
