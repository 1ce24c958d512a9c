//! What must hold for a server to be trusted, and who we are to it: [`TlsPolicy`].

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use openssl::error::ErrorStack;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509CheckFlags;
use openssl_probe::ProbeResult;

use super::danger::Weakened;
use super::facts;
use super::fingerprint::Fingerprint;
use super::identity::Identity;
use super::roots::Roots;
use super::system_store;
use super::verdict;
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::settings::{Depth, Fault, TlsSettings, Verification, Warning};

/// Trust and identity, loaded from the files that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct TlsPolicy(Arc<Loaded>);

struct Loaded {
    depth: Depth,
    roots: Roots,
    identity: Option<Identity>,
    verification: Verification,
    server_name: Option<String>,
    warnings: Vec<Warning>,
    expiries: CertificateExpiries,
    /// For the dialer. A service that uses the drivers' own TLS needs it only to explain a failure.
    context: OnceLock<SslContext>,
    fingerprint: Fingerprint,
}

/// When the certificates in our own files end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateExpiries {
    /// The client certificate of `WA_DB_SSL_CERT`.
    pub client: Option<SystemTime>,
    /// The first CA certificate of `WA_DB_SSL_CA` to end.
    pub ca: Option<SystemTime>,
}

impl TlsPolicy {
    /// Reads every file.
    ///
    /// # Errors
    /// Every fault of every file, by variable.
    pub fn load(settings: &TlsSettings) -> Result<Self, Vec<Fault>> {
        // Before they are read: a change in between shows as one afterwards.
        let fingerprint = Fingerprint::of(settings);
        let roots = Roots::load(settings.ca.as_deref());
        let identity = settings.identity.as_ref().map(Identity::load).transpose();
        let ((roots, warnings), identity) = match (roots, identity) {
            (Ok(roots), Ok(identity)) => (roots, identity),
            (roots, identity) => {
                return Err(roots
                    .err()
                    .into_iter()
                    .chain(identity.err().into_iter().flatten())
                    .collect());
            }
        };
        let context = OnceLock::new();
        if identity.is_some() {
            // Made now, since this is where OpenSSL refuses a key or a signature that is too weak.
            let made = openssl_context(&roots, identity.as_ref(), &openssl_probe::probe());
            let made = made.map_err(|errors| vec![not_accepted(&errors)])?;
            context.get_or_init(|| made);
        }
        let expiries = CertificateExpiries {
            client: identity
                .as_ref()
                .and_then(|identity| facts::expires(identity.leaf())),
            ca: match &roots {
                Roots::System => None,
                Roots::Only(certificates) => certificates
                    .iter()
                    .filter_map(|root| facts::expires(root))
                    .min(),
            },
        };
        Ok(Self(Arc::new(Loaded {
            depth: settings.depth(),
            expiries,
            roots,
            identity,
            verification: settings.verification,
            server_name: settings.server_name.clone(),
            warnings,
            context,
            fingerprint,
        })))
    }

    /// What must hold for the server's certificate.
    pub fn verification(&self) -> Verification {
        self.0.verification
    }

    /// Who is to perform the handshake, and which variables ask for that.
    pub fn depth(&self) -> &Depth {
        &self.0.depth
    }

    /// Whether only the roots of `WA_DB_SSL_CA` are trusted, not the system's store.
    pub fn has_own_roots(&self) -> bool {
        matches!(self.0.roots, Roots::Only(_))
    }

    /// Whether there is a client certificate.
    pub fn has_identity(&self) -> bool {
        self.0.identity.is_some()
    }

    /// When the certificates in our own files end.
    pub fn expiries(&self) -> CertificateExpiries {
        self.0.expiries
    }

    /// What should be changed in the files though they can be used.
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// The name that the certificate must carry for a host.
    pub fn name_for(&self, host: &Host) -> String {
        match (&self.0.server_name, host) {
            (Some(name), _) | (None, Host::Name(name)) => {
                // A name may be written absolute; certificates never carry the dot.
                name.strip_suffix('.').unwrap_or(name).to_owned()
            }
            (None, Host::Ip(ip)) => ip.to_string(),
            (None, Host::Socket(path)) => path.display().to_string(),
        }
    }

    /// The files as they were when they were read.
    pub(super) fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }

    pub(super) fn roots(&self) -> &Roots {
        &self.0.roots
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        self.0.identity.as_ref()
    }

    pub(crate) fn weakened(&self) -> Weakened {
        Weakened::of(self.0.verification)
    }

    /// A client's half of a handshake that verifies chain and name. The dialer decides what a
    /// failed verification means.
    ///
    /// # Errors
    /// A name that no certificate could be held to, and those of OpenSSL.
    pub(crate) fn handshake(&self, name: &str) -> Result<Ssl, Failure> {
        let name = one_host(name)?;
        let prepare = || {
            let mut ssl = Ssl::new(self.context()?)?;
            let parameters = ssl.param_mut();
            // As browsers and libpq have it: a wildcard stands for a whole label.
            parameters.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
            if let Ok(ip) = name.parse() {
                parameters.set_ip(ip)?;
            } else {
                parameters.set_host(name)?;
                ssl.set_hostname(name)?;
            }
            Ok(ssl)
        };
        prepare().map_err(|error: ErrorStack| verdict::broken_handshake(Some(&error)))
    }

    fn context(&self) -> Result<&SslContext, ErrorStack> {
        let Loaded {
            context,
            roots,
            identity,
            ..
        } = &*self.0;
        if let Some(context) = context.get() {
            return Ok(context);
        }
        let made = openssl_context(roots, identity.as_ref(), &openssl_probe::probe())?;
        Ok(context.get_or_init(|| made))
    }
}

