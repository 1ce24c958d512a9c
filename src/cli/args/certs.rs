//! The command line of `wa-db certs`, and its help.

pub(super) mod help;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Format, ScopeArgs};
use crate::certs::{CommonName, Domain, HostName, KeyType, Network};

/// Where certificates lie unless something else is said.
pub(in crate::cli) const DIRECTORY: &str = "certs";

/// `wa-db certs`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CertsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: CertsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CertsCommand {
    /// Make a private CA: ca.pem for everyone, ca.key for nobody else
    #[command(long_about = help::INIT_ABOUT, after_long_help = help::INIT_AFTER)]
    Init(InitArgs),
    /// Issue a certificate for a server or a client, with the lines that put it to use
    #[command(long_about = help::ISSUE_ABOUT, after_long_help = help::ISSUE_AFTER)]
    Issue(IssueArgs),
    /// Replace certificates by new ones of the same names, under running services
    #[command(long_about = help::RENEW_ABOUT, after_long_help = help::RENEW_AFTER)]
    Renew(RenewArgs),
    /// Show what is in files, or what servers present, with pins
    #[command(long_about = help::SHOW_ABOUT, after_long_help = help::SHOW_AFTER)]
    Show(ShowArgs),
    /// Say what is wrong with the certificates and keys of a directory
    #[command(long_about = help::CHECK_ABOUT, after_long_help = help::CHECK_AFTER)]
    Check(CheckDirArgs),
}

/// `wa-db certs init`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InitArgs {
    /// The directory of the CA, made if it does not exist, for its owner alone
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    pub(in crate::cli) dir: PathBuf,
    /// What the CA is called
    #[arg(long, value_name = "NAME", default_value = "wa-db private CA")]
    pub(in crate::cli) name: CommonName,
    /// How many days it is good for
    #[arg(long, value_name = "DAYS", default_value = "3650", value_parser = days())]
    pub(in crate::cli) days: u32,
    /// Let it vouch for no DNS names but this one and those below it; may be given several times
    #[arg(long, value_name = "DOMAIN")]
    pub(in crate::cli) permit_dns: Vec<Domain>,
    /// Let it vouch for no addresses but those of this network; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub(in crate::cli) permit_ip: Vec<Network>,
    /// Replace the CA that is there: all that it issued is then worthless
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// `wa-db certs issue`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct IssueArgs {
    #[command(subcommand)]
    pub(in crate::cli) holder: HolderArgs,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HolderArgs {
    /// For a server, by every name and address that clients connect to
    #[command(after_long_help = help::ISSUE_AFTER)]
    Server(ServerArgs),
    /// For a client, by the name of its account
    #[command(after_long_help = help::ISSUE_AFTER)]
    Client(ClientArgs),
}

/// `wa-db certs issue server`.
#[derive(Debug, clap::Args)]
#[group(id = "names", required = true, multiple = true, args = ["name", "ip"])]
pub(in crate::cli) struct ServerArgs {
    /// A name or address that clients connect to, as in WA_DB_HOSTNAME; may be given several times
    ///
    /// The first DNS name is the common name too. *.db.example stands for every name one label below
    /// db.example.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(in crate::cli) name: Vec<HostName>,
    /// An address that clients connect to; may be given several times
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_parser = parse_address)]
    pub(in crate::cli) ip: Vec<HostName>,
    #[command(flatten)]
    pub(in crate::cli) order: OrderArgs,
}

/// `wa-db certs issue client`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ClientArgs {
    /// The name of the account, as in WA_DB_USERNAME
    #[arg(long, value_name = "ACCOUNT")]
    pub(in crate::cli) name: CommonName,
    #[command(flatten)]
    pub(in crate::cli) order: OrderArgs,
}

/// What the certificates of servers and clients have in common.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct OrderArgs {
    /// How many days it is good for, at most as many as the CA has left
    #[arg(long, value_name = "DAYS", default_value = "397", value_parser = days())]
    pub(in crate::cli) days: u32,
    /// What the key is made of
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "ec-p256",
        ignore_case = true
    )]
    pub(in crate::cli) key_type: KeyTypeArg,
    /// The directory of the CA
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    pub(in crate::cli) dir: PathBuf,
    /// Write OUT.pem and OUT.key, or into OUT if that is a directory [default: the first name, in DIR]
    #[arg(long, value_name = "OUT")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// `--key-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum KeyTypeArg {
    /// ECDSA on P-256
    EcP256,
    /// ECDSA on P-384
    EcP384,
    /// RSA with 3072 bits, for peers that know nothing else
    #[value(name = "rsa-3072")]
    Rsa3072,
    /// Ed25519
    #[value(name = "ed25519")]
    Ed25519,
}

impl From<KeyTypeArg> for KeyType {
    fn from(arg: KeyTypeArg) -> Self {
        match arg {
            KeyTypeArg::EcP256 => Self::EcP256,
            KeyTypeArg::EcP384 => Self::EcP384,
            KeyTypeArg::Rsa3072 => Self::Rsa3072,
            KeyTypeArg::Ed25519 => Self::Ed25519,
        }
    }
}

