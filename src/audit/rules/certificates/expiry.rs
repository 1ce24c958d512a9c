//! Rules about the dates of certificates.

use time::{Duration, OffsetDateTime};

use super::fix;
use crate::audit::certificates::{Certificate, Place, is_named_by};
use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::tls::{CertificateProfile, MAX_LEAF_DAYS};

pub(super) const RULES: &[Rule] = &[
    EXPIRES,
    CA_EXPIRES,
    CLIENT_EXPIRES,
    NOT_YET_VALID,
    LONG_LIVED,
];

/// From how long before its end on a certificate is told of, and from when on that is urgent.
pub(super) const SOON: Duration = Duration::days(30);
const URGENT: Duration = Duration::days(7);

/// The longest that a leaf should be good for.
const LONGEST: Duration = Duration::days(MAX_LEAF_DAYS as i64);

const EXPIRES: Rule = Rule {
    id: "cert-expires",
    title: "the server's certificate is over, or soon will be",
    severity: Severity::Medium,
    also: &[Severity::High, Severity::Critical],
    why: "Once a certificate is over, every service that verifies it stops at once, and the quickest way out is \
          then to switch verification off. Within a month of the end it is a medium finding, within a week a high \
          one, and a critical one afterwards.",
    fix: "Renew the certificate and let the server load it, by a timer rather than by hand.",
    look: |seen| ending(seen, &[Place::Server]),
};

const CA_EXPIRES: Rule = Rule {
    id: "cert-ca-expires",
    title: "a CA's certificate is over, or soon will be",
    severity: Severity::Medium,
    also: &[Severity::Low, Severity::High, Severity::Critical],
    why: "With a CA ends every certificate it issued, whatever stands in those, and a new CA takes longer to bring \
          to every service and server than a new certificate does. One of WA_DB_SSL_CA that this server does not \
          need is a low finding.",
    fix: "Put the new CA's certificate into WA_DB_SSL_CA beside the old one, issue the servers' certificates \
          anew, and take the old one out at last.",
    look: |seen| {
        ending(
            seen,
            &[
                Place::Intermediate,
                Place::Root,
                Place::ClientIntermediate,
                Place::Trusted,
            ],
        )
    },
};

const CLIENT_EXPIRES: Rule = Rule {
    id: "cert-client-expires",
    title: "the client certificate is over, or soon will be",
    severity: Severity::Medium,
    also: &[Severity::High, Severity::Critical],
    why: "A server that asks for a client certificate refuses one that is over: the service then has no database \
          until it has a new one. Within a month of the end it is a medium finding, within a week a high one.",
    fix: "Renew the certificate in place with wa-db certs renew --dir DIR FILE: running services take it up.",
    look: |seen| ending(seen, &[Place::Client]),
};

const NOT_YET_VALID: Rule = Rule {
    id: "cert-not-yet-valid",
    title: "a certificate is not valid yet",
    severity: Severity::High,
    also: &[],
    why: "Whoever verifies the chain refuses it until then. Where it was issued a moment ago, one of the clocks is \
          wrong, and with a wrong clock certificates that are over pass too.",
    fix: "Set the clocks by NTP, of this machine and of the one that issues certificates.",
    look: not_yet_valid,
};

const LONG_LIVED: Rule = Rule {
    id: "cert-long-lived",
    title: "a certificate is valid for more than 398 days",
    severity: Severity::Low,
    also: &[],
    why: "A key that was copied serves whoever has it until its certificate ends, since revocation is rarely \
          looked at. What is renewed every other year is renewed by hand, by someone who has to learn it anew.",
    fix: "Issue certificates for 398 days at most, better for 90, and renew them by a timer.",
    look: long_lived,
};

fn ending(seen: &Evidence<'_>, places: &[Place]) -> Vec<Observation> {
    let certificates = seen.certificates.read();
    certificates
        .filter(|(certificate, _)| places.contains(&certificate.place))
        .filter_map(|(certificate, profile)| {
            let severity = severity_of(certificate, profile, seen)?;
            let evidence = format!("{certificate} {}", when(certificate, profile, seen.now));
            Some(Observation::new(evidence, fix::renew(seen, certificate)).at(severity))
        })
        .collect()
}

