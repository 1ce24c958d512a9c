//! OpenSSL's verification results and TLS alerts in the contract's words.

use openssl::error::ErrorStack;
use openssl::x509::X509VerifyResult;

use super::policy::TlsPolicy;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::settings::SecurityLevel;

/// OpenSSL numbers the alerts it receives from here on (`SSL_AD_REASON_OFFSET`).
const ALERT_BASE: i32 = 1000;

/// The contract's word for a failed verification, by OpenSSL's number (`x509_vfy.h`).
pub(crate) fn of_result(result: X509VerifyResult) -> ErrorCode {
    match result.as_raw() {
        9 | 13 => ErrorCode::CertificateNotYetValid,
        10 | 14 => ErrorCode::CertificateExpired,
        18 => ErrorCode::CertificateSelfSigned,
        23 => ErrorCode::CertificateRevoked,
        26 => ErrorCode::CertificatePurpose,
        62..=64 => ErrorCode::HostnameMismatch,
        _ => ErrorCode::CertificateUntrusted,
    }
}

/// Whether no revocation list was found for a certificate. Where its CA has none that is no fault.
pub(super) fn is_without_list(result: X509VerifyResult) -> bool {
    result.as_raw() == 3
}

/// Whether a revocation list's time is over.
pub(super) fn is_ended_list(result: X509VerifyResult) -> bool {
    result.as_raw() == 12
}

/// The failure of a revocation list that cannot be used, if that is what the result says. `end`:
/// which list ended when.
pub(super) fn unusable_list(
    result: X509VerifyResult,
    end: impl FnOnce() -> Option<String>,
) -> Option<Failure> {
    let (message, hint) = match result.as_raw() {
        12 => {
            let end = end().map_or_else(String::new, |end| format!(": {end}"));
            (
                format!("a revocation list of WA_DB_SSL_CRL is out of date{end}"),
                "fetch the CA's current list; WA_DB_SSL_CRL_STALE=warn goes on with the old one",
            )
        }
        3 | 5 | 8 | 11 | 15 | 16 | 33 | 35 | 36 | 44 | 54 => (
            format!(
                "a revocation list of WA_DB_SSL_CRL cannot be used for the server's certificate: {}",
                result.error_string()
            ),
            "fetch the list from the CA itself, and look at it with: openssl crl -in FILE -noout -text",
        ),
        _ => return None,
    };
    Some(Failure::new(
        Stage::Tls,
        ErrorCode::CertificateUntrusted,
        message,
        hint,
    ))
}

/// The contract's word for a failed verification, by OpenSSL's words. native-tls keeps the result to itself and only prints it; the
/// second column is how OpenSSL 1.1.1 and 3.x word it.
pub(super) fn of_text(text: &str) -> Option<ErrorCode> {
    const WORDS: &[(&str, ErrorCode)] = &[
        (
            "certificate is not yet valid",
            ErrorCode::CertificateNotYetValid,
        ),
        ("certificate has expired", ErrorCode::CertificateExpired),
        ("certificate revoked", ErrorCode::CertificateRevoked),
        ("certificate purpose", ErrorCode::CertificatePurpose),
        ("hostname mismatch", ErrorCode::HostnameMismatch),
        ("Hostname mismatch", ErrorCode::HostnameMismatch),
        ("IP address mismatch", ErrorCode::HostnameMismatch),
        (
            "self-signed certificate in certificate chain",
            ErrorCode::CertificateUntrusted,
        ),
        (
            "self signed certificate in certificate chain",
            ErrorCode::CertificateUntrusted,
        ),
        ("self-signed certificate", ErrorCode::CertificateSelfSigned),
        ("self signed certificate", ErrorCode::CertificateSelfSigned),
        ("certificate verify failed", ErrorCode::CertificateUntrusted),
    ];
    // The result stands in brackets at the end; only that is read where it is there, since the
    // text before it always says that verification failed.
    let result = text.rfind('(').map_or(text, |start| &text[start..]);
    WORDS
        .iter()
        .find(|(words, _)| result.contains(words))
        .or_else(|| WORDS.iter().find(|(words, _)| text.contains(words)))
        .map(|(_, code)| *code)
}

