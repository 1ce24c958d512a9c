//! The CA whose place a new one takes: [`Former`].

use std::path::Path;

use openssl::x509::X509Ref;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::{DIRECTORY, certificate_file, read_chain};
use super::constraints;
use crate::shell;

/// What a CA was held to whose place a new one takes.
pub(crate) struct Former {
    limits: Vec<String>,
    may_have_cas_below: bool,
}

impl Former {
    /// The CA of a directory; `None` where there is none, or none that can be read.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let chain = read_chain(DIRECTORY, &certificate_file(directory)).ok()?;
        let certificate = chain.first()?;
        Some(Self {
            limits: constraints::limits(certificate),
            may_have_cas_below: may_have_cas_below(certificate),
        })
    }

    /// What it had and the new one has not, for people.
    pub(crate) fn lost(&self, new: &X509Ref) -> Vec<String> {
        let limits = constraints::limits(new);
        let mut lost = Vec::new();
        if self.limits.iter().any(|limit| !limits.contains(limit)) {
            let now = if limits.is_empty() {
                "may vouch for every name".to_owned()
            } else {
                format!("is limited to {}", limits.join(", "))
            };
            let flags = flags(&self.limits);
            lost.push(format!(
                "the CA before it was limited to {}, and this one {now}: if that is not meant, make it once more \
                 with --force{flags}",
                self.limits.join(", ")
            ));
        }
        if self.may_have_cas_below && !may_have_cas_below(new) {
            lost.push(
                "the CA before it could issue CAs below it, and this one issues certificates of servers and clients \
                 alone (path length 0)"
                    .to_owned(),
            );
        }
        lost
    }
}

/// The flags that ask for limits, as far as there are any for them.
fn flags(limits: &[String]) -> String {
    let flags = limits.iter().filter_map(|limit| {
        let (flag, value) = match limit.split_once(' ')? {
            ("DNS", domain) => ("--permit-dns", domain),
            ("IP", network) => ("--permit-ip", network),
            _ => return None,
        };
        Some(format!(" {flag} {}", shell::word(value)))
    });
    flags.collect()
}

/// Whether its path length lets it have any.
fn may_have_cas_below(certificate: &X509Ref) -> bool {
    let Ok(der) = certificate.to_der() else {
        return false;
    };
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
        return false;
    };
    let Ok(Some(constraints)) = parsed.basic_constraints() else {
        return false;
    };
    constraints.value.ca && constraints.value.path_len_constraint != Some(0)
}
