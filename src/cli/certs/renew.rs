//! `wa-db certs renew`.

use std::path::{Path, PathBuf};

use crate::certs::{self, Described, Renewal};
use crate::cli::args::{DIRECTORY, RenewArgs};
use crate::cli::exit::{self, Exit};
use crate::cli::printer;

/// Renews one certificate after the other; one that cannot be renewed does not keep the others from it.
pub(super) fn run(args: &RenewArgs) -> Exit {
    let renewal = Renewal {
        days: args.days,
        new_key: args.new_key,
    };
    let (mut lines, mut worst, mut has_server) = (Vec::new(), Exit::Success, false);
    for file in &args.files {
        // They may be of different CAs.
        match certs::renew(&directory(args, file), file, renewal) {
            Ok(renewed) => {
                let described = Described::of(&renewed.certificate);
                has_server |= described.purposes.contains(&"server");
                lines.push(line(file, &described, renewed.key_file.as_deref()));
                super::warn_of_taken_over(&renewed.taken_over);
                if renewed.is_capped {
                    super::note(&format!(
                        "{} ends with its CA, {}, earlier than it otherwise would",
                        file.display(),
                        described.facts.issuer
                    ));
                }
            }
            Err(error) => worst = super::refused(&error),
        }
    }
    let result = printer::to_stdout(|printer| lines.iter().try_for_each(|line| printer.line(line)));
    if let Some(days) = args.days {
        super::warn_of_long(days);
    }
    if !lines.is_empty() {
        notes(args, has_server);
    }
    exit::printed(result, worst)
}

/// The directory of the CA: the one that is named, or that of the file, or the usual one.
fn directory(args: &RenewArgs, file: &Path) -> PathBuf {
    if let Some(directory) = &args.dir {
        return directory.clone();
    }
    let beside = file.parent().unwrap_or(Path::new(""));
    if beside.join("ca.key").exists() {
        beside.to_owned()
    } else {
        PathBuf::from(DIRECTORY)
    }
}

/// `certs/db.pem  until …, the same key, sha256/…`.
pub(super) fn line(file: &Path, described: &Described, new_key: Option<&Path>) -> String {
    let key = match new_key {
        Some(file) => format!("a new key in {}", file.display()),
        None => "the same key".to_owned(),
    };
    let pin = described.pin.as_deref().unwrap_or_default();
    format!(
        "{}  until {}, {key}, {pin}",
        file.display(),
        described.facts.not_after
    )
}

fn notes(args: &RenewArgs, has_server: bool) {
    if has_server {
        super::note(
            "a database server reads it again when it is told to: SELECT pg_reload_conf() (PostgreSQL), FLUSH SSL \
             (MariaDB), ALTER INSTANCE RELOAD TLS (MySQL)",
        );
    }
    if args.new_key {
        super::note("whoever pins the old key, in WA_DB_SSL_PINS say, must be given the new pin");
    }
}
