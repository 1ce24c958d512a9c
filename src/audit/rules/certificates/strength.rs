//! Rules about keys, signatures and serial numbers that can be broken.

use super::fix;
use crate::audit::certificates::Certificate;
use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::tls::{CertificateProfile, Digest, PublicKey};

pub(super) const RULES: &[Rule] = &[WEAK_KEY, WEAK_SIGNATURE, SHORT_SERIAL, MALFORMED];

/// RSA keys below this were broken in public (829 bits in 2020).
const RSA_BROKEN: u32 = 1024;

/// The random bytes of a serial number that the CA/Browser Forum asks for (baseline requirements, 7.1).
const SERIAL_BYTES: usize = 8;

const WEAK_KEY: Rule = Rule {
    id: "cert-weak-key",
    title: "a key is too weak",
    severity: Severity::High,
    also: &[Severity::Critical],
    why: "Who computes the private key from the public one, which everyone is shown, can pass for its holder: for \
          the server or, if it is a CA's, for every server. RSA keys need 2048 bits and those on elliptic curves \
          256; DSA is gone from TLS 1.3 and from every browser.",
    fix: "Issue a new certificate with a new key: EC P-256 is what wa-db certs makes.",
    look: weak_key,
};

const WEAK_SIGNATURE: Rule = Rule {
    id: "cert-weak-signature",
    title: "a certificate is signed over a broken digest",
    severity: Severity::High,
    also: &[Severity::Critical],
    why: "Two certificates with one MD5 or SHA-1 digest can be made for little money: a CA that still signs so can \
          be brought to sign a harmless one whose signature fits another as well. With MD5 that was done in 2008 to \
          get a CA of one's own. The signature of a root on itself says nothing and does not count.",
    fix: "Have the certificate issued anew over SHA-256 or better.",
    look: weak_signature,
};

const SHORT_SERIAL: Rule = Rule {
    id: "cert-short-serial",
    title: "a serial number is shorter than 64 bits",
    severity: Severity::Low,
    also: &[],
    why: "The serial number stands at the beginning of what a CA signs. If it cannot be guessed, a collision that \
          was computed beforehand does not fit; CAs that count 1, 2, 3 do without that safeguard.",
    fix: "Let the CA draw 64 random bits or more for each serial number, as wa-db certs does.",
    look: short_serial,
};

const MALFORMED: Rule = Rule {
    id: "cert-malformed",
    title: "a certificate breaks the rules of its own encoding",
    severity: Severity::High,
    also: &[],
    why: "Programs differ in what they make of such a certificate: one sees a name, a purpose or a limit that \
          another does not, or refuses it altogether. Its key, its signature and its dates are judged here, and \
          nothing of the rest could be.",
    fix: "Have the certificate issued anew, and look at the CA's software.",
    look: malformed,
};

fn weak_key(seen: &Evidence<'_>) -> Vec<Observation> {
    let look = |certificate: &Certificate, profile: &CertificateProfile| {
        let severity = match profile.key {
            PublicKey::Rsa(bits) if bits < RSA_BROKEN => Severity::Critical,
            weak if weak.is_weak() => Severity::High,
            _ => return None,
        };
        let key = match profile.key {
            PublicKey::Dsa(bits) => format!("DSA {bits}"),
            _ => certificate.facts.key.clone(),
        };
        let evidence = format!("{certificate} has a key of kind {key}");
        Some(Observation::new(evidence, fix::issue(seen, certificate)).at(severity))
    };
    let certificates = seen.certificates.read();
    certificates
        .filter_map(|(certificate, profile)| look(certificate, profile))
        .collect()
}

fn weak_signature(seen: &Evidence<'_>) -> Vec<Observation> {
    let certificates = seen.certificates.read();
    certificates
        .filter(|(certificate, profile)| !certificate.place.is_root() && !profile.is_self_signed)
        .filter_map(|(certificate, profile)| {
            let severity = match profile.digest {
                Digest::Md5 => Severity::Critical,
                Digest::Sha1 => Severity::High,
                Digest::Sound => return None,
            };
            let issuer = certificate.quoted(&certificate.facts.issuer);
            let algorithm = &certificate.facts.signature;
            let evidence = format!("{certificate} is signed by {issuer} with {algorithm}");
            Some(Observation::new(evidence, fix::issue(seen, certificate)).at(severity))
        })
        .collect()
}

fn short_serial(seen: &Evidence<'_>) -> Vec<Observation> {
    let certificates = seen.certificates.read();
    certificates
        .filter(|(certificate, profile)| !certificate.place.is_root() && !profile.is_self_signed)
        .filter(|(_, profile)| profile.serial_length < SERIAL_BYTES)
        .map(|(certificate, profile)| {
            let length = profile.serial_length;
            let evidence = format!("{certificate} has a serial number of {length} bytes");
            Observation::new(evidence, fix::issue(seen, certificate))
        })
        .collect()
}

