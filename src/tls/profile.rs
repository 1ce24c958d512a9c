//! What else a certificate says of itself, for those who judge it: [`CertificateProfile`].

use std::net::IpAddr;

use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::X509Ref;
use time::OffsetDateTime;
use x509_parser::error::X509Error;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{OID_HASH_SHA1, OID_X509_EXT_CRL_DISTRIBUTION_POINTS};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

use super::facts;
use crate::failure::printable;

/// The most days that public CAs have been allowed to give a leaf since 2020; longer is a habit that makes
/// renewal a thing nobody has practised.
pub(crate) const MAX_LEAF_DAYS: u32 = 398;

/// The fewest bits of a key that count as safe for years to come (NIST SP 800-57, part 1, table 2).
const RSA_BITS: u32 = 2048;
const EC_BITS: u32 = 256;

/// A certificate as one who judges it reads it. Text in it came from the certificate and is made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateProfile {
    /// Kind and size of the key.
    pub(crate) key: PublicKey,
    /// What its issuer signed over.
    pub(crate) digest: Digest,
    /// Whether the key that signed it is its own.
    pub(crate) is_self_signed: bool,
    /// The common name of the subject.
    pub(crate) common_name: Option<String>,
    /// The DNS names among the subject alternative names.
    pub(crate) dns_names: Vec<String>,
    /// The IP addresses among them.
    pub(crate) addresses: Vec<IpAddr>,
    /// Start of validity.
    pub(crate) not_before: OffsetDateTime,
    /// End of validity.
    pub(crate) not_after: OffsetDateTime,
    /// The length of the serial number in bytes.
    pub(crate) serial_length: usize,
    /// Whether it may issue others (basic constraints).
    pub(crate) is_ca: bool,
    /// What it is for (extended key usage); `None` where it does not say.
    pub(crate) purposes: Option<Purposes>,
    /// Whether its key may sign a handshake (key usage); `None` where it does not say.
    pub(crate) may_sign: Option<bool>,
    /// Where the revocation list of its CA is to be had.
    pub(crate) lists_at: Vec<String>,
    /// Whether it breaks the rules of its own encoding (RFC 5280), such as by an extension that is there
    /// twice: what OpenSSL makes of it, others may not. Nothing is then said of extensions.
    pub(crate) is_malformed: bool,
}

/// What the extensions say.
#[derive(Default)]
struct Extensions {
    dns_names: Vec<String>,
    addresses: Vec<IpAddr>,
    is_ca: bool,
    purposes: Option<Purposes>,
    may_sign: Option<bool>,
    lists_at: Vec<String>,
}

/// Kind and size of a public key, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// RSA, RSA-PSS keys too.
    Rsa(u32),
    /// A curve in Weierstrass form: the NIST curves, Brainpool, SM2.
    Ec(u32),
    /// Ed25519 or Ed448.
    Edwards,
    /// DSA, which TLS 1.3 does not know and nobody makes any more.
    Dsa(u32),
    /// Another kind, or one that OpenSSL cannot read.
    Other,
}

/// What a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    /// MD5 or older.
    Md5,
    /// SHA-1.
    Sha1,
    /// Any that is not known to be broken.
    Sound,
}

/// What a certificate says to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Purposes {
    /// TLS servers.
    pub(crate) server: bool,
    /// TLS clients.
    pub(crate) client: bool,
}

impl PublicKey {
    /// The key of a certificate.
    pub(crate) fn of(certificate: &X509Ref) -> Self {
        let Ok(key) = certificate.public_key() else {
            return Self::Other;
        };
        match key.id() {
            Id::RSA | Id::RSA_PSS => Self::Rsa(key.bits()),
            Id::EC | Id::SM2 => Self::Ec(key.bits()),
            Id::ED25519 | Id::ED448 => Self::Edwards,
            Id::DSA => Self::Dsa(key.bits()),
            _ => Self::Other,
        }
    }

    /// Whether it can be broken, or will be before long.
    pub(crate) fn is_weak(self) -> bool {
        match self {
            Self::Rsa(bits) => bits < RSA_BITS,
            Self::Ec(bits) => bits < EC_BITS,
            Self::Dsa(_) => true,
            Self::Edwards | Self::Other => false,
        }
    }
}

impl Digest {
    /// What the issuer of a certificate signed over; sound where that cannot be read.
    pub(crate) fn of(certificate: &X509Ref) -> Self {
        let read = || {
            let der = certificate.to_der().ok()?;
            let (_, parsed) = X509Certificate::from_der(&der).ok()?;
            Self::read(certificate, &parsed).ok()
        };
        read().unwrap_or(Self::Sound)
    }

