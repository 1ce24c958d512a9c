//! The command line of `wa-db tunnel`, and its help.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::ValueEnum;

use super::FileArgs;
use super::listener_tls::ListenerTlsArgs;
use crate::cli::duration::duration;
use crate::settings::Role;
use crate::tunnel::ListenAddress;

/// `wa-db tunnel`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct TunnelArgs {
    /// The role whose settings count [default: WA_DB_ROLE]
    #[arg(long, value_name = "ROLE", ignore_case = true)]
    pub(in crate::cli) role: Option<OneRoleArg>,
    #[command(flatten)]
    pub(in crate::cli) file: FileArgs,
    /// Where clients connect: ADDRESS:PORT or unix:/path; may be given several times [default:
    /// 127.0.0.1 and the engine's port]
    ///
    /// An address that other machines can reach needs --tls-cert, --tls-key and
    /// WA_DB_TUNNEL_ALLOWED_CLIENTS. psql and libpq look for a socket named .s.PGSQL.5432. Over TLS they
    /// need sslmode=verify-full and channel_binding=disable.
    #[arg(long, value_name = "PLACE")]
    pub(in crate::cli) listen: Vec<ListenAddress>,
    /// How many sessions each place carries at once
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(in crate::cli) max_connections: NonZeroUsize,
    /// How many of them one client address or user may have [default: a quarter, at least 16, for
    /// clients of other machines; all for those of this one, which share their address]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) max_connections_per_client: Option<NonZeroUsize>,
    /// Let this user's programs use the Unix sockets, besides the user that the tunnel runs as; may be
    /// given several times
    ///
    /// The socket has mode 0660. So that this user can open it, make its directory with a group that
    /// it is in: install -d -m 2750 -o TUNNEL -g GROUP /run/wa-db
    #[arg(long, value_name = "UID", value_parser = parse_uid)]
    pub(in crate::cli) client_uid: Vec<u32>,
    /// Serve /healthz, /readyz and /metrics at this loopback address
    ///
    /// /readyz is ready from the first dial to the server that succeeds, which is tried at the start.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_admin)]
    pub(in crate::cli) admin: Option<SocketAddr>,
    /// How long sessions may go on after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(in crate::cli) drain: Duration,
    /// Log in at the server with WA_DB_USERNAME and WA_DB_PASSWORD, whatever the client says
    ///
    /// Only on Unix sockets, and where --tls-client-ca demands certificates of clients. The database is
    /// the one that the client names; WA_DB_NAME counts where it names none.
    #[arg(long)]
    pub(in crate::cli) inject: bool,
    #[command(flatten)]
    pub(in crate::cli) listener_tls: ListenerTlsArgs,
    /// Log each session to stderr
    #[arg(short, long)]
    pub(in crate::cli) verbose: bool,
}

/// `--role` where there can be only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OneRoleArg {
    /// The web application: WA_DB_SSL_VERIFY counts
    Webapp,
    /// The core service: WA_DB_CONNECTION_OPTION counts
    Coreapp,
}

impl From<OneRoleArg> for Role {
    fn from(role: OneRoleArg) -> Self {
        match role {
            OneRoleArg::Webapp => Self::Webapp,
            OneRoleArg::Coreapp => Self::Coreapp,
        }
    }
}

fn parse_uid(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("expected a user's number: see id -u {text}"))
}

pub(super) fn parse_admin(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:9187".to_owned())
}

pub(super) const ABOUT: &str = "\
Carry the connections of programs in any language over verified TLS.

Programs connect to a local address or Unix socket, in plaintext, with the ordinary client of their \
language. Each session is carried over one TLS connection to the server of WA_DB_HOSTNAME that obeys \
every setting: CA, name, client identity, pins, revocation lists, allowed networks. Login, queries, \
COPY, cancel requests and replication pass unchanged. There is no plaintext to the server, ever.";

pub(super) const AFTER: &str = "\
Signals:
  SIGTERM, SIGINT  take no more clients, wait for sessions up to --drain, end; a second one ends at once
  SIGHUP           look at all files now (they are looked at for each new session anyway)

Exit codes:
   0  ended by a signal
   1  internal error
   2  usage
  10  settings: a variable, a file, or a place that cannot be listened on

Examples:
  for PHP, Python or Qt on this machine:
    wa-db tunnel --role webapp --env-file db.env
    psql 'host=127.0.0.1 user=app dbname=shop'
  on a Unix socket, for one more user (33, who is in the group www-data), with metrics:
    install -d -m 2750 -o tunnel -g www-data /run/wa-db
    wa-db tunnel --role coreapp --listen unix:/run/wa-db/.s.PGSQL.5432 --client-uid 33 --admin 127.0.0.1:9187
    psql 'host=/run/wa-db user=app dbname=shop'
  so that programs need not hold the password:
    wa-db tunnel --role webapp --listen unix:/run/wa-db/mysql.sock --inject
  for clients of other machines:
    WA_DB_TUNNEL_ALLOWED_CLIENTS=10.0.0.0/24 wa-db tunnel --role webapp --listen 10.0.0.5:5432 \\
        --tls-cert tunnel.pem --tls-key tunnel.key --tls-client-ca clients.pem";
