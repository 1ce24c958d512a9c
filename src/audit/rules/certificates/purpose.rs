//! Rules about what certificates say to be for.

use super::fix;
use crate::audit::certificates::{Certificate, Place};
use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::tls::CertificateProfile;

pub(super) const RULES: &[Rule] = &[WRONG_PURPOSE, NO_PURPOSE, LEAF_IS_CA];

const WRONG_PURPOSE: Rule = Rule {
    id: "cert-wrong-purpose",
    title: "a certificate is meant for something else",
    severity: Severity::High,
    also: &[Severity::Medium],
    why: "Verification refuses a server's certificate that is for clients, and servers refuse a client's that is \
          for servers. Where that is let pass, whoever holds any certificate of the CA, a client's say, can pass \
          for the server. A key that may not sign is left with the RSA key exchange, whose recordings can be read \
          by whoever gets the key later: a medium finding.",
    fix: "Issue certificates with extended key usage serverAuth for servers and clientAuth for clients, and key \
          usage digitalSignature for both.",
    look: wrong_purpose,
};

const NO_PURPOSE: Rule = Rule {
    id: "cert-no-purpose",
    title: "a certificate does not say what it is for",
    severity: Severity::Low,
    also: &[],
    why: "Without an extended key usage it counts for everything: a client's certificate then is as good as a \
          server's, a stolen one of a web server as good as the database's.",
    fix: "Issue certificates with extended key usage serverAuth for servers and clientAuth for clients.",
    look: no_purpose,
};

const LEAF_IS_CA: Rule = Rule {
    id: "cert-leaf-is-ca",
    title: "the certificate of a server or client is that of a CA",
    severity: Severity::High,
    also: &[],
    why: "Its key lies on a machine that talks to the network, and can sign certificates for any name that \
          everyone believes who trusts this one. A CA's key belongs on no server. openssl req -x509 makes such \
          certificates unless it is told otherwise.",
    fix: "Keep the CA's key apart and issue the server a certificate of its own.",
    look: leaf_is_ca,
};

fn wrong_purpose(seen: &Evidence<'_>) -> Vec<Observation> {
    let leaves = seen.certificates.leaves();
    leaves
        .flat_map(|(certificate, profile)| {
            let wanted = wanted(certificate);
            let is_wrong = is_for_its_holder(certificate, profile) == Some(false);
            let purpose = is_wrong.then(|| {
                let evidence = format!("the extended key usage of {certificate} lacks {wanted}");
                Observation::new(evidence, fix::issue(seen, certificate))
            });
            let usage = (profile.may_sign == Some(false)).then(|| {
                let evidence = format!("the key usage of {certificate} lacks digitalSignature");
                Observation::new(evidence, fix::issue(seen, certificate)).at(Severity::Medium)
            });
            [purpose, usage].into_iter().flatten()
        })
        .collect()
}

fn no_purpose(seen: &Evidence<'_>) -> Vec<Observation> {
    let leaves = seen.certificates.leaves();
    leaves
        .filter(|(certificate, profile)| is_for_its_holder(certificate, profile).is_none())
        .map(|(certificate, _)| {
            let evidence = format!(
                "{certificate} has no extended key usage, which should be {}",
                wanted(certificate)
            );
            Observation::new(evidence, fix::issue(seen, certificate))
        })
        .collect()
}

fn leaf_is_ca(seen: &Evidence<'_>) -> Vec<Observation> {
    let leaves = seen.certificates.leaves();
    leaves
        .filter(|(_, profile)| profile.is_ca)
        .map(|(certificate, _)| {
            let evidence = format!("{certificate} has basic constraints CA:TRUE");
            Observation::new(evidence, fix::issue(seen, certificate))
        })
        .collect()
}

fn wanted(certificate: &Certificate) -> &'static str {
    match certificate.place {
        Place::Client => "clientAuth",
        _ => "serverAuth",
    }
}

/// `None` where the certificate does not say. "Any purpose" is none that OpenSSL takes for TLS.
fn is_for_its_holder(certificate: &Certificate, profile: &CertificateProfile) -> Option<bool> {
    let purposes = profile.purposes?;
    Some(match certificate.place {
        Place::Client => purposes.client,
        _ => purposes.server,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::{Ca, Leaf};

    use super::super::fixtures::{Scene, db, only};
    use super::*;

    #[test]
    fn each_purpose_is_right_for_its_holder_only() {
        let ca = Ca::root("root");
        let good = ca.issue(&db());
        for (leaf, found) in [
            (db(), None),
            (db().without_purpose(), None),
            (db().client_auth_only(), Some("lacks serverAuth")),
        ] {
            let seen = Scene::served(&ca, &ca.issue(&leaf)).look(&WRONG_PURPOSE);
            let said = seen
                .first()
                .map(|observation| observation.evidence.as_str());
            assert_eq!(said.is_some(), found.is_some(), "{seen:?}");
            assert!(
                said.unwrap_or_default().contains(found.unwrap_or_default()),
                "{seen:?}"
            );
        }
        let client = Leaf::client().cn("app");
        for (leaf, found) in [(client.clone(), 0), (client.server_auth_only(), 1)] {
            let scene = Scene::verified(&ca, &good).client(&ca.issue(&leaf));
            let seen = scene.look(&WRONG_PURPOSE);
            assert_eq!(seen.len(), found, "{seen:?}");
            assert!(
                seen.iter()
                    .all(|seen| seen.evidence.contains("lacks clientAuth")),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn a_key_that_may_not_sign_is_a_lesser_wrong() {
        let ca = Ca::root("root");
        let issued = ca.issue(&db().key_encipherment_only());
        let observation = only(Scene::verified(&ca, &issued).look(&WRONG_PURPOSE));
        assert_eq!(observation.severity, Some(Severity::Medium));
        assert!(
            observation.evidence.contains("digitalSignature"),
            "{observation:?}"
        );
    }

    #[test]
    fn no_purpose_at_all_is_found_and_any_purpose_is_not() {
        let ca = Ca::root("root");
        let client = Leaf::client().cn("app");
        for (leaf, client, found) in [
            (db(), client.clone(), 0),
            (db().client_auth_only(), client.clone(), 0),
            (db().without_purpose(), client.clone(), 1),
            (db(), client.without_purpose(), 1),
        ] {
            let scene = Scene::served(&ca, &ca.issue(&leaf)).client(&ca.issue(&client));
            assert_eq!(scene.look(&NO_PURPOSE).len(), found, "{leaf:?}");
        }
    }

    #[test]
    fn a_leaf_that_is_a_ca_is_found_and_a_ca_in_its_place_is_not() {
        let ca = Ca::root("root");
        let good = ca.issue(&db());
        assert_eq!(Scene::verified(&ca, &good).look(&LEAF_IS_CA), []);
        let scene = Scene::verified(&ca, &ca.issue(&db().as_ca()));
        assert!(only(scene.look(&LEAF_IS_CA)).evidence.contains("server's"));
        let client = ca.issue(&Leaf::client().cn("app").as_ca());
        let scene = Scene::verified(&ca, &good).client(&client);
        assert!(only(scene.look(&LEAF_IS_CA)).evidence.contains("client"));
    }
}
