//! The command line, and its help: [`Args`].
#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are help texts, printed as they stand"
)]

mod audit;
mod certs;
mod listener_tls;
mod monitor;
mod pins;
mod tunnel;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

pub(super) use self::audit::{AuditArgs, AuditFormat};
pub(super) use self::certs::{
    CertsArgs, CertsCommand, CheckDirArgs, DIRECTORY, HolderArgs, InitArgs, IssueArgs, OrderArgs,
    RenewArgs, ShowArgs,
};
pub(super) use self::monitor::MonitorArgs;
pub(super) use self::pins::{PinSourceArgs, PinsArgs};
pub(super) use self::tunnel::TunnelArgs;
use super::duration::{duration, positive_duration};
use crate::check::Connections;
use crate::settings::Role;

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
    /// Say whether the link to each database is as safe as it should be, and what to change
    #[command(long_about = audit::ABOUT, after_long_help = audit::AFTER)]
    Audit(AuditArgs),
    /// Make a private CA and the certificates of servers and clients, renew and check them
    #[command(long_about = certs::help::ABOUT, after_long_help = certs::help::AFTER)]
    Certs(CertsArgs),
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
    #[command(long_about = tunnel::ABOUT, after_long_help = tunnel::AFTER)]
    Tunnel(TunnelArgs),
    /// Keep checking and auditing every target, and show what is found on a page
    #[command(long_about = monitor::ABOUT, after_long_help = monitor::AFTER)]
    Monitor(MonitorArgs),
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
    /// Read variables from this file too; they win over the process environment; may be given several
    /// times, and later files win over earlier ones
    ///
    /// The syntax is that of docker-compose's env_file. To try another value with it, put a file
    /// behind it: --env-file db.env --env-file <(echo WA_DB_PORT=5433)
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
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

const CHECK_ABOUT: &str = "\
Connect as a service would, stage by stage, and say what is wrong.

One target per role and per host of WA_DB_HOSTNAME. Each goes through seven stages: settings, resolve, \
connect, tls, authenticate, session and pool. The first that fails ends the target; its error names \
the variable to change and its hint the next thing to do. Nothing is written to any database.

The tls stage also holds the server to the pins of WA_DB_SSL_PINS and the revocation lists of \
WA_DB_SSL_CRL, and warns of what WA_DB_SSL_PINS_REPORT_ONLY would refuse. Where a certificate does not \
keep to the policy and WA_DB_SSL_REPORT_FILE or WA_DB_SSL_REPORT_URI is set, it is reported; the check \
waits up to 2 s at its end for reports to leave, and warns of those that could not, which changes \
no exit code.";

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

Nothing is dialled, and no certificate, list or key but WA_DB_IDENTITY_FILE is opened: 'wa-db check' does that. Use it to see which of several variables won, what a default is, and what \
WA_DB_CONNECTION_OPTION was taken to mean. Above the table stands the TLS depth: direct, where the \
driver's own TLS can do all that is asked, or wire, where the variables named ask for more. Faults and \
warnings of the settings go to stderr.";

const EXPLAIN_AFTER: &str = "\
Exit codes:
   0  the settings make sense (warnings are allowed)
   1  internal error
   2  usage
  10  settings: a variable, an env-file, or the password's file and what opens it

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
  10  settings: the string, or an env-file, has a fault; no line is printed

Example:
  wa-db migrate --env-file db.env > new.env
Then put the lines of new.env into db.env, in place of WA_DB_CONNECTION_OPTION.";

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
        assert!(args.scope.file.env_file.is_empty());
        assert_eq!(args.format, Format::Text);
        assert_eq!(args.connections, Connections::Count(NonZeroUsize::MIN));
        assert_eq!((args.wait, args.timeout), (None, None));
        assert!(!args.strict && !args.quiet && !args.verbose);
    }

    #[test]
    fn every_flag_of_the_contract_is_understood() {
        let args = check(
            "--role Coreapp --env-file db.env --env-file local.env --format json --wait 60s --timeout 250ms \
             --connections 8 --strict -v",
        )
        .unwrap();
        assert_eq!(args.scope.role, Some(RoleArg::Coreapp));
        let files = ["db.env", "local.env"].map(PathBuf::from);
        assert_eq!(args.scope.file.env_file, files);
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
            Args::try_parse_from(["wa-db", "inspect"])
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