/// The failure that a certificate which does not verify makes of a connection.
pub(crate) fn not_verified(
    code: ErrorCode,
    name: &str,
    detail: &str,
    policy: &TlsPolicy,
) -> Failure {
    let (message, hint) = match code {
        ErrorCode::HostnameMismatch if policy.settings().server_name.is_some() => (
            format!("the server's certificate is not for {name}, the name in WA_DB_SSL_SERVER_NAME{detail}"),
            "set WA_DB_SSL_SERVER_NAME to a name that the certificate carries and you expect there".to_owned(),
        ),
        ErrorCode::HostnameMismatch => (
            format!("the server's certificate is not for {name}, the host of WA_DB_HOSTNAME{detail}"),
            "connect by a name that the certificate carries, or set WA_DB_SSL_SERVER_NAME to one that you expect there".to_owned(),
        ),
        ErrorCode::CertificateExpired => (
            format!("the server's certificate, checked against WA_DB_SSL_CA, has expired{detail}"),
            "renew the server's certificate; if it is new, check this machine's clock".to_owned(),
        ),
        ErrorCode::CertificateNotYetValid => (
            format!("the server's certificate, checked against WA_DB_SSL_CA, is not valid yet{detail}"),
            "check the clock of this machine and of the one that issued the certificate".to_owned(),
        ),
        ErrorCode::CertificateSelfSigned => (
            format!("the server's certificate is self-signed and not the one in WA_DB_SSL_CA{detail}"),
            "if it is the server you expect, put that certificate into WA_DB_SSL_CA; better: one signed by your CA".to_owned(),
        ),
        ErrorCode::CertificatePurpose => (
            format!("the server's certificate, checked against WA_DB_SSL_CA, is not meant for TLS servers{detail}"),
            "issue a certificate with extended key usage serverAuth for the server".to_owned(),
        ),
        ErrorCode::CertificateRevoked => (
            format!("the server's certificate, or one above it, is revoked by a list of WA_DB_SSL_CRL{detail}"),
            "find out why it was revoked before you go on; issue a new one for the server".to_owned(),
        ),
        _ if policy.has_own_roots() => (
            format!("the server's certificate does not lead to a CA in WA_DB_SSL_CA{detail}"),
            "name the CA that signed the server's certificate; if an intermediate CA signed it, the server must send that one too".to_owned(),
        ),
        _ => (
            format!("the server's certificate does not lead to a CA of the system's store, and WA_DB_SSL_CA is not set{detail}"),
            "set WA_DB_SSL_CA to the certificate of the CA that signed the server's certificate (MySQL: ca.pem of its data directory)".to_owned(),
        ),
    };
    Failure::new(Stage::Tls, code, message, hint)
}

/// What the peer's alert means, if the errors hold one. `identity`: whether we have a client
/// certificate; `saw_certificate`: whether the server had already shown its own.
pub(crate) fn of_alert(
    errors: &ErrorStack,
    identity: bool,
    saw_certificate: bool,
) -> Option<Failure> {
    let alert = errors
        .errors()
        .iter()
        .map(|error| error.reason_code() - ALERT_BASE)
        .find(|alert| (1..256).contains(alert))?;
    let rejected = || {
        (
            ErrorCode::ClientCertificateRejected,
            "the server does not accept the client certificate of WA_DB_SSL_CERT".to_owned(),
            "it must lead to the CA the server trusts for clients: add its intermediates to WA_DB_SSL_CERT, check that it is neither revoked nor expired",
        )
    };
    let (code, message, hint) = match alert {
        116 => required(),
        // TLS 1.2 servers that demand a certificate and get none say no more than this.
        40 if saw_certificate && !identity => required(),
        42..=49 | 51 if identity => rejected(),
        42 | 43 | 46 | 48 | 49 if saw_certificate => required(),
        40 | 70 | 71 => (
            ErrorCode::TlsProtocol,
            "the server at WA_DB_HOSTNAME has no TLS version or cipher suite in common with us"
                .to_owned(),
            "enable TLS 1.2 or 1.3 on the server; nothing below TLS 1.2 is ever spoken",
        ),
        number => (
            ErrorCode::TlsProtocol,
            format!("the server at WA_DB_HOSTNAME ended the TLS handshake with alert {number}"),
            "look into the server's log for its reason",
        ),
    };
    Some(Failure::new(Stage::Tls, code, message, hint))
}

