//! The command line, and its help: [`Args`].
#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are help texts, printed as they stand"
)]

mod pins;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

pub(super) use self::pins::{PinSourceArgs, PinsArgs};
use super::duration::{duration, positive_duration};
use crate::check::Connections;
use crate::settings::Role;
use crate::tunnel::ListenAddress;

/// Encrypted and verified connections to MySQL, MariaDB and PostgreSQL from WA_DB_* variables.
#[derive(Debug, Parser)]
#[command(
    name = "wa-db",
    bin_name = "wa-db",
    version,
    about = "Check the database connections that the WA_DB_* environment describes",
    long_about = LONG_ABOUT,
    after_help = "Run 'wa-db help <command>' for the options, examples and exit codes of a command, \
                  'wa-db explain' for the variables and what they are set to.",
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

const LONG_ABOUT: &str = "\
Check the database connections that the WA_DB_* environment describes.

Services reach their MySQL, MariaDB and PostgreSQL servers over TLS that is verified unless someone \
says otherwise. This command shows what the environment says, proves that it works, one stage at a \
time, and says what to change when it does not.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Connect as a service would, stage by stage, and say what is wrong
    #[command(long_about = CHECK_ABOUT, after_long_help = CHECK_AFTER)]
    Check(CheckArgs),
    /// Show the effective settings, each with its source; secrets stay hidden
    #[command(long_about = EXPLAIN_ABOUT, after_long_help = EXPLAIN_AFTER)]
    Explain(ExplainArgs),
    /// Print the variables that replace WA_DB_CONNECTION_OPTION
    #[command(long_about = MIGRATE_ABOUT, after_long_help = MIGRATE_AFTER)]
    Migrate(MigrateArgs),
    /// Print the pins of the keys that a server presents, or of a key in a file
    #[command(long_about = pins::ABOUT, after_long_help = pins::AFTER)]
    Pins(PinsArgs),
    /// Carry the connections of programs in any language over verified TLS
    #[command(long_about = TUNNEL_ABOUT, after_long_help = TUNNEL_AFTER)]
    Tunnel(TunnelArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_AFTER)]
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
}

/// `wa-db check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) scope: ScopeArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Keep trying for this long while the server is starting
    ///
    /// Retries with growing pauses while a name does not resolve, nothing listens, or the login or
    /// the session fails. Faults of settings, of TLS and of the pool do not go away by waiting: they end the check at once.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) wait: Option<Duration>,
    /// Give each target this long, from its first stage to its last
    ///
    /// With --wait this bounds each attempt. Without it WA_DB_CONNECT_TIMEOUT and
    /// WA_DB_READ_TIMEOUT bound each step.
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub(super) timeout: Option<Duration>,
    /// How many connections the pool stage opens at once, or 'max' for WA_DB_POOL_MAX_SIZE
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_connections)]
    pub(super) connections: Connections,
    /// Let warnings fail the check, with exit code 17
    #[arg(long)]
    pub(super) strict: bool,
    /// Print only what failed, and one line of summary
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print more of each certificate, and log to stderr what is being done
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// `wa-db explain`.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) scope: ScopeArgs,
    /// How to print the settings
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

/// `wa-db migrate`.
#[derive(Debug, clap::Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    pub(super) file: FileArgs,
}

/// `wa-db tunnel`.
#[derive(Debug, clap::Args)]
pub(super) struct TunnelArgs {
    /// The role whose settings count [default: WA_DB_ROLE]
    #[arg(long, value_name = "ROLE", ignore_case = true)]
    pub(super) role: Option<OneRoleArg>,
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// Where clients connect: ADDRESS:PORT or unix:/path; may be given several times [default:
    /// 127.0.0.1 and the engine's port]
    ///
    /// An address that other machines can reach needs --tls-cert, --tls-key and
    /// WA_DB_TUNNEL_ALLOWED_CLIENTS. psql and libpq look for a socket named .s.PGSQL.5432. Over TLS they
    /// need sslmode=verify-full and channel_binding=disable.
    #[arg(long, value_name = "PLACE")]
    pub(super) listen: Vec<ListenAddress>,
    /// How many sessions each place carries at once
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(super) max_connections: NonZeroUsize,
    /// How many of them one client address or user may have [default: a quarter, at least 16, for
    /// clients of other machines; all for those of this one, which share their address]
    #[arg(long, value_name = "N")]
    pub(super) max_connections_per_client: Option<NonZeroUsize>,
    /// Let this user's programs use the Unix sockets, besides the user that the tunnel runs as; may be
    /// given several times
    ///
    /// The socket has mode 0660. So that this user can open it, make its directory with a group that
    /// it is in: install -d -m 2750 -o TUNNEL -g GROUP /run/wa-db
    #[arg(long, value_name = "UID", value_parser = parse_uid)]
    pub(super) client_uid: Vec<u32>,
    /// Serve /healthz, /readyz and /metrics at this loopback address
    ///
    /// /readyz is ready from the first dial to the server that succeeds, which is tried at the start.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_admin)]
    pub(super) admin: Option<SocketAddr>,
    /// How long sessions may go on after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(super) drain: Duration,
    /// Log in at the server with WA_DB_USERNAME and WA_DB_PASSWORD, whatever the client says
    ///
    /// Only on Unix sockets, and where --tls-client-ca demands certificates of clients. The database is
    /// the one that the client names; WA_DB_NAME counts where it names none.
    #[arg(long)]
    pub(super) inject: bool,
    /// Speak TLS, and nothing else, on every TCP address: the certificate, then its intermediates
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Demand certificates of this CA from clients
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_client_ca: Option<PathBuf>,
    /// Log each session to stderr
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// Whose settings, and from where.
#[derive(Debug, clap::Args)]
pub(super) struct ScopeArgs {
    /// The role whose settings count [default: WA_DB_ROLE, else both]
    #[arg(long, value_name = "ROLE", ignore_case = true)]
    pub(super) role: Option<RoleArg>,
    #[command(flatten)]
    pub(super) file: FileArgs,
}

/// From where the variables come.
#[derive(Debug, clap::Args)]
pub(super) struct FileArgs {
    /// Read variables from this file too; they win over the process environment
    ///
    /// The syntax is that of docker-compose's env_file. To try another value with it, change a copy:
    /// --env-file <(sed 's/^WA_DB_PORT=.*/WA_DB_PORT=5433/' db.env)
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
}

/// `--role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleArg {
    /// The web application: WA_DB_SSL_VERIFY counts
    Webapp,
    /// The core service: WA_DB_CONNECTION_OPTION counts
    Coreapp,
    /// One after the other
    Both,
}

