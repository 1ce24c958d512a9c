//! A new key, a certificate for it, and the files of both: [`issue`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use openssl::x509::{X509, X509Ref};

use super::authority::Authority;
use super::error::CertsError;
use super::files::{Overwrite, Secrecy, Staged, make_private_directory, publish_pair};
use super::key::{self, KeyType};
use super::names::{Holder, HostName, MAX_COMMON_NAME};
use super::sign::{self, Leaf, Purpose};
use super::validity::Validity;

/// What is to be issued.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) holder: Holder,
    pub(crate) days: u32,
    pub(crate) key_type: KeyType,
    /// A directory, or the files' name without its ending; by default a name beside the CA.
    pub(crate) out: Option<PathBuf>,
    pub(crate) overwrite: Overwrite,
}

/// What was issued, and where it lies.
pub(crate) struct Issued {
    pub(crate) certificate: X509,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    /// Whether it ends with its CA, earlier than was asked for.
    pub(crate) is_capped: bool,
    /// Whether the key took the place of another, and so belongs to whom that belonged.
    pub(crate) is_replaced: bool,
    /// The files whose owners were not given the new ones.
    pub(crate) taken_over: Vec<PathBuf>,
}

/// Issues a certificate for a new key and writes both.
///
/// # Errors
/// Names that the CA may not vouch for; files that are there already or cannot be written.
pub(crate) fn issue(authority: &Authority, order: &Order) -> Result<Issued, CertsError> {
    let base = base(authority.directory(), order);
    let (certificate_file, key_file) = (with_ending(&base, "pem"), with_ending(&base, "key"));
    spare_the_authority(authority, &certificate_file, &key_file)?;
    let key = order.key_type.generate()?;
    let (names, purpose) = match &order.holder {
        Holder::Server(names) => (&names[..], Purpose::Server),
        Holder::Client(_) => (&[][..], Purpose::Client),
    };
    let subject = sign::subject(common_name(&order.holder))?;
    let (validity, is_capped) =
        Validity::days(order.days).capped(authority.certificate().not_after());
    let certificate = authority.issue(&Leaf {
        subject: &subject,
        names,
        purpose,
        key: &*key::public_half(&key)?,
        validity,
    })?;
    if let Some(directory) = base.parent() {
        make_private_directory(directory)?;
    }
    let exists = key_file.exists();
    let key = key::pem(&key)?;
    let key = Staged::write(&key_file, &key, Secrecy::Private, order.overwrite)?;
    let bundle = bundle(&certificate, authority)?;
    let bundle = Staged::write(&certificate_file, &bundle, Secrecy::Public, order.overwrite)?;
    let is_replaced = exists && key.taken_over().is_none();
    let taken_over = taken_over([&key, &bundle]);
    publish_pair(&key, &bundle)?;
    Ok(Issued {
        certificate,
        certificate_file,
        key_file,
        is_capped,
        is_replaced,
        taken_over,
    })
}

/// The places of those files whose owners are not given the new ones.
pub(super) fn taken_over<'a>(files: impl IntoIterator<Item = &'a Staged>) -> Vec<PathBuf> {
    let taken_over = files.into_iter().filter_map(Staged::taken_over);
    taken_over.map(Path::to_owned).collect()
}

/// The certificate, then those between it and the root, as servers and clients send them.
pub(super) fn bundle(certificate: &X509Ref, authority: &Authority) -> Result<Vec<u8>, CertsError> {
    let mut bundle = certificate.to_pem()?;
    for intermediate in authority.intermediates() {
        bundle.extend(intermediate.to_pem()?);
    }
    Ok(bundle)
}

/// An account's name, or the first DNS name, which old clients look for here. An address is none: OpenSSL
/// would take it for a host name that the CA may not be permitted to vouch for.
fn common_name(holder: &Holder) -> Option<&str> {
    match holder {
        Holder::Client(name) => Some(name.as_str()),
        Holder::Server(names) => {
            let mut names = names.iter();
            let first = names.find_map(|name| match name {
                HostName::Dns(name) => Some(name.as_str()),
                HostName::Ip(_) => None,
            });
            first.filter(|name| name.len() <= MAX_COMMON_NAME)
        }
    }
}

/// The name of the files without its ending.
fn base(directory: &Path, order: &Order) -> PathBuf {
    let name = order.holder.file_name();
    let Some(out) = &order.out else {
        return directory.join(name);
    };
    if out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return out.join(name);
    }
    match out.extension() {
        Some(ending) if ending == "pem" || ending == "key" => out.with_extension(""),
        _ => out.clone(),
    }
}

/// Unlike `with_extension`, keeps what stands behind the last dot of a host name.
fn with_ending(base: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(base);
    path.push(".");
    path.push(ending);
    path.into()
}

/// The CA's own files are not to be written over by a leaf of the name `ca`, however it is spelt.
fn spare_the_authority(
    authority: &Authority,
    certificate: &Path,
    key: &Path,
) -> Result<(), CertsError> {
    let own = [authority.certificate_file(), authority.key_file()];
    let own = own.map(|path| path.canonicalize().ok());
    for path in [certificate, key] {
        if path
            .canonicalize()
            .is_ok_and(|path| own.contains(&Some(path)))
        {
            return Err(CertsError::OwnFile(path.to_owned()));
        }
    }
    Ok(())
}
