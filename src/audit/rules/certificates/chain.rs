//! Rules about how certificates hang together, and whom else one trusts.

use std::collections::HashSet;

use openssl::x509::X509Ref;

use super::fix;
use crate::audit::certificates::{Certificate, Place, is_named_by, is_self_issued};
use crate::audit::evidence::{Evidence, Link};
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::code::ErrorCode;

pub(super) const RULES: &[Rule] = &[SELF_SIGNED, INTERMEDIATE_MISSING, KEY_SHARED, ROOT_UNUSED];

const SELF_SIGNED: Rule = Rule {
    id: "cert-self-signed",
    title: "a certificate is signed by itself",
    severity: Severity::High,
    also: &[Severity::Medium],
    why: "No CA stands behind it, so that whoever is shown it cannot tell it from one that an attacker made a \
          moment ago. Where it is itself in WA_DB_SSL_CA it is as good as a pin: a medium finding, since it can \
          be neither revoked nor renewed without a change at every service.",
    fix: "Make a private CA with wa-db certs init and issue the server's certificate with it.",
    look: self_signed,
};

const INTERMEDIATE_MISSING: Rule = Rule {
    id: "cert-intermediate-missing",
    title: "the server does not send its intermediate certificate",
    severity: Severity::Medium,
    also: &[],
    why: "The server must send every certificate between its own and the root (RFC 8446, 4.4.2). A service that \
          does not happen to have the missing one cannot verify the server, and the quickest way out is then to \
          switch verification off.",
    fix: "Put the intermediate certificates after the server's own into the server's certificate file: \
          ssl_cert_file of PostgreSQL, ssl_cert of MySQL and MariaDB.",
    look: intermediate_missing,
};

const KEY_SHARED: Rule = Rule {
    id: "cert-key-shared",
    title: "two certificates share one key",
    severity: Severity::High,
    also: &[],
    why: "Whoever takes the key from one of the two holders can pass for the other too: a client for the server, \
          or a server for the CA that issued its certificate. Neither can be given a new key without the other.",
    fix: "Make a key for each certificate; wa-db certs issue makes one each time.",
    look: key_shared,
};

const ROOT_UNUSED: Rule = Rule {
    id: "cert-root-unused",
    title: "WA_DB_SSL_CA trusts more CAs than this server needs",
    severity: Severity::Low,
    also: &[],
    why: "Each CA that is trusted can issue a certificate for this server, or have it drawn from it by a mistake \
          or a break-in. During the change from one CA to another two are right; after that one is.",
    fix: "Leave in WA_DB_SSL_CA the CA alone that issued the certificates of your servers.",
    look: root_unused,
};

/// The most CAs that a finding lists.
const SHOWN: usize = 5;

fn self_signed(seen: &Evidence<'_>) -> Vec<Observation> {
    let leaves = seen.certificates.leaves();
    leaves
        .filter(|(_, profile)| profile.is_self_signed)
        .map(|(certificate, _)| {
            let (trust, severity) = match certificate.place {
                Place::Client => ("the server must trust it for what it is", Severity::Medium),
                _ if seen.is_verified() => ("it is itself in what is trusted", Severity::Medium),
                _ => ("nothing that is trusted vouches for it", Severity::High),
            };
            let evidence = format!("{certificate} is signed by itself: {trust}");
            Observation::new(evidence, fix::issue(seen, certificate)).at(severity)
        })
        .collect()
}

fn intermediate_missing(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(link) = &seen.link else {
        return Vec::new();
    };
    let store = if seen.policy.has_own_roots() {
        "WA_DB_SSL_CA"
    } else {
        "the system's store"
    };
    let fix = format!(
        "put the intermediate certificates after the server's own into its certificate file ({}) and {}",
        "cat server.pem intermediate.pem > chain.pem",
        fix::reload(seen)
    );
    if seen.is_verified() {
        let certificates = seen.certificates.iter();
        let missing = certificates.filter(|certificate| {
            certificate.place == Place::Intermediate && !certificate.was_sent
        });
        return missing
            .map(|certificate| {
                let evidence = format!("{certificate} was not sent: it was found in {store}");
                Observation::new(evidence, fix.clone())
            })
            .collect();
    }
    let Some(top) = dangling(seen, link) else {
        return Vec::new();
    };
    let issuer = top.quoted(&top.facts.issuer);
    let evidence = format!(
        "what the server sent ends with {top}, issued by {issuer}, who is neither sent nor in {store}: an \
         intermediate is left out, or another CA is to be trusted"
    );
    vec![Observation::new(evidence, fix)]
}

/// The last certificate of a chain that led nowhere since the next one is not there.
fn dangling<'a>(seen: &'a Evidence<'_>, link: &Link) -> Option<&'a Certificate> {
    if link.verdict != Some(ErrorCode::CertificateUntrusted) {
        return None;
    }
    let chain: Vec<_> = seen.certificates.of_server().collect();
    // Servers send certificates in any order, and some that do not belong there.
    let mut top: &X509Ref = &chain.first()?.x509;
    for _ in &chain {
        let mut others = chain.iter().filter(|other| is_named_by(top, &other.x509));
        match others.next() {
            Some(next) => top = &next.x509,
            None => break,
        }
    }
    let roots = seen.policy.own_roots().unwrap_or_default();
    let leads_on = is_self_issued(top) || roots.iter().any(|root| is_named_by(top, root));
    let mut named = chain.iter().filter(|certificate| *certificate.x509 == *top);
    named.next().filter(|_| !leads_on).copied()
}

