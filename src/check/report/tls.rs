//! What was seen of a TLS handshake: [`TlsReport`].

use std::fmt;

use serde::Serialize;

use crate::code::ErrorCode;
use crate::tls::CertificateFacts;

/// What was seen of a TLS handshake, whether or not it succeeded. In JSON every field is present,
/// `null` where nothing was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsReport {
    /// The version agreed on: `TLSv1.3`.
    pub protocol: Option<String>,
    /// The cipher suite agreed on, by the name OpenSSL gives it.
    pub cipher: Option<String>,
    /// Whether all that the policy asks of the certificate was proven.
    pub verified: bool,
    /// Whether the login was bound to this TLS channel.
    pub channel_bound: bool,
    /// The server's own certificate.
    pub certificate: Option<CertificateFacts>,
    /// The server's certificate first: up to the trusted root where the chain was verified, else
    /// what the server sent.
    pub chain: Vec<CertificateFacts>,
    /// Those of them that the server did not send: they are from the trust store.
    #[serde(skip)]
    pub from_store: Vec<CertificateFacts>,
    /// With verification off, what it would have said.
    pub would_fail: Option<ErrorCode>,
}

impl fmt::Display for TlsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verified = if self.verified {
            "verified"
        } else {
            "not verified"
        };
        let bound = self.channel_bound.then_some("channel bound");
        let parts = [
            self.protocol.as_deref(),
            self.cipher.as_deref(),
            Some(verified),
            bound,
        ];
        for (index, part) in parts.into_iter().flatten().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_in_a_few_words_leaves_out_what_was_not_seen() {
        let mut tls = TlsReport {
            protocol: Some("TLSv1.3".to_owned()),
            cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
            verified: true,
            channel_bound: true,
            certificate: None,
            chain: Vec::new(),
            from_store: Vec::new(),
            would_fail: None,
        };
        assert_eq!(
            tls.to_string(),
            "TLSv1.3, TLS_AES_256_GCM_SHA384, verified, channel bound"
        );
        tls = TlsReport {
            protocol: None,
            cipher: None,
            verified: false,
            channel_bound: false,
            ..tls
        };
        assert_eq!(tls.to_string(), "not verified");
    }
}
