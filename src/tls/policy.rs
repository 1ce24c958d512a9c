//! What must hold for a server to be trusted, and who we are to it: [`TlsPolicy`].

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};

use super::context::Parts;
use super::crl::RevocationLists;
use super::danger::Weakened;
use super::facts;
use super::fingerprint::Fingerprint;
use super::identity::Identity;
use super::judgement::Told;
use super::roots::Roots;
use super::sessions::Sessions;
use super::verdict;
use crate::code::{ErrorCode, Stage};
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::settings::{Depth, Fault, TlsSettings, Verification, Warning};

/// Trust and identity, loaded from the files that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct TlsPolicy(Arc<Loaded>);

struct Loaded {
    settings: TlsSettings,
    depth: Depth,
    roots: Roots,
    lists: Option<RevocationLists>,
    identity: Option<Identity>,
    warnings: Vec<Warning>,
    expiries: CertificateExpiries,
    /// For the dialer. A service that uses the drivers' own TLS needs it only to explain a failure.
    context: OnceLock<SslContext>,
    /// Of that context's connections.
    sessions: Arc<Sessions>,
    fingerprint: Fingerprint,
    told: Told,
}

/// When certificates end: those in our own files, and the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateExpiries {
    /// The client certificate of `WA_DB_SSL_CERT`.
    pub client: Option<SystemTime>,
    /// The first CA certificate of `WA_DB_SSL_CA` to end.
    pub ca: Option<SystemTime>,
    /// The certificate that the server showed, where our own dialer made the connection.
    pub server: Option<SystemTime>,
}

impl TlsPolicy {
    /// Reads every file.
    ///
    /// # Errors
    /// Every fault of every file, by variable.
    pub fn load(settings: &TlsSettings) -> Result<Self, Vec<Fault>> {
        Self::load_at(settings, SystemTime::now())
    }

    /// The same as it would be at another time.
    pub(crate) fn load_at(settings: &TlsSettings, now: SystemTime) -> Result<Self, Vec<Fault>> {
        // Before they are read: a change in between shows as one afterwards.
        let fingerprint = Fingerprint::of(settings);
        let roots = Roots::load(settings.ca.as_deref(), now);
        let identity = settings.identity.as_ref().map(Identity::load).transpose();
        let lists = settings.crl.as_deref();
        let lists = lists.map(|path| RevocationLists::load(path, settings.crl_stale));
        let (roots, identity, lists) = match (roots, identity, lists.transpose()) {
            (Ok(roots), Ok(identity), Ok(lists)) => (roots, identity, lists),
            (roots, identity, lists) => {
                let of_identity = identity.err().into_iter().flatten();
                let of_roots = roots.err().into_iter();
                return Err(of_roots.chain(of_identity).chain(lists.err()).collect());
            }
        };
        let (roots, mut warnings) = roots;
        let lists = lists.map(|(lists, of_lists)| {
            warnings.extend(of_lists);
            lists
        });
        let context = OnceLock::new();
        if identity.is_some() || lists.is_some() {
            // Made now, since this is where OpenSSL refuses a key or a signature that is too weak,
            // and reads the lists.
            let parts = Parts {
                roots: &roots,
                lists: lists.as_ref(),
                identity: identity.as_ref(),
                level: settings.security_level,
            };
            let made = parts.context(&openssl_probe::probe());
            let made = made.map_err(|fault| vec![fault])?;
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
            server: None,
        };
        Ok(Self(Arc::new(Loaded {
            settings: settings.clone(),
            depth: settings.depth(),
            roots,
            lists,
            identity,
            warnings,
            expiries,
            context,
            sessions: Arc::new(Sessions::new()),
            fingerprint,
            told: Told::default(),
        })))
    }

    /// What must hold for the server's certificate.
    pub fn verification(&self) -> Verification {
        self.0.settings.verification
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
        match (&self.0.settings.server_name, host) {
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

    /// The lists of `WA_DB_SSL_CRL`.
    pub(super) fn lists(&self) -> Option<&RevocationLists> {
        self.0.lists.as_ref()
    }

    pub(super) fn told(&self) -> &Told {
        &self.0.told
    }

    pub(super) fn sessions(&self) -> &Arc<Sessions> {
        &self.0.sessions
    }

    pub(crate) fn settings(&self) -> &TlsSettings {
        &self.0.settings
    }

    pub(crate) fn weakened(&self) -> Weakened {
        Weakened::of(self.0.settings.verification)
    }

    /// A client's half of a handshake that verifies chain, name and revocation. The dialer decides what a
    /// failed verification means.
    ///
    /// # Errors
    /// A name that no certificate could be held to, and those of OpenSSL.
    pub(crate) fn handshake(&self, name: &str) -> Result<Ssl, Failure> {
        let name = one_host(name)?;
        let context = self.context()?;
        let prepare = || {
            let mut ssl = Ssl::new(context)?;
            let parameters = ssl.param_mut();
            if self.0.lists.is_some() {
                // Intermediates too; the dialer lets pass those whose CA has no list.
                parameters
                    .set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)?;
            }
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

    fn context(&self) -> Result<&SslContext, Fault> {
        let loaded = &*self.0;
        if let Some(context) = loaded.context.get() {
            return Ok(context);
        }
        let parts = Parts {
            roots: &loaded.roots,
            lists: loaded.lists.as_ref(),
            identity: loaded.identity.as_ref(),
            level: loaded.settings.security_level,
        };
        let made = parts.context(&openssl_probe::probe())?;
        Ok(loaded.context.get_or_init(|| made))
    }
}

impl std::fmt::Debug for TlsPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsPolicy")
            .field("own_roots", &self.has_own_roots())
            .field("identity", &self.has_identity())
            .field("verification", &self.0.settings.verification)
            .field("server_name", &self.0.settings.server_name)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::TlsPolicy;
    use crate::code::{ErrorCode, Stage};
    use crate::endpoint::Host;
    use crate::settings::{Environment, Role, Settings};

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
}
