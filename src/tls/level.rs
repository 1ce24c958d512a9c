//! Versions and suites: what a [`SecurityLevel`] comes to in OpenSSL.

use openssl::error::ErrorStack;
use openssl::ssl::{SslContextBuilder, SslMethod, SslOptions, SslVersion};

use crate::settings::SecurityLevel;

/// OpenSSL's suites without those that authenticate nobody or encrypt with broken ciphers.
const OF_OPENSSL: &str = "DEFAULT:!aNULL:!eNULL:!MD5:!3DES:!DES:!RC4:!IDEA:!SEED:!aDSS:!SRP:!PSK";

/// The suites of TLS 1.2 in Mozilla's "intermediate" profile: forward-secret and AEAD, all of them.
const FORWARD_SECRET: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                              ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
                              ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
                              DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:\
                              DHE-RSA-CHACHA20-POLY1305";

/// OpenSSL's security level from which RSA keys below 2048 bits and SHA-1 signatures are refused
/// (`SSL_CTX_set_security_level(3)`).
const STRENGTH: u32 = 2;

/// Sets versions, suites and strength. Without a level: TLS 1.2 and up, with OpenSSL's suites.
///
/// The strength does not hang on what a distribution has made OpenSSL's default; a system that asks
/// for more gets more.
pub(crate) fn set(
    builder: &mut SslContextBuilder,
    level: Option<SecurityLevel>,
) -> Result<(), ErrorStack> {
    let of_system = SslContextBuilder::new(SslMethod::tls())?.build();
    builder.set_security_level(of_system.security_level().max(STRENGTH));
    builder.set_options(SslOptions::NO_COMPRESSION);
    let (floor, suites) = match level {
        None | Some(SecurityLevel::Old) => (SslVersion::TLS1_2, OF_OPENSSL),
        Some(SecurityLevel::Intermediate) => (SslVersion::TLS1_2, FORWARD_SECRET),
        Some(SecurityLevel::Modern) => (SslVersion::TLS1_3, OF_OPENSSL),
    };
    builder.set_min_proto_version(Some(floor))?;
    builder.set_cipher_list(suites)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::net::UnixStream;
    use std::thread;

    use openssl::ssl::{Ssl, SslContextBuilder, SslMethod, SslVersion};
    use wa_db_lab::pki::{Ca, Issued, KeyKind, Leaf};

    use super::{SecurityLevel, set};

    /// Whether a client of a level comes to terms with a server of one version and suite.
    fn agrees(
        issued: &Issued,
        level: Option<SecurityLevel>,
        version: SslVersion,
        suite: &str,
    ) -> bool {
        let mut server = SslContextBuilder::new(SslMethod::tls_server()).unwrap();
        server.set_security_level(0);
        server.set_max_proto_version(Some(version)).unwrap();
        if version == SslVersion::TLS1_2 {
            server.set_cipher_list(suite).unwrap();
        }
        server.set_certificate(&issued.x509()).unwrap();
        server.set_private_key(issued.key().pkey()).unwrap();
        let mut client = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
        set(&mut client, level).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = server.build();
        let serving = thread::spawn(move || Ssl::new(&server).unwrap().accept(theirs).is_ok());
        let agreed = Ssl::new(&client.build()).unwrap().connect(ours).is_ok();
        serving.join().unwrap();
        agreed
    }

    #[test]
    fn each_level_agrees_to_its_versions_and_suites_and_to_no_others() {
        let leaf = Leaf::server().dns("db.lab").key_kind(KeyKind::Rsa2048);
        let issued = Ca::root("level").issue(&leaf);
        let strong = "ECDHE-RSA-AES128-GCM-SHA256";
        let (no_aead, not_forward_secret) = ("ECDHE-RSA-AES128-SHA256", "AES128-GCM-SHA256");
        for (version, suite, default, old, intermediate, modern) in [
            (SslVersion::TLS1_3, "", true, true, true, true),
            (SslVersion::TLS1_2, strong, true, true, true, false),
            (SslVersion::TLS1_2, no_aead, true, true, false, false),
            (
                SslVersion::TLS1_2,
                not_forward_secret,
                true,
                true,
                false,
                false,
            ),
            (
                SslVersion::TLS1_2,
                "NULL-SHA256",
                false,
                false,
                false,
                false,
            ),
            (SslVersion::TLS1_1, "", false, false, false, false),
        ] {
            for (level, agreed) in [
                (None, default),
                (Some(SecurityLevel::Old), old),
                (Some(SecurityLevel::Intermediate), intermediate),
                (Some(SecurityLevel::Modern), modern),
            ] {
                let found = agrees(&issued, level, version, suite);
                assert_eq!(found, agreed, "{level:?} {version:?} {suite}");
            }
        }
    }

    #[test]
    fn weak_keys_are_refused_whatever_the_system_has_as_its_default() {
        for system in [0, 1, 2, 3] {
            let mut builder = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
            builder.set_security_level(system);
            set(&mut builder, None).unwrap();
            assert!(builder.build().security_level() >= 2, "{system}");
        }
    }
}