impl std::fmt::Debug for TlsPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsPolicy")
            .field("own_roots", &self.has_own_roots())
            .field("identity", &self.has_identity())
            .field("verification", &self.0.verification)
            .field("server_name", &self.0.server_name)
            .finish_non_exhaustive()
    }
}

/// The name, if it stands for one host. OpenSSL compares nothing at all where the name is empty,
/// and takes a leading dot for every host below (`X509_VERIFY_PARAM_set1_host(3)`).
pub(super) fn one_host(name: &str) -> Result<&str, Failure> {
    if name.is_empty() || name.starts_with('.') || name.contains('\0') {
        return Err(Failure::new(
            Stage::Settings,
            ErrorCode::VariableInvalid,
            "WA_DB_HOSTNAME or WA_DB_SSL_SERVER_NAME: the name that the server's certificate must carry is empty, begins with a dot or holds a zero byte",
            "name one host, such as db.example",
        ));
    }
    Ok(name)
}

fn not_accepted(errors: &ErrorStack) -> Fault {
    Fault {
        code: ErrorCode::CertificateInvalid,
        variable: "WA_DB_SSL_CERT".to_owned(),
        message: format!(
            "WA_DB_SSL_CA or WA_DB_SSL_CERT: OpenSSL does not accept the files: {errors}"
        ),
        hint: "keys below 2048 bits RSA and SHA-1 signatures are refused; issue new certificates"
            .to_owned(),
    }
}

/// OpenSSL's suites without those that authenticate nobody or encrypt with broken ciphers.
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!MD5:!3DES:!DES:!RC4:!IDEA:!SEED:!aDSS:!SRP:!PSK";

/// A context rather than the crate's `SslConnector`, which reads the system's store even where
/// only our own roots are trusted: 16 ms for each process.
fn openssl_context(
    roots: &Roots,
    identity: Option<&Identity>,
    found: &ProbeResult,
) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
    builder.set_options(SslOptions::NO_COMPRESSION);
    builder.set_mode(
        SslMode::AUTO_RETRY | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::ENABLE_PARTIAL_WRITE,
    );
    builder.set_cipher_list(CIPHERS)?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    match roots {
        Roots::System => system_store::trust(&mut builder, found)?,
        Roots::Only(certificates) => {
            let mut store = X509StoreBuilder::new()?;
            for certificate in certificates {
                store.add_cert(certificate.clone())?;
            }
            builder.set_cert_store(store.build());
        }
    }
    if let Some(Identity {
        leaf,
        intermediates,
        key,
    }) = identity
    {
        builder.set_certificate(leaf)?;
        builder.set_private_key(key)?;
        for intermediate in intermediates {
            builder.add_extra_chain_cert(X509::clone(intermediate))?;
        }
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::x509::X509Ref;
    use openssl_probe::ProbeResult;
    use wa_db_lab::pki::{Ca, write_file};

    use super::{TlsPolicy, openssl_context};
    use crate::code::{ErrorCode, Stage};
    use crate::endpoint::Host;
    use crate::settings::{Environment, Role, Settings};
    use crate::tls::roots::Roots;

    fn policy() -> TlsPolicy {
        let environment = Environment::from_pairs([
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
        ]);
        let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
        TlsPolicy::load(settings.tls()).unwrap()
    }

    #[test]
    fn a_name_that_stands_for_no_host_or_for_many_prepares_no_handshake() {
        let policy = policy();
        for name in ["", ".", ".corp.example", "db.lab\0.evil"] {
            let failure = policy.handshake(name).map(drop).unwrap_err();
            let verdict = (failure.stage(), failure.code());
            assert_eq!(
                verdict,
                (Stage::Settings, ErrorCode::VariableInvalid),
                "{name:?}"
            );
        }
        for name in ["db.lab", "192.0.2.7", "2001:db8::7"] {
            assert!(policy.handshake(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn an_absolute_name_is_matched_without_its_dot() {
        let policy = policy();
        for (host, name) in [("db.lab.", "db.lab"), ("db.lab", "db.lab"), (".", "")] {
            assert_eq!(policy.name_for(&Host::Name(host.to_owned())), name);
        }
    }

    #[test]
    fn the_systems_store_is_the_one_that_native_tls_finds() {
        let ca = Ca::root("found on this system");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bundle.pem");
        write_file(&file, ca.cert_pem());
        let found = ProbeResult {
            cert_file: Some(file),
            cert_dir: Vec::new(),
        };
        for (roots, is_held) in [(Roots::System, true), (Roots::Only(Vec::new()), false)] {
            let context = openssl_context(&roots, None, &found).unwrap();
            let held = context.cert_store().all_certificates();
            let is_ours = |held: &X509Ref| held.to_der().unwrap() == ca.cert_der();
            assert_eq!(held.iter().any(is_ours), is_held);
        }
    }
}
