//! Whether a chain holds a pinned key: [`compare`].

use super::chain::Chain;
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::settings::{PinSet, Verification};

const ENFORCED: &str = "WA_DB_SSL_PINS";
const REPORT_ONLY: &str = "WA_DB_SSL_PINS_REPORT_ONLY";

/// What a set of pins says of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// A key of the chain is pinned, and there is a pin of another one to fall back on.
    Matches,
    /// A key of the chain is pinned, and no other: once it is lost, nobody can connect.
    MatchesWithoutBackup,
    /// No key is pinned.
    Differs,
}

/// Compares a set with what a server showed. In a chain that was verified any certificate may have
/// a pinned key, since each vouches for those below it. Where nothing was verified, only the
/// server's own key counts: it alone was proven to be the server's by the handshake.
pub(super) fn compare(
    set: &PinSet,
    verification: Verification,
    served: &Chain,
    verified: &Chain,
) -> Compared {
    let in_chain = if verified.is_empty() {
        served.pins()
    } else {
        verified.pins()
    };
    let proven = match verification {
        Verification::Full | Verification::ChainOnly => verified.pins(),
        Verification::Off => in_chain.iter().copied().take(1).collect(),
    };
    if !proven.iter().flatten().any(|pin| set.contains(*pin)) {
        return Compared::Differs;
    }
    if set.pins().iter().all(|pin| in_chain.contains(&Some(*pin))) {
        Compared::MatchesWithoutBackup
    } else {
        Compared::Matches
    }
}

/// The failure of a chain without a pinned key.
pub(super) fn mismatch(served: &Chain) -> Failure {
    Failure::new(
        Stage::Tls,
        ErrorCode::PinMismatch,
        format!(
            "the server's chain holds none of the keys of {ENFORCED}: {}",
            shown(served)
        ),
        "if nobody changed the server's key, somebody may pose as the server; if it was changed on purpose, add its pin to WA_DB_SSL_PINS: `wa-db pins` prints it",
    )
}

/// The same where it is only reported.
pub(super) fn would_mismatch(served: &Chain) -> String {
    format!(
        "the server's chain holds none of the keys of {REPORT_ONLY}: {}",
        shown(served)
    )
}

/// That there is nothing to fall back on.
pub(super) fn no_backup() -> String {
    format!(
        "every key of {ENFORCED} is in the server's chain: add the pin of a backup key that is kept elsewhere, or a lost key locks everyone out"
    )
}

fn shown(served: &Chain) -> String {
    match (served.pins().first(), served.leaf()) {
        (Some(Some(pin)), Some(leaf)) => {
            format!("its certificate has {pin} ({})", hearsay(&leaf.subject))
        }
        _ => "its certificate's key cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::stack::Stack;
    use openssl::x509::X509;
    use wa_db_lab::pki::{Ca, Issued, Leaf};

    use super::*;

    fn chain(certificates: &[&Issued]) -> Chain {
        let mut stack = Stack::new().unwrap();
        for certificate in certificates {
            stack.push(certificate.x509()).unwrap();
        }
        Chain::from(&*stack)
    }

    fn set(chains: &[&Chain]) -> PinSet {
        let pins = chains.iter().flat_map(|chain| chain.pins()).flatten();
        let texts: Vec<_> = pins.map(|pin| pin.to_string()).collect();
        PinSet::parse("X", &texts.join(";")).unwrap()
    }

    #[test]
    fn any_key_of_a_verified_chain_may_be_pinned_and_without_verification_the_servers_own() {
        use Compared::{Differs, Matches, MatchesWithoutBackup};
        use Verification::{ChainOnly, Full, Off};

        let ca = Ca::root("pins");
        let leaf = ca.issue(&Leaf::server().dns("db.lab"));
        let other = ca.issue(&Leaf::server().dns("other.lab"));
        let (root, leaf, other) = (chain(&[ca.as_issued()]), chain(&[&leaf]), chain(&[&other]));
        let both = {
            let issued = ca.issue(&Leaf::server().dns("db.lab"));
            chain(&[&issued, ca.as_issued()])
        };
        let none = Chain::default();
        for (pinned, verification, served, verified, expected) in [
            (set(&[&root, &other]), Full, &both, &both, Matches),
            (set(&[&root]), Full, &both, &both, MatchesWithoutBackup),
            (
                set(&[&root, &both]),
                Full,
                &both,
                &both,
                MatchesWithoutBackup,
            ),
            (set(&[&root]), ChainOnly, &both, &both, MatchesWithoutBackup),
            (set(&[&other]), Full, &both, &both, Differs),
            // A certificate that the server sends along proves nothing by itself.
            (set(&[&root, &other]), Full, &both, &none, Differs),
            (set(&[&root, &other]), Off, &both, &none, Differs),
            (set(&[&root, &other]), Off, &both, &both, Differs),
            (set(&[&leaf, &other]), Off, &leaf, &none, Matches),
            (set(&[&leaf]), Off, &leaf, &none, MatchesWithoutBackup),
            (set(&[&leaf]), Off, &none, &none, Differs),
        ] {
            let compared = compare(&pinned, verification, served, verified);
            assert_eq!(compared, expected, "{pinned} {verification:?}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_read_keeps_its_place_and_lends_it_to_none() {
        let ca = Ca::root("malformed");
        let [posing, pinned] = [(); 2].map(|()| ca.issue(&Leaf::server().dns("db.lab")));
        let with_broken_byte_after = |bytes: &[u8]| {
            let mut der = posing.cert_der().to_vec();
            let place = der.windows(bytes.len()).position(|found| found == bytes);
            der[place.unwrap() + bytes.len()] = b'X';
            let mut stack = Stack::new().unwrap();
            stack.push(X509::from_der(&der).unwrap()).unwrap();
            stack.push(pinned.x509()).unwrap();
            Chain::from(&*stack)
        };
        let set = set(&[&chain(&[&pinned])]);
        // The start of validity, which other parsers reject, and the kind of key (id-ecPublicKey).
        let time = with_broken_byte_after(b"\x30\x1e\x17\x0d");
        let kind = with_broken_byte_after(b"\x2a\x86\x48\xce\x3d\x02");
        for (what, served, is_read) in [("time", time, true), ("kind of key", kind, false)] {
            let pins = served.pins();
            assert_eq!(pins.len(), 2, "{what}");
            assert_eq!(pins[0].is_some(), is_read, "{what}");
            for verified in [Chain::default(), served.clone()] {
                let compared = compare(&set, Verification::Off, &served, &verified);
                assert_eq!(compared, Compared::Differs, "{what}");
            }
            let shown = pins[1].unwrap().to_string();
            assert!(!mismatch(&served).message().contains(&shown), "{what}");
            assert!(!would_mismatch(&served).contains(&shown), "{what}");
        }
    }

    #[test]
    fn a_mismatch_shows_the_pin_of_the_certificate_that_was_served() {
        let ca = Ca::root("shown");
        let served = chain(&[&ca.issue(&Leaf::server().dns("db.lab"))]);
        let failure = mismatch(&served);
        assert_eq!(failure.code(), ErrorCode::PinMismatch);
        let pin = served.pins()[0].unwrap().to_string();
        assert!(failure.message().contains(&pin) && would_mismatch(&served).contains(&pin));
    }
}
