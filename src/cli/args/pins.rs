//! The command line of `wa-db pins`, and its help.

use std::path::PathBuf;

use super::{Format, ScopeArgs};

/// `wa-db pins`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PinsArgs {
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    #[command(flatten)]
    pub(in crate::cli) source: PinSourceArgs,
    /// How to print the pins
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Format,
}

/// The file to take pins from; a server where there is none.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(in crate::cli) struct PinSourceArgs {
    /// Print the pin of this key, private or public; no server is asked
    ///
    /// WA_DB_SSL_KEY_PASSWORD_FILE opens an encrypted one; where that file is itself encrypted,
    /// WA_DB_IDENTITY_FILE opens it.
    #[arg(long = "from-key", value_name = "FILE", conflicts_with = "role")]
    pub(in crate::cli) key: Option<PathBuf>,
    /// Print the pin of the key that this certificate signing request is for
    #[arg(long = "from-csr", value_name = "FILE", conflicts_with = "role")]
    pub(in crate::cli) request: Option<PathBuf>,
    /// Print the pin of each certificate of this file
    #[arg(long = "from-cert", value_name = "FILE", conflicts_with = "role")]
    pub(in crate::cli) certificates: Option<PathBuf>,
}

pub(super) const ABOUT: &str = "\
Print the pins of the keys that a server presents, or of a key in a file.

Connects to every server of WA_DB_HOSTNAME up to TLS, without logging in, and prints a pin for each \
certificate of its chain, its own first, with what verification says of it. The last line is fit for \
an env-file: it pins the servers' own keys and keeps the pins of other keys that WA_DB_SSL_PINS holds; \
there is one set for all servers of the list. A chain that does not verify is printed too, marked as \
such. WA_DB_SSL_PINS is not enforced here, and nothing is reported.

With --from-key, --from-csr or --from-cert no server is asked, and no other variable is needed.";

pub(super) const AFTER: &str = "\
A pin is the SHA-256 of a key (RFC 7469), so it outlives the certificate when that is renewed with \
the same key. Pin a backup key as well, one that lies elsewhere than on the server.

Exit codes:
   0  every chain verifies, or the file was read
   1  internal error
   2  usage
  10  settings: a variable, or a file
  11  resolve, 12 connect: the server was not reached
  13  tls: no TLS, or a chain that does not verify
With several servers: the lowest.

Examples:
  the servers' pins, for the roles of the environment:
    wa-db pins --env-file db.env
  a backup key and its pin:
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key
    wa-db pins --from-key backup.key";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::path::Path;

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::{Args, Command};

    fn pins(line: &str) -> Result<PinsArgs, clap::Error> {
        let words = ["wa-db", "pins"].into_iter().chain(line.split_whitespace());
        match Args::try_parse_from(words)?.command {
            Command::Pins(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pins_without_flags_are_those_of_the_servers() {
        let args = pins("").unwrap();
        let source = &args.source;
        assert!(source.key.is_none() && source.request.is_none() && source.certificates.is_none());
        assert_eq!((args.scope.role, args.format), (None, Format::Text));
    }

    #[test]
    fn each_kind_of_file_has_its_flag_and_excludes_the_others_and_a_role() {
        let named = Some(Path::new("f"));
        let source = |line| pins(line).unwrap().source;
        assert_eq!(source("--from-key f").key.as_deref(), named);
        assert_eq!(source("--from-csr f").request.as_deref(), named);
        assert_eq!(source("--from-cert f").certificates.as_deref(), named);
        for line in [
            "--from-key f --from-csr f",
            "--from-csr f --from-cert f",
            "--from-key f --role webapp",
            "f",
        ] {
            assert_eq!(pins(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn long_help_names_every_exit_code() {
        let mut command = Args::command();
        let pins = command.find_subcommand_mut("pins").unwrap();
        let help = pins.render_long_help().to_string();
        for code in ["   0  ", "  10  ", "  11  ", "12 connect", "  13  "] {
            assert!(help.contains(code), "{help}");
        }
    }
}
