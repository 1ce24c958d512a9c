//! `wa-db certs init`.

use std::io;

use super::paste;
use crate::certs::{Authority, AuthoritySpec, CertsError, Constraints, Described, Former};
use crate::cli::args::InitArgs;
use crate::cli::exit::Exit;
use crate::cli::printer::{self, Printer};

/// Makes a CA.
pub(super) fn run(args: &InitArgs) -> Result<Exit, CertsError> {
    let spec = AuthoritySpec {
        name: args.name.clone(),
        days: args.days,
        constraints: Constraints {
            domains: args.permit_dns.clone(),
            networks: args.permit_ip.clone(),
        },
    };
    let replaces = args.force && args.dir.join("ca.pem").exists();
    let former = Former::read(&args.dir).filter(|_| replaces);
    let authority = Authority::create(&args.dir, &spec, super::overwrite(args.force))?;
    let described = Described::of(authority.certificate());
    let files =
        [authority.certificate_file(), authority.key_file()].map(|file| paste::absolute(&file));
    let result = printer::to_stdout(|printer| print(&described, &files, printer));
    if replaces {
        super::warn(
            "this is another CA than before, whatever its name: give its ca.pem to every service, and issue all \
             certificates anew",
        );
        let lost = former.map(|former| former.lost(authority.certificate()));
        for what in lost.unwrap_or_default() {
            super::warn(&what);
        }
    }
    super::note(
        "keep ca.key off the machines of servers and services, and a copy of it in a safe place",
    );
    Ok(super::printed(result))
}

/// What was made, as comments, and the line for the env-file of the services.
pub(super) fn print(
    authority: &Described,
    [certificate, key]: &[String; 2],
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let facts = &authority.facts;
    printer.line(&format!(
        "# {certificate}  {}, until {}",
        facts.subject, facts.not_after
    ))?;
    if !authority.limits.is_empty() {
        printer.line(&format!("#   limited to {}", authority.limits.join(", ")))?;
    }
    printer.line(&format!("# {key}  {}, for nobody else", facts.key))?;
    printer.line("")?;
    printer.line("# db.env")?;
    printer.line(&paste::variable("WA_DB_SSL_CA", certificate))
}
