//! Rules about the lists of what was revoked.

use time::Duration;

use super::{expiry, fix};
use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::settings::{CrlStale, shown_path};
use crate::shell;

pub(super) const RULES: &[Rule] = &[CRL_STALE, NO_CRL];

/// From how long before its end on a list is told of.
const SOON: Duration = Duration::days(7);

const CRL_STALE: Rule = Rule {
    id: "cert-crl-stale",
    title: "a revocation list is out of date, or soon will be",
    severity: Severity::High,
    also: &[Severity::Medium],
    why: "What was revoked since the list was made is unknown: a stolen key still passes. Unless \
          WA_DB_SSL_CRL_STALE is warn, services refuse every server of that CA as soon as the list ends, which is \
          an outage. Within a week of the end it is a medium finding.",
    fix: "Fetch the CA's current list by a timer, more often than the CA makes one; services take it up.",
    look: crl_stale,
};

const NO_CRL: Rule = Rule {
    id: "cert-no-crl",
    title: "a CA publishes revocation lists and none is used",
    severity: Severity::Low,
    also: &[],
    why: "The certificate says where the list of its CA is to be had. Without it a certificate counts until its \
          end, though its key was stolen and the CA has taken it back.",
    fix: "Fetch the list by a timer and name it, or a directory of lists, in WA_DB_SSL_CRL.",
    look: no_crl,
};

fn crl_stale(seen: &Evidence<'_>) -> Vec<Observation> {
    let settings = seen.settings.tls();
    let path = settings.crl.as_deref();
    let path = path.map_or_else(String::new, |path| shown_path("WA_DB_SSL_CRL", path));
    let ends = seen.policy.list_ends().into_iter();
    ends.filter_map(|end| {
        let left = end.at - seen.now;
        let (issuer, at) = (&end.issuer, &end.shown);
        let (when, severity) = if left < Duration::ZERO {
            let then = match settings.crl_stale {
                CrlStale::Refuse => "servers of this CA are refused",
                CrlStale::Warn => "it is used all the same, as WA_DB_SSL_CRL_STALE=warn asks",
            };
            (format!("ended at {at}: {then}"), Severity::High)
        } else if left <= SOON {
            (
                format!("ends at {at}, in {}", expiry::days(left)),
                Severity::Medium,
            )
        } else {
            return None;
        };
        let evidence = format!("the list of {issuer} in WA_DB_SSL_CRL ({path}) {when}");
        let fix = format!(
            "fetch the current list of {issuer} and put it in place of the old one: mv NEW {}",
            shell::word(&path)
        );
        Some(Observation::new(evidence, fix).at(severity))
    })
    .collect()
}

fn no_crl(seen: &Evidence<'_>) -> Vec<Observation> {
    let chain: Vec<_> = seen.certificates.of_server().collect();
    let issuers = chain.iter().skip(1).map(|issuer| &*issuer.x509);
    let issuers = issuers.map(Some).chain([None]);
    let pairs = chain.iter().zip(issuers);
    pairs
        .filter_map(|(certificate, issuer)| {
            let lists = &certificate.profile.as_ref()?.lists_at;
            let url = certificate.quoted(lists.first()?);
            if certificate.place.is_root() || seen.policy.has_list_for(&certificate.x509, issuer) {
                return None;
            }
            let lack = match seen.settings.tls().crl {
                Some(_) => "WA_DB_SSL_CRL has none of this CA",
                None => "WA_DB_SSL_CRL is not set",
            };
            let evidence = format!("{certificate} names the list {url}, and {lack}");
            let name = fix::name(seen);
            let fix = format!(
                "fetch that list by a timer into a file and set WA_DB_SSL_CRL to it; wa-db check then says whether \
                 {name} still passes"
            );
            Some(Observation::new(evidence, fix))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use time::OffsetDateTime;
    use wa_db_lab::pki::{Ca, CaSpec};

    use super::super::fixtures::{Scene, db, only};
    use super::*;

    #[test]
    fn a_list_is_stale_once_it_has_ended_and_nearly_so_a_week_before() {
        let ca = Ca::root("root");
        let issued = ca.issue(&db());
        let list = ca.crl_pem_for_days(&[], 30);
        let now = OffsetDateTime::now_utc();
        for (days, found) in [
            (0, None),
            (22, None),
            (24, Some((Severity::Medium, "ends at"))),
            (31, Some((Severity::High, "are refused"))),
        ] {
            let scene = Scene::verified(&ca, &issued).list(&list);
            let seen = scene.at(now + Duration::days(days)).look(&CRL_STALE);
            let Some((severity, text)) = found else {
                assert_eq!(seen, [], "{days}");
                continue;
            };
            let observation = only(seen);
            assert_eq!(observation.severity, Some(severity));
            for part in [text, "CN=root"] {
                assert!(observation.evidence.contains(part), "{observation:?}");
            }
        }
        let scene = Scene::verified(&ca, &issued).list(&ca.ended_crl_pem(&[]));
        let observation = only(scene.with("WA_DB_SSL_CRL_STALE", "warn").look(&CRL_STALE));
        assert!(
            observation.evidence.contains("used all the same"),
            "{observation:?}"
        );
        assert_eq!(Scene::verified(&ca, &issued).look(&CRL_STALE), []);
    }

    #[test]
    fn the_last_of_several_lists_of_a_ca_counts() {
        let (ca, other) = (Ca::root("root"), Ca::root("other"));
        let lists = [
            ca.ended_crl_pem(&[]),
            ca.crl_pem_for_days(&[], 30),
            other.ended_crl_pem(&[]),
        ];
        let scene = Scene::verified(&ca, &ca.issue(&db())).list(&lists.concat());
        let evidence = only(scene.look(&CRL_STALE)).evidence;
        assert!(evidence.contains("CN=other"), "{evidence}");
    }

    #[test]
    fn a_list_that_a_certificate_names_is_missed_unless_there_is_one() {
        let (ca, other) = (Ca::root("root"), Ca::root("other"));
        let plain = ca.issue(&db());
        let naming = ca.issue(&db().list_at("http://crl.lab/root.crl"));
        let under = CaSpec::new("between").list_at("http://crl.lab/root.crl");
        let under = under.signed_by(&ca).issue(&db());
        let list = ca.crl_pem(&[]);
        for (what, scene, text) in [
            ("none named", Scene::verified(&ca, &plain), None),
            (
                "there is one",
                Scene::verified(&ca, &naming).list(&list),
                None,
            ),
            (
                "none set",
                Scene::verified(&ca, &naming),
                Some("is not set"),
            ),
            (
                "of another CA",
                Scene::verified(&ca, &naming).list(&other.crl_pem(&[])),
                Some("has none of this CA"),
            ),
            (
                "named by an intermediate",
                Scene::verified(&ca, &under),
                Some("CN=between"),
            ),
            (
                "unverified",
                Scene::served(&ca, &naming),
                Some("unverified text"),
            ),
        ] {
            let seen = scene.look(&NO_CRL);
            let Some(text) = text else {
                assert_eq!(seen, [], "{what}");
                continue;
            };
            let evidence = only(seen).evidence;
            for part in [text, "http://crl.lab/root.crl"] {
                assert!(evidence.contains(part), "{what}: {evidence}");
            }
        }
    }
}
