//! The directory a server lives in, and the user it runs as.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pki::{Issued, write_file, write_private};

/// `nobody`: the servers refuse to run as root and need nothing that is not theirs.
const NOBODY: u32 = 65534;

/// Lets a server's OpenSSL present what no sane policy allows; saying no is the client's part.
const OPENSSL_CONF: &str = "\
openssl_conf = lab
[lab]
ssl_conf = ssl
[ssl]
system_default = permissive
[permissive]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
";

/// A temporary directory with one server in it. The keeper removes it.
#[derive(Debug)]
pub(super) struct Home {
    root: PathBuf,
    user: RunAs,
}

impl Home {
    pub(super) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("wa-db-lab-")
            .tempdir()
            .expect("a temporary directory can be made")
            .keep();
        let home = Self {
            root,
            user: RunAs::detect(),
        };
        set_mode(&home.root, 0o755);
        home.directory(&home.run(), 0o755);
        home.directory(&home.tls(), 0o755);
        write_file(&home.root.join("openssl.cnf"), OPENSSL_CONF);
        home
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The data directory, made by copying a template.
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Where sockets and the pid file are.
    pub(super) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.tls().join("server.pem")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.tls().join("server.key")
    }

    pub(super) fn client_ca(&self) -> PathBuf {
        self.tls().join("client-ca.pem")
    }

    pub(super) fn client_crl(&self) -> PathBuf {
        self.tls().join("client-crl.pem")
    }

    pub(super) fn user(&self) -> &RunAs {
        &self.user
    }

    /// Writes what the server presents.
    pub(super) fn write_identity(&self, identity: &Issued) {
        write_file(&self.certificate(), identity.chain_pem());
        write_private(&self.key(), identity.key_pem());
        self.user.own(&self.key());
    }

    /// A program run as the server's user, in its directory, with nothing of our environment.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = self.user.command(program);
        command
            .current_dir(self.run())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", &self.root)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("OPENSSL_CONF", self.root.join("openssl.cnf"));
        command
    }

    fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    fn directory(&self, path: &Path, mode: u32) {
        fs::create_dir(path).unwrap();
        set_mode(path, mode);
        self.user.own(path);
    }
}

/// Who the servers run as: somebody else if we are root, else ourselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunAs {
    other: Option<u32>,
}

impl RunAs {
    pub(super) fn detect() -> Self {
        let root = rustix::process::geteuid().is_root();
        Self {
            other: root.then_some(NOBODY),
        }
    }

    /// The number of the user.
    pub(super) fn uid(self) -> u32 {
        let ourselves = || rustix::process::geteuid().as_raw();
        self.other.unwrap_or_else(ourselves)
    }

    /// A program to be run as that user; `setpriv` becomes it, so the process id is its own.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let Some(uid) = self.other else {
            return Command::new(program);
        };
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={uid}"))
            .args(["--clear-groups", "--"])
            .arg(program);
        command
    }

    /// Hands a file or directory to that user.
    pub(super) fn own(self, path: &Path) {
        if let Some(uid) = self.other {
            chown(path, Some(uid), Some(uid))
                .unwrap_or_else(|error| panic!("cannot hand over {}: {error}", path.display()));
        }
    }
}

/// A port nobody listens on, below the range that outgoing connections draw from, so that it
/// stays free while its server is stopped.
pub(super) fn free_port() -> u16 {
    for _ in 0..200 {
        let mut random = [0; 2];
        openssl::rand::rand_bytes(&mut random).expect("OpenSSL has random bytes");
        let port = 15_000 + u16::from_be_bytes(random) % 17_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1");
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("cannot set the mode of {}: {error}", path.display()));
}
