//! What a leaf certificate says about its holder.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use super::{Digest, Key, KeyKind};

/// What rcgen writes for a certificate of no purpose but to serve, once more: the extension's number
/// and content (RFC 5280, 4.2.1.12).
const EXT_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const SERVER_AUTH: &[u8] = b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";

/// When a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment of validity.
    pub not_before: OffsetDateTime,
    /// Last moment of validity.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// From an hour ago for so many days, and two hours more, so that the count of whole days
    /// does not change while a test looks.
    pub fn days(days: i64) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            not_before: now - Duration::hours(1),
            not_after: now + Duration::days(days) + Duration::hours(2),
        }
    }

    /// Over since yesterday.
    pub fn expired() -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            not_before: now - Duration::days(30),
            not_after: now - Duration::days(1),
        }
    }

    /// Begins tomorrow.
    pub fn not_yet() -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            not_before: now + Duration::days(1),
            not_after: now + Duration::days(30),
        }
    }
}

/// A leaf certificate to be issued: a server's or a client's.
#[derive(Clone, Debug)]
pub struct Leaf {
    common_name: Option<String>,
    unit: Option<String>,
    names: Vec<SanType>,
    purposes: Vec<ExtendedKeyUsagePurpose>,
    validity: Validity,
    key_identifiers: bool,
    usages: Vec<KeyUsagePurpose>,
    is_ca: bool,
    is_malformed: bool,
    serial: Option<Vec<u8>>,
    lists: Vec<String>,
    pub(super) digest: Option<Digest>,
    pub(super) certified: Option<Vec<u8>>,
    pub(super) kind: KeyKind,
    pub(super) key: Option<Key>,
}

impl Leaf {
    /// A server's certificate, valid for 90 days, without any name yet.
    pub fn server() -> Self {
        Self {
            common_name: None,
            unit: None,
            names: Vec::new(),
            purposes: vec![ExtendedKeyUsagePurpose::ServerAuth],
            validity: Validity::days(90),
            key_identifiers: true,
            usages: vec![KeyUsagePurpose::DigitalSignature],
            is_ca: false,
            is_malformed: false,
            serial: None,
            lists: Vec::new(),
            digest: None,
            certified: None,
            kind: KeyKind::EcP256,
            key: None,
        }
    }

    /// A client's certificate, valid for 90 days, without any name yet.
    pub fn client() -> Self {
        Self {
            purposes: vec![ExtendedKeyUsagePurpose::ClientAuth],
            ..Self::server()
        }
    }

    /// Sets the common name of the subject.
    #[must_use]
    pub fn cn(mut self, name: &str) -> Self {
        self.common_name = Some(name.to_owned());
        self
    }

    /// Sets the organisational unit of the subject.
    #[must_use]
    pub fn ou(mut self, unit: &str) -> Self {
        self.unit = Some(unit.to_owned());
        self
    }

    /// Adds a DNS name; anything ASCII goes, an IP address in the wrong place too.
    #[must_use]
    pub fn dns(mut self, name: &str) -> Self {
        let name = name.try_into().expect("a DNS name is ASCII");
        self.names.push(SanType::DnsName(name));
        self
    }

    /// Adds an IP name.
    #[must_use]
    pub fn ip(mut self, address: &str) -> Self {
        let address: IpAddr = address.parse().expect("an IP name is an address");
        self.names.push(SanType::IpAddress(address));
        self
    }

