//! What the command line asks of a monitor: [`Options`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::LogLine;
use crate::serve::TlsFiles;
use crate::settings::{Environment, Role};

/// What to look at, how often, and where to show it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The variables. They are read once; the files that they name, at each look.
    pub environment: Environment,
    /// The file that most of them are from.
    pub env_file: Option<PathBuf>,
    /// The file of findings that are let stand; it is read anew for each audit.
    pub suppressions: Option<PathBuf>,
    /// The roles to look at.
    pub roles: Vec<Role>,
    /// From one look at a target to the next.
    pub interval: Duration,
    /// Where the page, health and metrics are served.
    pub admin: SocketAddr,
    /// How the log of this process would show a text, for the audit's rule that tries to forge a line of it.
    pub log_line: LogLine,
    /// What that listener presents; `None`: it speaks plaintext, on loopback alone.
    pub tls: Option<TlsFiles>,
}