fn severity_of(
    certificate: &Certificate,
    profile: &CertificateProfile,
    seen: &Evidence<'_>,
) -> Option<Severity> {
    let left = profile.not_after - seen.now;
    if left > SOON {
        return None;
    }
    Some(if !is_needed(certificate, seen) {
        Severity::Low
    } else if left < Duration::ZERO {
        Severity::Critical
    } else if left <= URGENT {
        Severity::High
    } else {
        Severity::Medium
    })
}

/// Whether this server's chain rests on a certificate, as far as that is known.
fn is_needed(certificate: &Certificate, seen: &Evidence<'_>) -> bool {
    if certificate.place != Place::Trusted || seen.link.is_none() {
        return true;
    }
    let names_it = |other: &Certificate| is_named_by(&other.x509, &certificate.x509);
    !seen.is_verified() && seen.certificates.of_server().any(names_it)
}

fn when(certificate: &Certificate, profile: &CertificateProfile, now: OffsetDateTime) -> String {
    let end = &certificate.facts.not_after;
    let left = profile.not_after - now;
    if left < Duration::ZERO {
        format!("expired at {end}, {} ago", days(-left))
    } else {
        format!("expires at {end}, in {}", days(left))
    }
}

fn not_yet_valid(seen: &Evidence<'_>) -> Vec<Observation> {
    let certificates = seen.certificates.read();
    certificates
        .filter(|(_, profile)| profile.not_before > seen.now)
        .map(|(certificate, profile)| {
            let begin = &certificate.facts.not_before;
            let wait = days(profile.not_before - seen.now);
            let evidence = format!("{certificate} is valid from {begin} on, in {wait}");
            let fix = "compare this machine's clock with the one where certificates are issued: timedatectl status; \
                       if both are right, wait, or issue one that begins now";
            Observation::new(evidence, fix)
        })
        .collect()
}

fn long_lived(seen: &Evidence<'_>) -> Vec<Observation> {
    let leaves = seen.certificates.leaves();
    leaves
        .filter_map(|(certificate, profile)| {
            let length = profile.not_after - profile.not_before;
            let (begin, end) = (&certificate.facts.not_before, &certificate.facts.not_after);
            let evidence = format!(
                "{certificate} is valid for {}, from {begin} to {end}",
                days(length)
            );
            let fix = fix::issue(seen, certificate);
            (length > LONGEST).then(|| Observation::new(evidence, fix))
        })
        .collect()
}

