//! `wa-db certs issue`.

use super::paste::Paste;
use crate::certs::{self, Authority, CertsError, Described, Holder, Issued, Order};
use crate::cli::args::{HolderArgs, IssueArgs, OrderArgs};
use crate::cli::exit::Exit;
use crate::cli::printer;

/// Issues a certificate.
pub(super) fn run(args: &IssueArgs) -> Result<Exit, CertsError> {
    let (holder, args) = match &args.holder {
        HolderArgs::Server(args) => {
            let mut names = Vec::new();
            for name in args.name.iter().chain(&args.ip) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            (Holder::Server(names), &args.order)
        }
        HolderArgs::Client(args) => (Holder::Client(args.name.clone()), &args.order),
    };
    let authority = Authority::load(&args.dir)?;
    let issued = certs::issue(&authority, &order(holder.clone(), args))?;
    let paste = Paste::new(&holder, &authority, &issued);
    let result = printer::to_stdout(|printer| paste.print(printer));
    super::warn_of_long(args.days);
    super::warn_of_taken_over(&issued.taken_over);
    notes(&holder, &issued, &authority);
    Ok(super::printed(result))
}

fn order(holder: Holder, args: &OrderArgs) -> Order {
    Order {
        holder,
        days: args.days,
        key_type: args.key_type.into(),
        out: args.out.clone(),
        overwrite: super::overwrite(args.force),
    }
}

fn notes(holder: &Holder, issued: &Issued, authority: &Authority) {
    if issued.is_capped {
        let end = Described::of(&issued.certificate).facts.not_after;
        super::note(&format!(
            "it ends with its CA, {}, at {end}, earlier than asked for",
            authority.name()
        ));
    }
    if issued.is_replaced {
        return;
    }
    let key = issued.key_file.display();
    super::note(&match holder {
        Holder::Server(_) => format!(
            "the server reads these files as a user of its own, who must be able to enter their directories: \
             chown postgres: (or mysql:) {key}, leave its mode as it is, and give the server a copy of ca.pem"
        ),
        Holder::Client(_) => {
            format!(
                "the service reads these files as a user of its own, who must be able to enter their directories: \
                 chown {key} to that user, leave its mode as it is, and give the service a copy of ca.pem"
            )
        }
    });
}