    fn read(certificate: &X509Ref, parsed: &X509Certificate<'_>) -> Result<Self, X509Error> {
        let algorithm = certificate.signature_algorithm().object().nid();
        if algorithm == Nid::RSASSAPSS {
            // It names the digest in its parameters, and means SHA-1 where it names none.
            let algorithm = SignatureAlgorithm::try_from(&parsed.signature_algorithm)?;
            let is_sha1 = matches!(&algorithm, SignatureAlgorithm::RSASSA_PSS(parameters)
                if *parameters.hash_algorithm_oid() == OID_HASH_SHA1);
            return Ok(if is_sha1 { Self::Sha1 } else { Self::Sound });
        }
        let digest = algorithm.signature_algorithms().map(|found| found.digest);
        Ok(match digest {
            Some(Nid::MD2 | Nid::MD4 | Nid::MD5) => Self::Md5,
            Some(Nid::SHA1) => Self::Sha1,
            _ => Self::Sound,
        })
    }
}

impl CertificateProfile {
    /// Reads a certificate. `None` for one of which not even the dates can be read.
    pub(crate) fn of(certificate: &X509Ref) -> Option<Self> {
        let der = certificate.to_der().ok()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        Self::read(certificate, &parsed).ok()
    }

    fn read(certificate: &X509Ref, parsed: &X509Certificate<'_>) -> Result<Self, X509Error> {
        let times = parsed.validity();
        let digest = Digest::read(certificate, parsed);
        let extensions = Extensions::read(parsed);
        let is_malformed = digest.is_err() || extensions.is_err();
        let extensions = extensions.unwrap_or_default();
        Ok(Self {
            key: PublicKey::of(certificate),
            digest: digest.unwrap_or(Digest::Sound),
            is_self_signed: is_self_signed(certificate),
            common_name: common_name(parsed),
            dns_names: extensions.dns_names,
            addresses: extensions.addresses,
            not_before: moment(times.not_before.timestamp())?,
            not_after: moment(times.not_after.timestamp())?,
            serial_length: serial_length(parsed),
            is_ca: extensions.is_ca,
            purposes: extensions.purposes,
            may_sign: extensions.may_sign,
            lists_at: extensions.lists_at,
            is_malformed,
        })
    }
}

impl Extensions {
    fn read(parsed: &X509Certificate<'_>) -> Result<Self, X509Error> {
        let (dns_names, addresses) = names(parsed)?;
        let constraints = parsed.basic_constraints()?;
        let purposes = parsed.extended_key_usage()?.map(|usage| Purposes {
            server: usage.value.server_auth,
            client: usage.value.client_auth,
        });
        let usage = parsed.key_usage()?;
        Ok(Self {
            dns_names,
            addresses,
            is_ca: constraints.is_some_and(|constraints| constraints.value.ca),
            purposes,
            may_sign: usage.map(|usage| usage.value.digital_signature()),
            lists_at: lists_at(parsed)?,
        })
    }
}

fn is_self_signed(certificate: &X509Ref) -> bool {
    let (subject, issuer) = (certificate.subject_name(), certificate.issuer_name());
    let is_self_issued = subject.try_cmp(issuer).is_ok_and(std::cmp::Ordering::is_eq);
    let own = certificate.public_key();
    is_self_issued && own.is_ok_and(|key| certificate.verify(&key).unwrap_or(false))
}

fn common_name(parsed: &X509Certificate<'_>) -> Option<String> {
    let name = parsed.subject().iter_common_name().next()?;
    name.as_str().ok().map(printable)
}

fn names(parsed: &X509Certificate<'_>) -> Result<(Vec<String>, Vec<IpAddr>), X509Error> {
    let (mut dns_names, mut addresses) = (Vec::new(), Vec::new());
    let names = parsed.subject_alternative_name()?;
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(name) => dns_names.push(printable(name)),
            GeneralName::IPAddress(bytes) => addresses.extend(facts::ip(bytes)),
            GeneralName::Invalid(..) => return Err(X509Error::InvalidExtensions),
            _ => {}
        }
    }
    Ok((dns_names, addresses))
}

fn moment(seconds: i64) -> Result<OffsetDateTime, X509Error> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| X509Error::InvalidDate)
}

/// Without the byte that merely says that the number is positive.
fn serial_length(parsed: &X509Certificate<'_>) -> usize {
    let bytes = parsed.raw_serial();
    bytes.iter().skip_while(|byte| **byte == 0).count()
}