fn required() -> (ErrorCode, String, &'static str) {
    (
        ErrorCode::ClientCertificateRequired,
        "the server demands a client certificate and WA_DB_SSL_CERT is not set".to_owned(),
        "set WA_DB_SSL_CERT and WA_DB_SSL_KEY to a client certificate of the CA that the server trusts for clients",
    )
}

/// A handshake that failed with no verification result and no alert.
pub(crate) fn broken_handshake(errors: Option<&ErrorStack>) -> Failure {
    let reason = errors.and_then(|stack| stack.errors().first()?.reason());
    let detail = reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let too_old = reason.is_some_and(|reason| {
        reason.contains("unsupported protocol") || reason.contains("no protocols")
    });
    let (message, hint) = if too_old {
        (
            format!("the server at WA_DB_HOSTNAME speaks no TLS version from 1.2 on{detail}"),
            "enable TLS 1.2 or 1.3 on the server; nothing below TLS 1.2 is ever spoken",
        )
    } else {
        (
            format!("the TLS handshake with the server at WA_DB_HOSTNAME broke{detail}"),
            "check that WA_DB_HOSTNAME and WA_DB_PORT lead to the database itself, and look into its log",
        )
    };
    Failure::new(Stage::Tls, ErrorCode::TlsProtocol, message, hint)
}

/// A handshake that broke where a security level asks for more than the default.
pub(super) fn by_level(level: SecurityLevel) -> Failure {
    let what = match level {
        SecurityLevel::Modern => "TLS 1.3",
        SecurityLevel::Intermediate => "TLS 1.3, or a forward-secret AEAD suite of TLS 1.2",
        SecurityLevel::Old => "TLS 1.2",
    };
    Failure::new(
        Stage::Tls,
        ErrorCode::TlsProtocol,
        format!(
            "the server at WA_DB_HOSTNAME does not agree to WA_DB_SECURITY_LEVEL={level}, which asks for {what}"
        ),
        "let the server speak it, or lower WA_DB_SECURITY_LEVEL; nothing below TLS 1.2 is ever spoken",
    )
}

#[cfg(test)]
mod tests {
    use super::of_text;
    use crate::code::ErrorCode;

    #[test]
    fn words_of_openssl_become_codes() {
        let prefix = "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:";
        for (result, code) in [
            ("certificate has expired", ErrorCode::CertificateExpired),
            (
                "certificate is not yet valid",
                ErrorCode::CertificateNotYetValid,
            ),
            ("self-signed certificate", ErrorCode::CertificateSelfSigned),
            (
                "self-signed certificate in certificate chain",
                ErrorCode::CertificateUntrusted,
            ),
            (
                "unable to get local issuer certificate",
                ErrorCode::CertificateUntrusted,
            ),
            (
                "unsuitable certificate purpose",
                ErrorCode::CertificatePurpose,
            ),
            ("hostname mismatch", ErrorCode::HostnameMismatch),
            ("IP address mismatch", ErrorCode::HostnameMismatch),
            ("certificate revoked", ErrorCode::CertificateRevoked),
            (
                "CA signature digest algorithm too weak",
                ErrorCode::CertificateUntrusted,
            ),
        ] {
            assert_eq!(
                of_text(&format!("{prefix} ({result})")),
                Some(code),
                "{result}"
            );
        }
        assert_eq!(of_text("connection reset by peer"), None);
    }
}