    /// Sets from when to when the certificate counts.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// Lets the certificate have ended yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        self.validity(Validity::expired())
    }

    /// Lets the certificate begin tomorrow.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        self.validity(Validity::not_yet())
    }

    /// Allows client authentication and nothing else, whatever it was before.
    #[must_use]
    pub fn client_auth_only(mut self) -> Self {
        self.purposes = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self
    }

    /// Allows server authentication and nothing else, whatever it was before.
    #[must_use]
    pub fn server_auth_only(mut self) -> Self {
        self.purposes = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self
    }

    /// Leaves the authority key identifier out, so that a verifier finds an impostor by the
    /// broken signature rather than by the issuer it cannot match.
    #[must_use]
    pub fn without_key_identifiers(mut self) -> Self {
        self.key_identifiers = false;
        self
    }

    /// Says nothing of what the certificate is for.
    #[must_use]
    pub fn without_purpose(mut self) -> Self {
        self.purposes = Vec::new();
        self
    }

    /// Allows the key to encipher keys and not to sign: the RSA key exchange of TLS 1.2 and nothing else.
    #[must_use]
    pub fn key_encipherment_only(mut self) -> Self {
        self.usages = vec![KeyUsagePurpose::KeyEncipherment];
        self
    }

    /// Makes the certificate that of a CA, as `openssl req -x509` does unasked.
    #[must_use]
    pub fn as_ca(mut self) -> Self {
        self.is_ca = true;
        self.usages = Vec::new();
        self
    }

    /// Says twice what the certificate is for, which RFC 5280 forbids.
    #[must_use]
    pub fn malformed(mut self) -> Self {
        self.is_malformed = true;
        self
    }

    /// Sets the serial number, big-endian, instead of drawing 127 bits.
    #[must_use]
    pub fn serial(mut self, number: &[u8]) -> Self {
        self.serial = Some(number.to_owned());
        self
    }

    /// Says where the CA's revocation list is to be had.
    #[must_use]
    pub fn list_at(mut self, url: &str) -> Self {
        self.lists.push(url.to_owned());
        self
    }

    /// Has the certificate signed over SHA-1.
    #[must_use]
    pub fn signed_with_sha1(self) -> Self {
        self.signed_over(Digest::Sha1)
    }

    /// Has the certificate signed over this digest.
    #[must_use]
    pub fn signed_over(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Certifies this public key, the DER of a `SubjectPublicKeyInfo`, of a kind that rcgen does not
    /// know. The key that comes with the certificate is then another one.
    #[must_use]
    pub fn certifying(mut self, public_key: Vec<u8>) -> Self {
        self.certified = Some(public_key);
        self
    }

    /// Sets the kind of key to make.
    #[must_use]
    pub fn key_kind(mut self, kind: KeyKind) -> Self {
        self.kind = kind;
        self
    }

    /// Uses a key that exists instead of making one: a renewed certificate keeps its pin.
    #[must_use]
    pub fn key(mut self, key: &Key) -> Self {
        self.key = Some(key.clone());
        self
    }

    pub(super) fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.subject();
        params.subject_alt_names.clone_from(&self.names);
        params.is_ca = if self.is_ca {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        let serial = self.serial.as_deref().map(SerialNumber::from_slice);
        params.serial_number = Some(serial.unwrap_or_else(serial_number));
        params.key_usages.clone_from(&self.usages);
        params.extended_key_usages.clone_from(&self.purposes);
        params.not_before = self.validity.not_before;
        params.not_after = self.validity.not_after;
        params.use_authority_key_identifier_extension = self.key_identifiers;
        let lists = self.lists.iter();
        let points = lists.map(|url| CrlDistributionPoint {
            uris: vec![url.clone()],
        });
        params.crl_distribution_points = points.collect();
        if self.is_malformed {
            let again = CustomExtension::from_oid_content(EXT_KEY_USAGE, SERVER_AUTH.to_vec());
            params.custom_extensions = vec![again];
        }
        params
    }

    fn subject(&self) -> DistinguishedName {
        let mut subject = DistinguishedName::new();
        if let Some(unit) = &self.unit {
            subject.push(DnType::OrganizationalUnitName, unit);
        }
        if let Some(name) = &self.common_name {
            subject.push(DnType::CommonName, name);
        }
        subject
    }
}

/// rcgen derives the number from the key, which a renewed certificate may share.
fn serial_number() -> SerialNumber {
    let mut number = [0; 16];
    openssl::rand::rand_bytes(&mut number).expect("OpenSSL has random bytes");
    // Positive and without leading zeros, whatever was drawn.
    number[0] = number[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&number)
}
