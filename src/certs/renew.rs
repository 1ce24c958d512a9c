//! The same certificate again, for a new span of time: [`renew`].

use std::fs;
use std::path::{Path, PathBuf};

use openssl::x509::{X509, X509Ref};

use super::authority::{Authority, host_names, is_ca, plain_key, read_chain};
use super::error::CertsError;
use super::files::{Overwrite, Secrecy, Staged, publish_pair};
use super::issue::{bundle, taken_over};
use super::key::{self, KeyType};
use super::sign::{Leaf, Purpose};
use super::validity::{Validity, days_between};
use crate::tls::facts::one_line;
use crate::tls::pem;

/// What names the files in faults.
const FILE: &str = "FILE";

/// How to renew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Renewal {
    /// By default as long as before.
    pub(crate) days: Option<u32>,
    pub(crate) new_key: bool,
}

/// What was renewed.
pub(crate) struct Renewed {
    pub(crate) certificate: X509,
    /// Where the new key lies, if there is one.
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) is_capped: bool,
    /// The files whose owners were not given the new ones.
    pub(crate) taken_over: Vec<PathBuf>,
}

/// Issues a certificate for the same names and the same purpose, and puts it in the place of the old one
/// in one step.
///
/// The key stays, and with it every pin, unless a new one is asked for.
///
/// `directory` is that of the CA.
///
/// # Errors
/// A file that holds no certificate of this CA, or one of a shape that is not issued here; a key that is
/// to be replaced and is not found; what cannot be written.
pub(crate) fn renew(
    directory: &Path,
    file: &Path,
    renewal: Renewal,
) -> Result<Renewed, CertsError> {
    // Before the CA is looked for, which is by default beside it.
    let old = read_leaf(file)?;
    let authority = Authority::load(directory)?;
    if !authority.has_issued(&old) {
        return Err(CertsError::NotOfAuthority {
            file: file.to_owned(),
            authority: authority.name(),
            issuer: one_line(old.issuer_name()),
        });
    }
    let not_renewable = |what: &str| CertsError::NotRenewable {
        file: file.to_owned(),
        what: what.to_owned(),
    };
    let purpose = Purpose::only(&old)
        .ok_or_else(|| not_renewable("it is not for servers alone nor for clients alone"))?;
    let names =
        host_names(&old).ok_or_else(|| not_renewable("it has names that are no host names"))?;
    let days = renewal
        .days
        .unwrap_or_else(|| days_between(old.not_before(), old.not_after()).max(1));
    let (validity, is_capped) = Validity::days(days).capped(authority.certificate().not_after());
    let (key, new_key) = if renewal.new_key {
        let file = key_of(&old, file)?;
        let key = KeyType::like(&*old.public_key()?).generate()?;
        (key::public_half(&key)?, Some((file, key)))
    } else {
        (old.public_key()?, None)
    };
    let certificate = authority.issue(&Leaf {
        subject: old.subject_name(),
        names: &names,
        purpose,
        key: &key,
        validity,
    })?;
    let stage = |path: &Path, content: &[u8], secrecy| {
        Staged::write(path, content, secrecy, Overwrite::Allowed)
    };
    let bundle = bundle(&certificate, &authority)?;
    let bundle = || stage(file, &bundle, Secrecy::Public);
    let (key_file, taken_over) = match new_key {
        None => {
            let bundle = bundle()?;
            let taken_over = taken_over([&bundle]);
            bundle.publish()?;
            (None, taken_over)
        }
        Some((file, key)) => {
            let key = stage(&file, &key::pem(&key)?, Secrecy::Private)?;
            let bundle = bundle()?;
            publish_pair(&key, &bundle)?;
            (Some(file), taken_over([&key, &bundle]))
        }
    };
    Ok(Renewed {
        certificate,
        key_file,
        is_capped,
        taken_over,
    })
}

/// The first certificate of a file, if it is one that can be issued here.
fn read_leaf(file: &Path) -> Result<X509, CertsError> {
    let content = pem::read(FILE, file)?;
    let old = read_chain(FILE, file)?.swap_remove(0);
    let not_renewable = |what: &str| CertsError::NotRenewable {
        file: file.to_owned(),
        what: what.to_owned(),
    };
    if is_ca(&old) {
        return Err(not_renewable(
            "it is a CA; a new one is made with: wa-db certs init --force",
        ));
    }
    if pem::holds_private_key(&content.bytes) {
        return Err(not_renewable(
            "it holds the key too, which belongs in a file of its own",
        ));
    }
    Ok(old)
}

/// The file that holds a certificate's key: the one of the same name, or the only one beside it.
fn key_of(certificate: &X509Ref, file: &Path) -> Result<PathBuf, CertsError> {
    let public = certificate.public_key()?;
    let holds_it = |path: &PathBuf| {
        let read = pem::read(FILE, path).map_err(CertsError::from);
        let key = read.and_then(|content| plain_key(FILE, path, &content.bytes));
        key.is_ok_and(|key| public.public_eq(&key))
    };
    let namesake = file.with_extension("key");
    if holds_it(&namesake) {
        return Ok(namesake);
    }
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(holds_it).collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(CertsError::KeyNotFound(file.to_owned())),
    }
}