fn key_shared(seen: &Evidence<'_>) -> Vec<Observation> {
    let all: Vec<_> = seen.certificates.iter().collect();
    let pairs = all.iter().enumerate().flat_map(|(index, one)| {
        let others = all[index + 1..].iter();
        others.map(move |other| (*one, *other))
    });
    let mut told = HashSet::new();
    pairs
        .filter(|(one, other)| share_wrongly(one, other))
        .filter(|(one, _)| told.insert(&one.facts.spki_sha256))
        .map(|(one, other)| {
            let pin = &one.facts.spki_sha256;
            let has_key = |certificate: &&&Certificate| certificate.facts.spki_sha256 == *pin;
            let holders: Vec<_> = all.iter().filter(has_key).collect();
            let rest = match holders.len().saturating_sub(2) {
                0 => String::new(),
                more => format!(", and {more} more,"),
            };
            let evidence =
                format!("{one} and {other}{rest} have the key with the pin sha256/{pin}");
            // What belongs to a leaf is easier to replace than a CA, and the client's easier than the server's.
            let places = [Place::Client, Place::Server];
            let holder = places
                .iter()
                .find_map(|place| holders.iter().find(|holder| holder.place == *place));
            Observation::new(
                evidence,
                fix::issue(seen, holder.map_or(one, |holder| holder)),
            )
        })
        .collect()
}

fn share_wrongly(one: &Certificate, other: &Certificate) -> bool {
    let key = &one.facts.spki_sha256;
    if key.is_empty() || *key != other.facts.spki_sha256 {
        return false;
    }
    // A certificate that is shown as server and as client is shared; one that is sent twice is not.
    if one.x509 == other.x509 {
        return one.place.is_leaf() && other.place.is_leaf();
    }
    // A CA that was renewed, or that another CA vouches for too, is one CA with one key.
    let is_one_ca =
        !one.place.is_leaf() && !other.place.is_leaf() && one.facts.subject == other.facts.subject;
    !is_one_ca
}