/// A length in days, the begun one not counted.
pub(super) fn days(length: Duration) -> String {
    match length.whole_days() {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wa_db_lab::pki::{Ca, CaSpec, Leaf, Validity};

    use super::super::fixtures::{Scene, db, only};
    use super::*;

    const HOUR: Duration = Duration::hours(1);

    /// What the rule says as many days before the end, as text and severity.
    fn found(rule: &Rule, scene: Scene, left: Duration, end: OffsetDateTime) -> Option<Severity> {
        let mut seen = scene.at(end - left).look(rule);
        assert!(seen.len() <= 1, "{seen:?}");
        let observation = seen.pop()?;
        assert!(observation.evidence.contains("CN="), "{observation:?}");
        // Whoever has the CA above an intermediate issues that.
        let is_ours = !observation.evidence.contains("intermediate");
        let is_told = observation.fix.contains("wa-db certs");
        assert_eq!(is_told, is_ours, "{observation:?}");
        observation.severity
    }

    const STEPS: [(Duration, Option<Severity>); 6] = [
        (Duration::days(31), None),
        (Duration::days(30), Some(Severity::Medium)),
        (Duration::days(8), Some(Severity::Medium)),
        (Duration::days(7), Some(Severity::High)),
        (HOUR, Some(Severity::High)),
        (Duration::hours(-1), Some(Severity::Critical)),
    ];

    #[test]
    fn a_servers_certificate_is_worse_the_nearer_its_end() {
        let ca = Ca::root("root");
        let validity = Validity::days(90);
        let issued = ca.issue(&db().validity(validity));
        for (left, severity) in STEPS {
            let scene = Scene::verified(&ca, &issued);
            assert_eq!(
                found(&EXPIRES, scene, left, validity.not_after),
                severity,
                "{left}"
            );
            let scene = Scene::verified(&ca, &issued);
            assert_eq!(found(&CA_EXPIRES, scene, left, validity.not_after), None);
        }
    }

    #[test]
    fn a_client_certificate_is_worse_the_nearer_its_end() {
        let ca = Ca::root("root");
        let validity = Validity::days(90);
        let client = ca.issue(&Leaf::client().cn("app").validity(validity));
        let server = ca.issue(&db());
        for (left, severity) in STEPS {
            let scene = || Scene::verified(&ca, &server).client(&client);
            assert_eq!(
                found(&CLIENT_EXPIRES, scene(), left, validity.not_after),
                severity,
                "{left}"
            );
        }
    }

    #[test]
    fn a_ca_is_worse_the_nearer_its_end_and_least_where_it_is_not_needed() {
        let validity = Validity::days(90);
        let long = Validity::days(3650);
        let spec = |name: &str, validity| CaSpec::new(name).validity(validity);
        let ends = |root, between, other| {
            let root = spec("root", root).root();
            let between = spec("between", between).signed_by(&root);
            let other = spec("other", other).root();
            let issued = between.issue(&db().validity(long));
            (root, issued, other)
        };
        for (left, severity) in STEPS {
            for (root, between) in [(validity, long), (long, validity)] {
                let (root, issued, other) = ends(root, between, long);
                let scene = Scene::verified(&root, &issued).trusting(&other);
                assert_eq!(
                    found(&CA_EXPIRES, scene, left, validity.not_after),
                    severity,
                    "{left}"
                );
            }
            let (root, issued, other) = ends(long, long, validity);
            let low = severity.map(|_| Severity::Low);
            for scene in [
                Scene::verified(&root, &issued),
                Scene::served(&root, &issued),
            ] {
                let scene = scene.trusting(&other);
                assert_eq!(
                    found(&CA_EXPIRES, scene, left, validity.not_after),
                    low,
                    "{left}"
                );
            }
            // Where nothing was seen, it may be the one that is needed.
            let scene = Scene::served(&root, &issued).trusting(&other).unseen();
            assert_eq!(
                found(&CA_EXPIRES, scene, left, validity.not_after),
                severity,
                "{left}"
            );
            // Where nothing verified, it is the one that the chain names.
            let root = spec("root", validity).root();
            let scene = Scene::served(&root, &root.issue(&db().validity(long)));
            assert_eq!(
                found(&CA_EXPIRES, scene, left, validity.not_after),
                severity,
                "{left}"
            );
        }
    }

    #[test]
    fn what_is_over_says_since_when_though_nothing_was_verified() {
        let ca = Ca::root("root");
        let seen = Scene::served(&ca, &ca.issue(&db().expired())).look(&EXPIRES);
        let observation = only(seen);
        assert!(
            observation.evidence.contains("expired at 20"),
            "{observation:?}"
        );
        assert!(
            observation.evidence.contains("1 day ago"),
            "{observation:?}"
        );
        assert!(
            observation
                .evidence
                .contains("unverified text from the peer"),
            "{observation:?}"
        );
    }

    #[test]
    fn a_certificate_from_the_future_is_found_and_one_of_today_is_not() {
        let ca = Ca::root("root");
        let future = ca.issue(&db().not_yet_valid());
        assert_eq!(Scene::served(&ca, &future).look(&NOT_YET_VALID).len(), 1);
        let today = ca.issue(&db());
        assert_eq!(Scene::verified(&ca, &today).look(&NOT_YET_VALID), []);
        let yesterday = OffsetDateTime::now_utc() - Duration::days(1);
        let scene = Scene::verified(&ca, &today).at(yesterday);
        assert_eq!(scene.look(&NOT_YET_VALID).len(), 2, "leaf and root");
    }

    #[test]
    fn more_than_398_days_are_long_for_a_leaf_and_not_for_a_ca() {
        let ca = Ca::root("root");
        let now = OffsetDateTime::now_utc();
        for (days, found) in [(398, 0), (399, 1)] {
            let validity = Validity {
                not_before: now,
                not_after: now + Duration::days(days),
            };
            let server = ca.issue(&db().validity(validity));
            assert_eq!(
                Scene::verified(&ca, &server).look(&LONG_LIVED).len(),
                found,
                "{days}"
            );
            let client = ca.issue(&Leaf::client().cn("app").validity(validity));
            let scene = Scene::verified(&ca, &ca.issue(&db())).client(&client);
            assert_eq!(scene.look(&LONG_LIVED).len(), found, "{days}");
        }
    }
}
