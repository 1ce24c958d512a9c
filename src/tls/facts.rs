//! What a certificate says of itself: [`CertificateFacts`].

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef};
use openssl::x509::{X509NameRef, X509Ref};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::printable;
use crate::settings::Pin;

/// One certificate, read for people and for JSON. Text in it came from the certificate and is
/// made printable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateFacts {
    /// Subject, as `CN=db.lab, O=Lab`.
    pub subject: String,
    /// Issuer, in the same form.
    pub issuer: String,
    /// Subject alternative names: `DNS:db.lab`, `IP:10.0.0.1`.
    pub names: Vec<String>,
    /// Start of validity, RFC 3339, UTC.
    pub not_before: String,
    /// End of validity, RFC 3339, UTC.
    pub not_after: String,
    /// Days until the end of validity, rounded down: 0 on its last day, negative once it is over.
    pub days_left: i64,
    /// Kind and size of the key: `EC P-256`, `RSA 2048`.
    pub key: String,
    /// Signature algorithm, by OpenSSL's long name.
    pub signature: String,
    /// SHA-256 of the SubjectPublicKeyInfo, base64, as RFC 7469 defines pins; empty for a key that
    /// cannot be read.
    pub spki_sha256: String,
}

impl CertificateFacts {
    /// Reads a certificate.
    pub(crate) fn of(certificate: &X509Ref) -> Self {
        Self {
            subject: one_line(certificate.subject_name()),
            issuer: one_line(certificate.issuer_name()),
            names: names(certificate),
            not_before: rfc3339(certificate.not_before()),
            not_after: rfc3339(certificate.not_after()),
            days_left: days_left(certificate.not_after()),
            key: key(certificate),
            signature: signature(certificate),
            spki_sha256: spki_sha256(certificate),
        }
    }
}

/// End of validity as a point in time.
pub(crate) fn expires(certificate: &X509Ref) -> Option<SystemTime> {
    let seconds = seconds_since_epoch(certificate.not_after())?;
    let seconds = u64::try_from(seconds).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The time left of something that ends, in seconds; negative once it is over.
pub(crate) fn seconds_left(end: SystemTime) -> f64 {
    match end.duration_since(SystemTime::now()) {
        Ok(left) => left.as_secs_f64(),
        Err(past) => -past.duration().as_secs_f64(),
    }
}

/// A certificate's time, or `None` where it is malformed.
pub(super) fn moment(time: &Asn1TimeRef) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds_since_epoch(time)?).ok()
}

/// A name on one line, most specific part first, as RFC 2253 orders it.
pub(crate) fn one_line(name: &X509NameRef) -> String {
    let mut line = String::new();
    for entry in name.entries().collect::<Vec<_>>().into_iter().rev() {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry
            .data()
            .to_string()
            .map_or_else(|_| "?".to_owned(), |text| printable(&text));
        let _ = write!(
            line,
            "{}{key}={}",
            if line.is_empty() { "" } else { ", " },
            value.replace(',', "\\,")
        );
    }
    line
}

/// A certificate's time in RFC 3339, or a question mark where it is malformed.
pub(crate) fn rfc3339(time: &Asn1TimeRef) -> String {
    seconds_since_epoch(time).map_or_else(|| "?".to_owned(), format_utc)
}

/// A certificate's time in seconds since 1970, or `None` where it is malformed.
pub(crate) fn seconds_since_epoch(time: &Asn1TimeRef) -> Option<i64> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let difference = epoch.diff(time).ok()?;
    Some(i64::from(difference.days) * 86_400 + i64::from(difference.secs))
}

fn days_left(not_after: &Asn1TimeRef) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let left = seconds_since_epoch(not_after).unwrap_or(0) - i64::try_from(now).unwrap_or(i64::MAX);
    left.div_euclid(86_400)
}

fn format_utc(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| "?".to_owned(), utc)
}

/// A time in RFC 3339, UTC.
pub(super) fn utc(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| "?".to_owned())
}

fn names(certificate: &X509Ref) -> Vec<String> {
    let Some(names) = certificate.subject_alt_names() else {
        return Vec::new();
    };
    names
        .iter()
        .filter_map(|name| {
            if let Some(dns) = name.dnsname() {
                return Some(format!("DNS:{}", printable(dns)));
            }
            if let Some(bytes) = name.ipaddress() {
                return Some(format!("IP:{}", ip(bytes)?));
            }
            name.email()
                .map(|email| format!("email:{}", printable(email)))
                .or_else(|| name.uri().map(|uri| format!("URI:{}", printable(uri))))
        })
        .collect()
}

/// An address from its bytes.
pub(crate) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn key(certificate: &X509Ref) -> String {
    let key = certificate.public_key();
    key.map_or_else(|_| "unknown".to_owned(), |key| key_kind(&key))
}

/// Kind and size of a key: `EC P-256`, `RSA 2048`.
pub(crate) fn key_kind<T: HasPublic>(key: &PKeyRef<T>) -> String {
    match key.id() {
        Id::RSA => format!("RSA {}", key.bits()),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|ec| ec.group().curve_name());
            match curve {
                Some(Nid::X9_62_PRIME256V1) => "EC P-256".to_owned(),
                Some(Nid::SECP384R1) => "EC P-384".to_owned(),
                Some(Nid::SECP521R1) => "EC P-521".to_owned(),
                Some(other) => format!("EC {}", other.short_name().unwrap_or("unknown curve")),
                None => format!("EC {}", key.bits()),
            }
        }
        Id::ED25519 => "Ed25519".to_owned(),
        Id::ED448 => "Ed448".to_owned(),
        _ => format!("other {}", key.bits()),
    }
}

fn signature(certificate: &X509Ref) -> String {
    let nid = certificate.signature_algorithm().object().nid();
    nid.long_name().unwrap_or("unknown").to_owned()
}

fn spki_sha256(certificate: &X509Ref) -> String {
    pin(certificate).map_or_else(String::new, Pin::to_base64)
}

/// The pin of a certificate's key (RFC 7469), of the very key that OpenSSL's handshake goes by: what
/// another parser makes of the same bytes counts for nothing. `None` for a key that cannot be read.
pub(crate) fn pin(certificate: &X509Ref) -> Option<Pin> {
    let key = certificate.public_key().ok()?;
    Some(Pin::of_spki(&key.public_key_to_der().ok()?))
}

#[cfg(test)]
mod tests {
    use super::format_utc;

    #[test]
    fn seconds_become_calendar_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_763_757_296, "2025-11-21T20:34:56Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(format_utc(seconds), text);
        }
    }
}