fn root_unused(seen: &Evidence<'_>) -> Vec<Observation> {
    if !seen.is_verified() {
        return Vec::new();
    }
    let (unused, used): (Vec<_>, Vec<_>) = seen
        .certificates
        .iter()
        .partition(|certificate| certificate.place == Place::Trusted);
    let is_another = |certificate: &&&Certificate| {
        let key = &certificate.facts.spki_sha256;
        used.iter().all(|used| used.facts.spki_sha256 != *key)
    };
    let subjects = unused.iter().filter(is_another);
    let subjects: Vec<_> = subjects
        .map(|certificate| certificate.facts.subject.as_str())
        .collect();
    if subjects.is_empty() {
        return Vec::new();
    }
    let file = fix::ca_file(seen);
    let shown = subjects[..subjects.len().min(SHOWN)].join("; ");
    let rest = match subjects.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let root = used
        .iter()
        .find(|certificate| certificate.place == Place::Root);
    let root = root.map_or_else(String::new, |root| {
        format!("; the server's chain ends at {}", root.facts.subject)
    });
    let evidence = format!("WA_DB_SSL_CA ({file}) holds {shown}{rest}{root}");
    let fix = format!(
        "take the other certificates out of {file}, unless another server of yours needs them"
    );
    vec![Observation::new(evidence, fix)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::{self, Ca, CaSpec, Leaf};

    use super::super::fixtures::{Scene, db, only};
    use super::*;

    #[test]
    fn a_certificate_that_signs_itself_is_worse_where_it_is_not_trusted() {
        let ca = Ca::root("root");
        let own = pki::self_signed(&db());
        assert_eq!(
            Scene::verified(&ca, &ca.issue(&db())).look(&SELF_SIGNED),
            []
        );
        for (scene, severity) in [
            (Scene::served(&ca, &own), Severity::High),
            (Scene::alone(&own), Severity::Medium),
        ] {
            let observation = only(scene.look(&SELF_SIGNED));
            assert_eq!(observation.severity, Some(severity));
            assert!(observation.evidence.contains("server's"), "{observation:?}");
        }
        let client = pki::self_signed(&Leaf::client().cn("app"));
        let scene = Scene::served(&ca, &ca.issue(&db())).client(&client);
        assert_eq!(
            only(scene.look(&SELF_SIGNED)).severity,
            Some(Severity::Medium)
        );
    }

    #[test]
    fn an_intermediate_from_the_store_was_not_sent() {
        let root = Ca::root("root");
        let (upper, lower) = {
            let upper = root.intermediate("upper");
            let lower = upper.intermediate("lower");
            (upper, lower)
        };
        let issued = lower.issue(&db());
        assert_eq!(
            Scene::verified(&root, &issued).look(&INTERMEDIATE_MISSING),
            []
        );
        let scene = Scene::verified(&root, &issued).sending(&[&issued, lower.as_issued()]);
        let observation = only(scene.trusting(&upper).look(&INTERMEDIATE_MISSING));
        assert!(
            observation.evidence.contains("(CN=upper) was not sent"),
            "{observation:?}"
        );
        assert!(
            observation.evidence.contains("WA_DB_SSL_CA"),
            "{observation:?}"
        );
        let scene = Scene::verified(&root, &issued).sending(&[&issued]);
        assert_eq!(scene.look(&INTERMEDIATE_MISSING).len(), 2);
    }

    #[test]
    fn a_chain_that_leads_nowhere_misses_its_next_certificate() {
        let untrusted = ErrorCode::CertificateUntrusted;
        let root = Ca::root("root");
        let upper = root.intermediate("upper");
        let lower = upper.intermediate("lower");
        let issued = lower.issue(&db());
        let of_root = root.issue(&db());
        let impostor = root.impostor().issue(&db());
        let own = pki::self_signed(&db());
        for (what, sent, verdict, ends_with) in [
            (
                "leaf alone",
                vec![&issued],
                untrusted,
                Some("server's certificate"),
            ),
            (
                "upper left out",
                vec![&issued, lower.as_issued()],
                untrusted,
                Some("CN=lower"),
            ),
            (
                "out of order",
                vec![&issued, &of_root, lower.as_issued()],
                untrusted,
                Some("CN=lower"),
            ),
            (
                "complete, and another thing wrong",
                vec![&issued, lower.as_issued(), upper.as_issued()],
                untrusted,
                None,
            ),
            ("forged", vec![&impostor], untrusted, None),
            ("its own", vec![&own], untrusted, None),
            ("over", vec![&issued], ErrorCode::CertificateExpired, None),
        ] {
            let scene = Scene::served(&root, &issued).sending(&sent);
            let seen = scene.refused_with(verdict).look(&INTERMEDIATE_MISSING);
            let Some(ends_with) = ends_with else {
                assert_eq!(seen, [], "{what}");
                continue;
            };
            let evidence = only(seen).evidence;
            let (before, _) = evidence.split_once(", issued by").unwrap();
            assert!(before.contains(ends_with), "{what}: {evidence}");
        }
    }

    #[test]
    fn one_key_in_two_certificates_is_found_unless_it_is_one_ca() {
        let root = Ca::root("root");
        let between = root.intermediate("between");
        let server = between.issue(&db());
        let client = |key| root.issue(&Leaf::client().cn("app").key(key));
        let apart = root.issue(&Leaf::client().cn("app"));
        let renewed = CaSpec::new("root").root_with(root.key().clone());
        let namesake = CaSpec::new("another").root_with(root.key().clone());
        let scene = || Scene::verified(&root, &server);
        let of_ca = between.issue(&db().key(between.key()));
        for (what, scene, found) in [
            ("no client", scene(), 0),
            ("keys apart", scene().client(&apart), 0),
            ("the server's key", scene().client(&client(server.key())), 1),
            ("the server's certificate", scene().client(&server), 1),
            ("a CA's key", scene().client(&client(between.key())), 1),
            (
                "the server with its CA's key",
                Scene::verified(&root, &of_ca),
                1,
            ),
            ("a renewed root", scene().trusting(&renewed), 0),
            ("two CAs", scene().trusting(&namesake), 1),
            (
                "three with one key",
                scene().trusting(&namesake).client(&client(root.key())),
                1,
            ),
        ] {
            let seen = scene.look(&KEY_SHARED);
            assert_eq!(seen.len(), found, "{what}: {seen:?}");
            let is_told = |seen: &Observation| seen.evidence.contains("sha256/");
            assert!(seen.iter().all(is_told), "{what}: {seen:?}");
        }
    }

    #[test]
    fn roots_that_the_chain_does_not_end_at_are_told_in_one_finding() {
        let root = Ca::root("root");
        let issued = root.issue(&db());
        let renewed = CaSpec::new("root").root_with(root.key().clone());
        assert_eq!(Scene::verified(&root, &issued).look(&ROOT_UNUSED), []);
        let scene = Scene::verified(&root, &issued).trusting(&renewed);
        assert_eq!(scene.look(&ROOT_UNUSED), [], "the same CA");
        let others = (1..=6).map(|number| Ca::root(&format!("other {number}")));
        let scene = others.fold(Scene::verified(&root, &issued), |scene, other| {
            scene.trusting(&other)
        });
        let evidence = only(scene.look(&ROOT_UNUSED)).evidence;
        assert!(
            evidence.contains("CN=other 5; and 1 more; the server's chain ends at CN=root"),
            "{evidence}"
        );
        let scene = Scene::served(&root, &issued).trusting(&Ca::root("other"));
        assert_eq!(scene.look(&ROOT_UNUSED), [], "nobody knows which is needed");
    }
}