fn malformed(seen: &Evidence<'_>) -> Vec<Observation> {
    let certificates = seen.certificates.iter();
    certificates
        .filter(|certificate| {
            let profile = certificate.profile.as_ref();
            profile.is_none_or(|profile| profile.is_malformed)
        })
        .map(|certificate| {
            let evidence = format!("{certificate} cannot be read by the letter of RFC 5280");
            Observation::new(evidence, fix::issue(seen, certificate))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::dsa::Dsa;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use wa_db_lab::pki::{Ca, CaSpec, Digest as Signed, KeyKind, self_signed};

    use super::super::fixtures::{Scene, db, only};
    use super::*;

    #[test]
    fn keys_below_todays_measure_are_found_and_others_are_not() {
        let ca = Ca::root("root");
        let group = EcGroup::from_curve_name(Nid::SECP224R1).unwrap();
        let p224 = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let rsa512 = PKey::from_rsa(Rsa::generate(512).unwrap()).unwrap();
        let dsa = PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap();
        let certifying = |key: &PKey<_>| db().certifying(key.public_key_to_der().unwrap());
        for (leaf, found) in [
            (db(), None),
            (db().key_kind(KeyKind::Rsa2048), None),
            (db().key_kind(KeyKind::Ed25519), None),
            (db().key_kind(KeyKind::EcP384), None),
            (
                db().key_kind(KeyKind::Rsa1024),
                Some((Severity::High, "RSA 1024")),
            ),
            (certifying(&rsa512), Some((Severity::Critical, "RSA 512"))),
            (certifying(&p224), Some((Severity::High, "EC secp224r1"))),
            (certifying(&dsa), Some((Severity::High, "DSA 1024"))),
        ] {
            let seen = Scene::served(&ca, &ca.issue(&leaf)).look(&WEAK_KEY);
            let Some((severity, key)) = found else {
                assert_eq!(seen, []);
                continue;
            };
            let observation = only(seen);
            assert_eq!(observation.severity, Some(severity));
            assert!(observation.evidence.ends_with(key), "{observation:?}");
        }
    }

    #[test]
    fn a_weak_key_is_found_wherever_it_stands() {
        let weak = |name| CaSpec::new(name).key_kind(KeyKind::Rsa1024);
        let root = Ca::root("root");
        let (weak_root, between) = (weak("weak").root(), weak("between").signed_by(&root));
        let good = root.issue(&db());
        for (scene, place) in [
            (
                Scene::verified(&weak_root, &weak_root.issue(&db())),
                "root certificate",
            ),
            (
                Scene::served(&root, &between.issue(&db())),
                "intermediate certificate",
            ),
            (
                Scene::verified(&root, &good).trusting(&weak_root),
                "CA certificate",
            ),
        ] {
            let observation = only(scene.look(&WEAK_KEY));
            assert!(observation.evidence.contains(place), "{observation:?}");
        }
    }

    #[test]
    fn broken_digests_are_found_but_for_what_signs_itself() {
        let ca = CaSpec::new("root").key_kind(KeyKind::Rsa2048).root();
        for (signed, severity) in [
            (Signed::Sha256, None),
            (Signed::Sha1, Some(Severity::High)),
            (Signed::PssSha1, Some(Severity::High)),
            (Signed::Md5, Some(Severity::Critical)),
        ] {
            let issued = ca.issue(&db().signed_over(signed));
            let mut seen = Scene::served(&ca, &issued).look(&WEAK_SIGNATURE);
            let found = seen.pop().and_then(|observation| observation.severity);
            assert_eq!(found, severity, "{signed:?}");
            assert_eq!(seen, []);
        }
        let old = CaSpec::new("old root").signed_with_sha1().root();
        assert_eq!(
            Scene::verified(&old, &old.issue(&db())).look(&WEAK_SIGNATURE),
            []
        );
        let between = CaSpec::new("between").signed_with_sha1().signed_by(&old);
        let seen = Scene::served(&old, &between.issue(&db())).look(&WEAK_SIGNATURE);
        assert!(only(seen).evidence.contains("intermediate certificate"));
    }

    #[test]
    fn serial_numbers_below_eight_bytes_are_short_but_for_what_signs_itself() {
        let ca = Ca::root("root");
        for (serial, found) in [(&[1; 8][..], 0), (&[1; 7], 1), (&[2], 1)] {
            let scene = Scene::verified(&ca, &ca.issue(&db().serial(serial)));
            assert_eq!(scene.look(&SHORT_SERIAL).len(), found, "{serial:?}");
        }
        let own = self_signed(&db().serial(&[1]));
        assert_eq!(Scene::alone(&own).look(&SHORT_SERIAL), []);
    }

    #[test]
    fn a_certificate_that_says_a_thing_twice_is_malformed() {
        let ca = Ca::root("root");
        let weak = db().malformed().key_kind(KeyKind::Rsa1024);
        let seen = Scene::served(&ca, &ca.issue(&weak)).look(&WEAK_KEY);
        assert_eq!(seen.len(), 1, "its key is judged all the same");
        let seen = Scene::served(&ca, &ca.issue(&db().malformed())).look(&MALFORMED);
        assert!(only(seen).evidence.contains("server's certificate"));
        assert_eq!(Scene::verified(&ca, &ca.issue(&db())).look(&MALFORMED), []);
    }
}
