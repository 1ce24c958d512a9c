//! What a listener shows to clients that may come from elsewhere: [`ListenerTls`].

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use metrics::counter;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVerifyMode, select_next_proto,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::code::ErrorCode;
use crate::settings::{Fault, SecurityLevel, read_regular, require_private};
use crate::tls::{expires, level, require_pair};

const CERT: &str = "--tls-cert";
const KEY: &str = "--tls-key";
const CLIENT_CA: &str = "--tls-client-ca";
/// Larger files are no certificates.
const MAX_FILE: u64 = 1024 * 1024;
/// How long files that could not be used are left alone while they do not change: they may become good by
/// themselves.
const PATIENCE: Duration = Duration::from_secs(60);

/// The files of a listener that speaks TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The listener's certificate and what links it to its CA, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The CA that clients' certificates must come from; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

/// What a listener speaks TLS for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// Versions and suites.
    pub(crate) level: SecurityLevel,
    /// The one protocol that is agreed to where the client names any, in ALPN's form.
    pub(crate) alpn: &'static [u8],
}

/// The listener's side of TLS, read again when its files change.
#[derive(Debug)]
pub(crate) struct ListenerTls {
    files: TlsFiles,
    profile: Profile,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Loaded,
    seen: Fingerprint,
    /// When to look again at files that did not change since they could not be used.
    try_again: Option<Instant>,
}

/// What is presented to clients, and until when.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) context: SslContext,
    pub(crate) ends: Option<SystemTime>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

impl ListenerTls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Every fault of every file.
    pub(crate) fn load(files: &TlsFiles, profile: Profile) -> Result<Self, Vec<Fault>> {
        let seen = Fingerprint::of(files);
        Ok(Self {
            files: files.clone(),
            profile,
            state: Mutex::new(State {
                current: load(files, profile)?,
                seen,
                try_again: None,
            }),
        })
    }

    /// What to present now.
    pub(crate) fn current(&self) -> Loaded {
        self.state().current.clone()
    }

    /// Looks at the files, and reads them where they changed; what cannot be used leaves the previous ones
    /// in use. Either is logged and counted in `wa_db_reloads_total`.
    pub(crate) fn look(&self) {
        let now = Fingerprint::of(&self.files);
        let mut state = self.state();
        let changed = now != state.seen;
        let due = state.try_again.is_some_and(|at| at <= Instant::now());
        if !changed && !due {
            return;
        }
        // Taken as seen even if it is broken: the warning comes once for each change.
        state.seen = now;
        match load(&self.files, self.profile) {
            Ok(loaded) => {
                tracing::info!(
                    "the listener's certificate files changed: new clients see the new ones"
                );
                state.current = loaded;
                state.try_again = None;
                count("loaded");
            }
            Err(faults) => {
                state.try_again = Some(Instant::now() + PATIENCE);
                if !changed {
                    return;
                }
                count("failed");
                for fault in faults {
                    tracing::warn!(
                        "the listener's certificate files changed and cannot be used: the previous ones stay in use: {}",
                        fault.message
                    );
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is changed only after everything fallible is done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changed files are rare: no handle is kept for their counter.
fn count(result: &'static str) {
    counter!("wa_db_reloads_total", "files" => "listener", "result" => result).increment(1);
}

/// The files by their metadata: device, inode, size, modification and change time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint(Vec<Option<FileState>>);

/// Device, inode, size; modification and change time, each in seconds and nanoseconds.
type FileState = ([u64; 3], [i64; 4]);

impl Fingerprint {
    fn of(files: &TlsFiles) -> Self {
        let paths = [
            Some(&files.cert),
            Some(&files.key),
            files.client_ca.as_ref(),
        ];
        let look = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            let times = [
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ];
            Some(([metadata.dev(), metadata.ino(), metadata.size()], times))
        };
        Self(paths.into_iter().flatten().map(|path| look(path)).collect())
    }
}

fn load(files: &TlsFiles, profile: Profile) -> Result<Loaded, Vec<Fault>> {
    let chain = certificates(CERT, &files.cert);
    let key = private_key(&files.key);
    let clients = files
        .client_ca
        .as_deref()
        .map(|path| certificates(CLIENT_CA, path))
        .transpose();
    match (chain, key, clients) {
        (Ok(chain), Ok(key), Ok(clients)) => {
            let ends = chain.first().and_then(|leaf| expires(leaf));
            if let [leaf, intermediates @ ..] = &*chain {
                let paired = require_pair([CERT, KEY], leaf, intermediates, &key);
                paired.map_err(|fault| vec![fault])?;
            }
            let context = context(&chain, &key, clients.as_deref(), profile).map_err(|errors| {
                vec![Fault::new(
                    ErrorCode::CertificateInvalid,
                    CERT,
                    format!("{CERT} and {KEY}: OpenSSL does not accept the files: {errors}"),
                    "keys below 2048 bits RSA and SHA-1 signatures are refused; issue a new certificate",
                )]
            })?;
            Ok(Loaded { context, ends })
        }
        (chain, key, clients) => {
            let faults = [chain.err(), key.err(), clients.err()];
            Err(faults.into_iter().flatten().collect())
        }
    }
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<X509>, Fault> {
    let bytes = read_regular(flag, path, MAX_FILE)?.bytes;
    let found = X509::stack_from_pem(&bytes).unwrap_or_default();
    if found.is_empty() {
        return Err(Fault::new(
            ErrorCode::CertificateInvalid,
            flag,
            format!("{flag}: {} holds no certificate in PEM", path.display()),
            "look at it with: openssl x509 -in FILE -noout -text",
        ));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PKey<openssl::pkey::Private>, Fault> {
    let content = read_regular(KEY, path, MAX_FILE)?;
    require_private(KEY, path, &content.metadata)?;
    // An encrypted key is refused rather than asked for on a terminal.
    let no_password = |_: &mut [u8]| Ok(0);
    PKey::private_key_from_pem_callback(&content.bytes, no_password).map_err(|_| {
        Fault::new(
            ErrorCode::CertificateInvalid,
            KEY,
            format!(
                "{KEY}: {} holds no private key in PEM without a password",
                path.display()
            ),
            "put the key of --tls-cert there, unencrypted and readable by its owner alone",
        )
    })
}

fn context(
    chain: &[X509],
    key: &PKey<openssl::pkey::Private>,
    clients: Option<&[X509]>,
    profile: Profile,
) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::tls_server())?;
    // Buffers are given back while a session is silent: most are.
    builder.set_mode(
        SslMode::AUTO_RETRY
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::RELEASE_BUFFERS,
    );
    // No resumption: each client shows its certificate anew.
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_TICKET);
    builder.set_read_ahead(true);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0)?;
    level::set(&mut builder, Some(profile.level))?;
    builder.set_alpn_select_callback(move |_, offered| {
        select_next_proto(profile.alpn, offered).ok_or(AlpnError::NOACK)
    });
    let mut chain = chain.iter();
    if let Some(leaf) = chain.next() {
        builder.set_certificate(leaf)?;
    }
    for intermediate in chain {
        builder.add_extra_chain_cert(intermediate.clone())?;
    }
    builder.set_private_key(key)?;
    builder.check_private_key()?;
    if let Some(clients) = clients {
        let mut store = X509StoreBuilder::new()?;
        for ca in clients {
            store.add_cert(ca.clone())?;
            builder.add_client_ca(ca)?;
        }
        builder.set_cert_store(store.build());
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    Ok(builder.build())
}