impl RoleArg {
    /// The roles meant.
    pub(super) fn roles(self) -> Vec<Role> {
        match self {
            Self::Webapp => vec![Role::Webapp],
            Self::Coreapp => vec![Role::Coreapp],
            Self::Both => vec![Role::Webapp, Role::Coreapp],
        }
    }
}

/// `--role` where there can be only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OneRoleArg {
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

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: one object
    Json,
}

fn parse_connections(text: &str) -> Result<Connections, String> {
    if text.eq_ignore_ascii_case("max") {
        return Ok(Connections::Max);
    }
    let count: Result<NonZeroUsize, _> = text.parse();
    count
        .map(Connections::Count)
        .map_err(|_| "expected a number from 1, or 'max'".to_owned())
}

fn parse_uid(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("expected a user's number: see id -u {text}"))
}

fn parse_admin(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:9187".to_owned())
}

const CHECK_ABOUT: &str = "\
Connect as a service would, stage by stage, and say what is wrong.

One target per role and per host of WA_DB_HOSTNAME. Each goes through seven stages: settings, resolve, \
connect, tls, authenticate, session and pool. The first that fails ends the target; its error names \
the variable to change and its hint the next thing to do. Nothing is written to any database.

The tls stage also holds the server to the pins of WA_DB_SSL_PINS and the revocation lists of \
WA_DB_SSL_CRL, and warns of what WA_DB_SSL_PINS_REPORT_ONLY would refuse. Where a certificate does not \
keep to the policy and WA_DB_SSL_REPORT_FILE or WA_DB_SSL_REPORT_URI is set, it is reported; the check \
waits up to 2 s at its end for reports to leave.";

const CHECK_AFTER: &str = "\
Durations: 250ms, 10s, 5m, 1h; a bare number is seconds.

Exit codes:
   0  every stage of every target passed (warnings allowed unless --strict)
   1  internal error
   2  usage
  10  settings: a variable, or a file that one names
  11  resolve: no address for the name, or none that may be dialled
  12  connect: nothing listens, or no way there
  13  tls: no TLS, or the certificate is not to be trusted (revoked, not pinned)
  14  authenticate: login refused, or not safe
  15  session: database missing, not encrypted, read-only
  16  pool: not as many connections as asked for
  17  warnings, under --strict
With several targets: the code of the lowest stage that failed. --wait never retries 10, 13 and 16.

Examples:
  both roles, from the environment:
    wa-db check
  one role, from the file of a compose stack:
    wa-db check --role coreapp --env-file db.env
  start a service when its database is ready:
    wa-db check --wait 60s -q && exec coreapp
  can the pool fill, and is there nothing to improve?
    wa-db check --connections max --strict
  how long the certificates are still good for:
    wa-db check --format json | jq '.targets[].tls.certificate.days_left'

'wa-db explain' lists the variables, what each is set to and where from.";

const EXPLAIN_ABOUT: &str = "\
Show the effective settings, each with its source; secrets stay hidden.

Nothing is dialled, and no certificate, key or list is opened: 'wa-db check' does that. Use it to see which of several variables won, what a default is, and what \
WA_DB_CONNECTION_OPTION was taken to mean. Above the table stands the TLS depth: direct, where the \
driver's own TLS can do all that is asked, or wire, where the variables named ask for more. Faults and \
warnings of the settings go to stderr.";