fn lists_at(parsed: &X509Certificate<'_>) -> Result<Vec<String>, X509Error> {
    let extension = parsed.get_extension_unique(&OID_X509_EXT_CRL_DISTRIBUTION_POINTS)?;
    let points = match extension.map(X509Extension::parsed_extension) {
        Some(ParsedExtension::CRLDistributionPoints(points)) => points.iter(),
        Some(_) => return Err(X509Error::InvalidExtensions),
        None => return Ok(Vec::new()),
    };
    let names = points.filter_map(|point| match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    let urls = names.flatten().filter_map(|name| match name {
        GeneralName::URI(url) => Some(printable(url)),
        _ => None,
    });
    Ok(urls.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::dsa::Dsa;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::pkey::PKey;
    use wa_db_lab::pki::{Ca, CaSpec, Digest as Signed, KeyKind, Leaf, Validity, self_signed};

    use super::*;

    fn leaf() -> Leaf {
        Leaf::server().dns("db.lab")
    }

    fn of(leaf: &Leaf) -> CertificateProfile {
        profile(&Ca::root("root"), leaf).unwrap()
    }

    fn profile(ca: &Ca, leaf: &Leaf) -> Option<CertificateProfile> {
        CertificateProfile::of(&ca.issue(leaf).x509())
    }

    #[test]
    fn every_kind_of_key_is_told_with_its_size() {
        for (kind, key) in [
            (KeyKind::EcP256, PublicKey::Ec(256)),
            (KeyKind::EcP384, PublicKey::Ec(384)),
            (KeyKind::Ed25519, PublicKey::Edwards),
            (KeyKind::Rsa1024, PublicKey::Rsa(1024)),
            (KeyKind::Rsa2048, PublicKey::Rsa(2048)),
        ] {
            assert_eq!(of(&leaf().key_kind(kind)).key, key);
        }
        let group = EcGroup::from_curve_name(Nid::SECP224R1).unwrap();
        let small = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let dsa = PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap();
        for (public, key) in [
            (small.public_key_to_der(), PublicKey::Ec(224)),
            (dsa.public_key_to_der(), PublicKey::Dsa(1024)),
        ] {
            assert_eq!(of(&leaf().certifying(public.unwrap())).key, key);
        }
    }

    #[test]
    fn the_digest_of_a_signature_is_told_where_it_is_broken() {
        let rsa = CaSpec::new("root").key_kind(KeyKind::Rsa2048).root();
        for (signed, digest) in [
            (Signed::Md5, Digest::Md5),
            (Signed::Sha1, Digest::Sha1),
            (Signed::PssSha1, Digest::Sha1),
            (Signed::Sha256, Digest::Sound),
        ] {
            let profile = profile(&rsa, &leaf().signed_over(signed)).unwrap();
            assert_eq!(profile.digest, digest, "{signed:?}");
        }
        assert_eq!(of(&leaf().signed_with_sha1()).digest, Digest::Sha1);
        let edwards = CaSpec::new("root").key_kind(KeyKind::Ed25519).root();
        assert_eq!(profile(&edwards, &leaf()).unwrap().digest, Digest::Sound);
    }

    #[test]
    fn a_certificate_is_self_signed_by_its_signature_not_by_its_name() {
        let ca = Ca::root("root");
        let namesake = ca.issue(&Leaf::server().cn("root"));
        for (certificate, is_self_signed) in [
            (ca.as_issued().x509(), true),
            (self_signed(&leaf()).x509(), true),
            (namesake.x509(), false),
            (ca.issue(&leaf()).x509(), false),
        ] {
            let profile = CertificateProfile::of(&certificate).unwrap();
            assert_eq!(profile.is_self_signed, is_self_signed);
        }
    }

    #[test]
    fn names_times_serial_and_lists_are_those_that_were_minted() {
        let validity = Validity::days(7);
        let leaf = Leaf::server()
            .cn("db\u{7}.lab")
            .dns("*.db.lab")
            .ip("10.0.0.1")
            .ip("fd00::1")
            .validity(validity)
            .serial(&[0x80, 2, 3])
            .list_at("http://crl.lab/a");
        let profile = of(&leaf);
        assert_eq!(profile.common_name.as_deref(), Some("db\\u{7}.lab"));
        assert_eq!(profile.dns_names, ["*.db.lab"]);
        let addresses: [IpAddr; 2] = ["10.0.0.1", "fd00::1"].map(|text| text.parse().unwrap());
        assert_eq!(profile.addresses, addresses);
        assert_eq!(profile.serial_length, 3);
        assert_eq!(profile.lists_at, ["http://crl.lab/a"]);
        let seconds = |time: OffsetDateTime| time.unix_timestamp();
        assert_eq!(seconds(profile.not_before), seconds(validity.not_before));
        assert_eq!(seconds(profile.not_after), seconds(validity.not_after));
    }

    #[test]
    fn what_a_certificate_is_for_is_told_where_it_says_so() {
        let (server, client) = (true, true);
        let serving = Purposes {
            server,
            client: false,
        };
        let calling = Purposes {
            server: false,
            client,
        };
        for (leaf, purposes, may_sign, is_ca) in [
            (leaf(), Some(serving), Some(true), false),
            (Leaf::client(), Some(calling), Some(true), false),
            (leaf().without_purpose(), None, Some(true), false),
            (
                leaf().key_encipherment_only(),
                Some(serving),
                Some(false),
                false,
            ),
            (leaf().as_ca(), Some(serving), None, true),
        ] {
            let profile = of(&leaf);
            assert_eq!(profile.purposes, purposes, "{leaf:?}");
            assert_eq!(profile.may_sign, may_sign, "{leaf:?}");
            assert_eq!(profile.is_ca, is_ca, "{leaf:?}");
        }
    }

    #[test]
    fn an_extension_that_is_there_twice_makes_a_certificate_malformed_and_its_key_is_read() {
        let found = profile(&Ca::root("root"), &leaf().malformed()).unwrap();
        assert!(found.is_malformed && found.dns_names.is_empty());
        assert_eq!(found.key, PublicKey::Ec(256));
    }
}