/// `wa-db certs renew`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RenewArgs {
    /// The certificates, as wa-db certs issue wrote them
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Make a new key too, in the place of the old one: its pin changes
    #[arg(long)]
    pub(in crate::cli) new_key: bool,
    /// How many days the new ones are good for [default: as many as the old ones were]
    #[arg(long, value_name = "DAYS", value_parser = days())]
    pub(in crate::cli) days: Option<u32>,
    /// The directory of the CA [default: that of the file if there is a CA in it, else certs]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}

/// `wa-db certs show`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowArgs {
    /// A file, or a server as HOST or HOST:PORT [default: the servers of WA_DB_HOSTNAME]
    ///
    /// What exists as a file, or has a slash in it, is a file.
    #[arg(value_name = "FILE|HOST[:PORT]")]
    pub(in crate::cli) targets: Vec<String>,
    /// What the servers speak [default: WA_DB_ENGINE]
    #[arg(long, value_name = "ENGINE", ignore_case = true)]
    pub(in crate::cli) engine: Option<EngineArg>,
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Format,
}

/// `--engine`, in the words of `WA_DB_ENGINE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum EngineArg {
    /// MySQL or MariaDB
    #[value(alias = "mariadb")]
    Mysql,
    /// PostgreSQL
    #[value(aliases = ["postgres", "postgresql"])]
    Pgsql,
}

impl EngineArg {
    /// The word for the variable.
    pub(in crate::cli) fn as_word(self) -> &'static str {
        match self {
            Self::Mysql => "MYSQL",
            Self::Pgsql => "PGSQL",
        }
    }
}

/// `wa-db certs check`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CheckDirArgs {
    /// The directory
    #[arg(value_name = "DIR", default_value = DIRECTORY)]
    pub(in crate::cli) dir: PathBuf,
    /// The CA that certificates must lead to [default: ca.pem in DIR]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) ca: Option<PathBuf>,
    /// How many days each certificate must have left; fewer than 30 are warned of in any case
    #[arg(long, value_name = "DAYS", default_value = "0")]
    pub(in crate::cli) min_days: u32,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Format,
}

/// A hundred years are more than anyone means.
fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=36_525)
}

fn parse_address(text: &str) -> Result<HostName, String> {
    match text.parse()? {
        HostName::Dns(_) => Err("expected an address; names are given with --name".to_owned()),
        address @ HostName::Ip(_) => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::{Args, Command};

    fn certs(line: &str) -> Result<CertsCommand, clap::Error> {
        let words = ["wa-db", "certs"]
            .into_iter()
            .chain(line.split_whitespace());
        match Args::try_parse_from(words)?.command {
            Command::Certs(args) => Ok(args.command),
            other => panic!("{other:?}"),
        }
    }

    fn server(line: &str) -> ServerArgs {
        match certs(&format!("issue server {line}")).unwrap() {
            CertsCommand::Issue(IssueArgs {
                holder: HolderArgs::Server(args),
            }) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ca_and_leaf_have_the_defaults_of_the_contract() {
        let CertsCommand::Init(init) = certs("init").unwrap() else {
            panic!("another command");
        };
        assert_eq!((init.dir.to_str(), init.days), (Some("certs"), 3650));
        assert!(init.permit_dns.is_empty() && init.permit_ip.is_empty() && !init.force);
        let order = server("--name db.lab").order;
        assert_eq!((order.days, order.key_type), (397, KeyTypeArg::EcP256));
        assert_eq!((order.dir.to_str(), order.out), (Some("certs"), None));
    }

    #[test]
    fn a_server_has_any_number_of_names_and_addresses_in_either_flag() {
        let args = server("--name db.lab 10.0.0.5 --name db --ip ::1 10.0.0.6 --days 30");
        let shown = |names: &[HostName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&args.name), ["db.lab", "10.0.0.5", "db"]);
        assert_eq!(shown(&args.ip), ["::1", "10.0.0.6"]);
        assert_eq!(shown(&server("--ip ::1").ip), ["::1"]);
    }

    #[test]
    fn what_is_no_usage_ends_with_exit_code_2() {
        for line in [
            "",
            "issue",
            "issue server",
            "issue client",
            "issue server --name db:5432",
            "issue server --ip db.lab",
            "issue server --name db.lab --days 0",
            "issue server --name db.lab --days 36526",
            "issue server --name db.lab --key-type rsa-1024",
            "issue client --name a --name b",
            "init --days -1",
            "init --permit-ip 10.0.0.1/8",
            "init --permit-dns *.lab",
            "renew",
            "show --engine oracle db.lab",
            "check a b",
        ] {
            let error = certs(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn long_help_of_each_command_has_examples_and_exit_codes() {
        for name in ["init", "issue", "renew", "show", "check"] {
            let mut command = Args::command();
            let certs = command.find_subcommand_mut("certs").unwrap();
            let help = certs.find_subcommand_mut(name).unwrap().render_long_help();
            let help = help.to_string();
            for part in [
                "Exit codes:",
                "   0  ",
                "  10  ",
                "Examples:",
                "wa-db certs ",
            ] {
                assert!(help.contains(part), "{name}: {help}");
            }
        }
    }
}