const EXPLAIN_AFTER: &str = "\
Exit codes:
   0  the settings make sense (warnings are allowed)
   1  internal error
   2  usage
  10  settings: a variable, the env-file or the password's file

Examples:
  wa-db explain --role webapp
  wa-db explain --env-file db.env --format json";

const MIGRATE_ABOUT: &str = "\
Print the variables that replace WA_DB_CONNECTION_OPTION.

The lines on stdout are fit for an env-file; what has no place in the new variables, and what to do \
about it, is said on stderr. A string that weakens verification (sslmode=require, verify-ca) has no \
counterpart: with the new variables coreapp verifies in full.";

const MIGRATE_AFTER: &str = "\
Exit codes:
   0  the lines are printed, with or without notes on stderr; or nothing is to migrate
   1  internal error
   2  usage
  10  settings: the string, or the env-file, has a fault; no line is printed

Example:
  wa-db migrate --env-file db.env > new.env
Then put the lines of new.env into db.env, in place of WA_DB_CONNECTION_OPTION.";

const TUNNEL_ABOUT: &str = "\
Carry the connections of programs in any language over verified TLS.

Programs connect to a local address or Unix socket, in plaintext, with the ordinary client of their \
language. Each session is carried over one TLS connection to the server of WA_DB_HOSTNAME that obeys \
every setting: CA, name, client identity, pins, revocation lists, allowed networks. Login, queries, \
COPY, cancel requests and replication pass unchanged. There is no plaintext to the server, ever.";

const TUNNEL_AFTER: &str = "\
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

const COMPLETIONS_AFTER: &str = "\
Examples:
  wa-db completions bash > /etc/bash_completion.d/wa-db
  wa-db completions fish > ~/.config/fish/completions/wa-db.fish";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use clap::CommandFactory;

    use super::*;

    fn check(line: &str) -> Result<CheckArgs, clap::Error> {
        let words = ["wa-db", "check"]
            .into_iter()
            .chain(line.split_whitespace());
        match Args::try_parse_from(words)?.command {
            Command::Check(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn definition_of_the_command_line_has_no_conflicts() {
        Args::command().debug_assert();
    }

    #[test]
    fn check_without_flags_has_the_defaults_of_the_contract() {
        let args = check("").unwrap();
        assert_eq!(args.scope.role, None);
        assert_eq!(args.scope.file.env_file, None);
        assert_eq!(args.format, Format::Text);
        assert_eq!(args.connections, Connections::Count(NonZeroUsize::MIN));
        assert_eq!((args.wait, args.timeout), (None, None));
        assert!(!args.strict && !args.quiet && !args.verbose);
    }

    #[test]
    fn every_flag_of_the_contract_is_understood() {
        let args = check(
            "--role Coreapp --env-file db.env --format json --wait 60s --timeout 250ms \
             --connections 8 --strict -v",
        )
        .unwrap();
        assert_eq!(args.scope.role, Some(RoleArg::Coreapp));
        assert_eq!(args.scope.file.env_file, Some(PathBuf::from("db.env")));
        assert_eq!(args.format, Format::Json);
        assert_eq!(args.wait, Some(Duration::from_secs(60)));
        assert_eq!(args.timeout, Some(Duration::from_millis(250)));
        assert_eq!(args.connections.resolve(16), 8);
        assert!(args.strict && args.verbose);
        assert!(check("-q").unwrap().quiet);
        assert_eq!(
            check("--connections MAX").unwrap().connections.resolve(16),
            16
        );
        let both = check("--role both").unwrap().scope.role.unwrap();
        assert_eq!(both.roles(), [Role::Webapp, Role::Coreapp]);
    }

    #[test]
    fn what_is_no_usage_ends_with_exit_code_2() {
        for line in [
            "--role admin",
            "--format yaml",
            "--connections 0",
            "--connections many",
            "--wait soon",
            "--timeout -1s",
            "--timeout 0",
            "-q -v",
            "--verify=off",
            "db.lab",
        ] {
            let error = check(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert_eq!(Args::try_parse_from(["wa-db"]).unwrap_err().exit_code(), 2);
        assert_eq!(
            Args::try_parse_from(["wa-db", "audit"])
                .unwrap_err()
                .exit_code(),
            2
        );
    }

    #[test]
    fn help_and_version_end_with_exit_code_0() {
        for line in [
            ["wa-db", "--help"],
            ["wa-db", "--version"],
            ["wa-db", "help"],
        ] {
            assert_eq!(
                Args::try_parse_from(line).unwrap_err().exit_code(),
                0,
                "{line:?}"
            );
        }
    }

    #[test]
    fn long_help_of_check_names_every_exit_code() {
        let mut command = Args::command();
        let check = command.find_subcommand_mut("check").unwrap();
        let help = check.render_long_help().to_string();
        for code in [0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17] {
            assert!(
                help.lines()
                    .any(|line| line.starts_with(&format!("{code:>4}  "))),
                "{help}"
            );
        }
    }
}
