//! A report as it is written and posted, the JSON of RFC 7469: [`json`].

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::breach::{Breach, Report};
use crate::code::ErrorCode;
use crate::endpoint::{Endpoint, Engine, Host};
use crate::settings::Role;
use crate::tls::Chain;

/// The fields of RFC 7469, section 3, and behind them those of our own. A report of another
/// violation than that of a pin has the same fields; `code` tells what it is about.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "date-time")]
    date_time: String,
    hostname: String,
    port: u16,
    /// Always null: our pins come from the settings and count until these are changed.
    #[serde(rename = "effective-expiration-date")]
    effective_expiration_date: Option<&'static str>,
    /// Always false: a pin of the settings is that of the hosts named there and of no others.
    #[serde(rename = "include-subdomains")]
    include_subdomains: bool,
    #[serde(rename = "noted-hostname")]
    noted_hostname: &'a str,
    #[serde(rename = "served-certificate-chain")]
    served_certificate_chain: Vec<String>,
    #[serde(rename = "validated-certificate-chain")]
    validated_certificate_chain: Vec<String>,
    #[serde(rename = "known-pins")]
    known_pins: Vec<String>,
    role: Role,
    engine: Engine,
    endpoint: String,
    address: String,
    code: ErrorCode,
    enforced: bool,
}

/// The report as JSON on one line, without a newline.
///
/// # Errors
/// Those of the serializer, which has no reason for any.
pub(super) fn json(report: &Report) -> serde_json::Result<Vec<u8>> {
    let Breach {
        endpoint,
        address,
        name,
        code,
        enforced,
        served,
        verified,
        pins,
    } = &report.breach;
    serde_json::to_vec(&Document {
        date_time: date_time(report.seen.into()),
        hostname: hostname(endpoint),
        port: endpoint.port(),
        effective_expiration_date: None,
        include_subdomains: false,
        noted_hostname: name,
        served_certificate_chain: pems(served),
        validated_certificate_chain: pems(verified),
        known_pins: pins
            .iter()
            .map(|pin| format!("pin-sha256=\"{}\"", pin.to_base64()))
            .collect(),
        role: report.role,
        engine: report.engine,
        endpoint: endpoint.to_string(),
        address: address.to_string(),
        code: *code,
        enforced: *enforced,
    })
}

/// To the second, as the examples of the RFC have it.
fn date_time(seen: OffsetDateTime) -> String {
    let to_the_second = seen.replace_nanosecond(0).unwrap_or(seen);
    to_the_second.format(&Rfc3339).unwrap_or_default()
}

fn hostname(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Name(name) => name.clone(),
        Host::Ip(ip) => ip.to_string(),
        Host::Socket(path) => path.display().to_string(),
    }
}

/// A certificate that OpenSSL has read can be written; one that cannot is left out.
fn pems(chain: &Chain) -> Vec<String> {
    let certificates = chain.certificates().iter();
    certificates
        .filter_map(|certificate| String::from_utf8(certificate.to_pem().ok()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json as value};
    use wa_db_lab::pki::Ca;

    use super::*;
    use crate::wire::report::fixtures;

    fn parsed(report: &Report) -> Value {
        let bytes = json(report).unwrap();
        assert!(!bytes.contains(&b'\n'), "one line");
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn every_field_of_the_rfc_and_those_of_our_own_are_there_and_no_others() {
        let ca = Ca::root("Lab CA");
        let (report, leaf) = fixtures::report(&ca, ErrorCode::PinMismatch, true);
        let pem = leaf.cert_pem();
        let expected = value!({
            "date-time": "2025-11-21T20:34:56Z",
            "hostname": "db.lab",
            "port": 5432,
            "effective-expiration-date": null,
            "include-subdomains": false,
            "noted-hostname": "named.lab",
            "served-certificate-chain": [pem],
            "validated-certificate-chain": [pem, ca.cert_pem()],
            "known-pins": ["pin-sha256=\"d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=\""],
            "role": "webapp",
            "engine": "postgres",
            "endpoint": "db.lab:5432",
            "address": "192.0.2.7:5432",
            "code": "pin_mismatch",
            "enforced": true,
        });
        let found = parsed(&report);
        assert_eq!(found, expected, "{found:#}");
    }

    #[test]
    fn what_was_only_to_be_reported_says_so_and_an_unverified_chain_is_empty() {
        let (mut report, _) =
            fixtures::report(&Ca::root("Lab CA"), ErrorCode::CertificateUntrusted, false);
        report.breach.verified = Chain::default();
        report.breach.pins.clear();
        let found = parsed(&report);
        assert_eq!(found["enforced"], false);
        assert_eq!(found["code"], "certificate_untrusted");
        assert_eq!(found["validated-certificate-chain"], value!([]));
        assert_eq!(found["known-pins"], value!([]));
    }
}
