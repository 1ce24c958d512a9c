//! Whose certificates were taken back before their time: [`RevocationLists`].

mod scope;

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::ssl::SslFiletype;
use openssl::x509::store::{X509Lookup, X509StoreBuilderRef};
use openssl::x509::{X509Crl, X509NameRef, X509Ref};
use time::OffsetDateTime;
use x509_parser::pem::Pem;

use self::scope::Scope;
use super::chain::Chain;
use super::{facts, pem};
use crate::code::ErrorCode;
use crate::settings::{CrlStale, Fault, Warning, read_regular, shown_path};

const VARIABLE: &str = "WA_DB_SSL_CRL";

/// The largest file that is read. Large CAs have lists of some megabytes.
const FILE_LIMIT: u64 = 32 * 1024 * 1024;

/// The most files of a directory that are read.
const MOST_FILES: usize = 1000;

/// What begins each list of a PEM file.
const PEM_LABEL: &str = "X509 CRL";

/// Every list that `WA_DB_SSL_CRL` leads to.
pub(super) struct RevocationLists {
    files: Vec<ListFile>,
    ends: Vec<End>,
}

/// A file with lists in it.
struct ListFile {
    path: PathBuf,
    kind: SslFiletype,
    lists: Vec<X509Crl>,
    /// Of each list.
    scopes: Vec<Scope>,
}

/// When a list ends.
struct End {
    issuer: Vec<u8>,
    name: String,
    at: OffsetDateTime,
}

impl RevocationLists {
    /// Reads a file, or every list of a directory that is hashed as `openssl rehash` does it.
    ///
    /// # Errors
    /// What cannot be read, holds no list, or one that does not parse: a list that silently is none
    /// is how revoked certificates come to be accepted.
    pub(super) fn load(path: &Path, stale: CrlStale) -> Result<(Self, Vec<Warning>), Fault> {
        let files = if path.is_dir() {
            hashed(path)?
        } else {
            vec![path.to_owned()]
        };
        let files = files
            .into_iter()
            .map(ListFile::read)
            .collect::<Result<Vec<_>, _>>()?;
        let lists = files.iter().flat_map(|file| &file.lists);
        let ends = lists.clone().filter_map(End::of).collect();
        let warnings = lists
            .filter_map(|list| ended(list, stale))
            .map(|message| Warning {
                variable: VARIABLE.to_owned(),
                message,
            })
            .collect();
        Ok((Self { files, ends }, warnings))
    }

    /// Gives the lists to OpenSSL, which can only read them from files: what changed since then
    /// shows in their number.
    pub(super) fn add_to(&self, store: &mut X509StoreBuilderRef) -> Result<(), AddError> {
        let reader = store.add_lookup(X509Lookup::file())?;
        for ListFile {
            path, kind, lists, ..
        } in &self.files
        {
            let read = reader.load_crl_file(path, *kind)?;
            if usize::try_from(read) != Ok(lists.len()) {
                return Err(AddError::Changed);
            }
        }
        Ok(())
    }

    /// Whether there is a list of the CA that issued a certificate, usable or not. `issuer` is the
    /// CA's certificate.
    pub(super) fn has_list_for(&self, certificate: &X509Ref, issuer: Option<&X509Ref>) -> bool {
        let name = certificate.issuer_name();
        self.files.iter().any(|file| {
            let mut lists = file.lists.iter().zip(&file.scopes);
            lists.any(|(list, scope)| scope.is_of(list, name, issuer))
        })
    }

    /// What is to be said of the certificates of a verified chain that no list is for. The root is
    /// trusted for what it is: no list takes it back.
    pub(super) fn missing(&self, verified: &Chain) -> Vec<String> {
        let pairs = verified.certificates().windows(2);
        pairs
            .filter_map(|pair| match pair {
                [certificate, issuer] if !self.has_list_for(certificate, Some(issuer)) => {
                    Some(format!(
                        "no list of {VARIABLE} is of {}: whether {} is revoked was not checked",
                        facts::one_line(certificate.issuer_name()),
                        facts::one_line(certificate.subject_name()),
                    ))
                }
                _ => None,
            })
            .collect()
    }

    /// When the lists of an issuer end, in words: the last of several.
    pub(super) fn end_of(&self, issuer: &X509NameRef) -> Option<String> {
        let issuer = issuer.to_der().ok()?;
        let of_issuer = self.ends.iter().filter(|end| end.issuer == issuer);
        let last = of_issuer.max_by_key(|end| end.at)?;
        let at = facts::utc(last.at);
        Some(format!("the list of {} ended at {at}", last.name))
    }

    /// When the lists of each issuer end, by the issuer's name: the last of several.
    #[cfg(feature = "cli")]
    pub(super) fn last_ends(&self) -> Vec<(&str, OffsetDateTime)> {
        let mut lasts: Vec<&End> = Vec::new();
        for end in &self.ends {
            match lasts.iter_mut().find(|last| last.issuer == end.issuer) {
                Some(last) if last.at < end.at => *last = end,
                Some(_) => {}
                None => lasts.push(end),
            }
        }
        let lasts = lasts.into_iter();
        lasts.map(|end| (end.name.as_str(), end.at)).collect()
    }
}

/// Why lists could not be given to OpenSSL.
pub(super) enum AddError {
    Changed,
    OpenSsl(ErrorStack),
}

impl From<ErrorStack> for AddError {
    fn from(errors: ErrorStack) -> Self {
        Self::OpenSsl(errors)
    }
}

impl From<AddError> for Fault {
    fn from(error: AddError) -> Self {
        let (why, hint) = match error {
            AddError::Changed => (
                "the files changed while they were read".to_owned(),
                "replace lists by renaming new files over them",
            ),
            AddError::OpenSsl(errors) => (
                format!("OpenSSL does not accept the lists: {errors}"),
                "look at them with: openssl crl -in FILE -noout -text",
            ),
        };
        Fault {
            code: ErrorCode::CertificateInvalid,
            variable: VARIABLE.to_owned(),
            message: format!("{VARIABLE}: {why}"),
            hint: hint.to_owned(),
        }
    }
}

impl ListFile {
    fn read(path: PathBuf) -> Result<Self, Fault> {
        let content = read_regular(VARIABLE, &path, FILE_LIMIT)?;
        let invalid = |what, hint| fault(&path, ErrorCode::CertificateInvalid, what, hint);
        let Some((kind, lists)) = parsed(&content.bytes) else {
            return Err(invalid(
                "holds a revocation list that cannot be parsed",
                "look at it with: openssl crl -in FILE -noout -text",
            ));
        };
        if lists.is_empty() {
            return Err(invalid(
                "holds no revocation list",
                "put the PEM or DER lists of the CAs there, or name the directory of them",
            ));
        }
        let scopes = lists.iter().map(Scope::of);
        let scopes = scopes.collect::<Result<_, _>>().map_err(|what| {
            invalid(
                what,
                "put the complete list of each CA there: parts of lists are not put together",
            )
        })?;
        Ok(Self {
            path,
            kind,
            lists,
            scopes,
        })
    }
}

/// Every list of a PEM file, or the one of a DER file. `None` where one does not parse.
fn parsed(bytes: &[u8]) -> Option<(SslFiletype, Vec<X509Crl>)> {
    if pem::blocks(bytes).is_empty() {
        let list = X509Crl::from_der(bytes);
        return Some((SslFiletype::ASN1, list.into_iter().collect()));
    }
    let begin = format!("-----BEGIN {PEM_LABEL}-----");
    let lines = bytes.split(|byte| *byte == b'\n');
    let expected = lines
        .filter(|line| line.trim_ascii() == begin.as_bytes())
        .count();
    let lists = Pem::iter_from_buffer(bytes)
        .filter(|block| {
            let label = block.as_ref().map(|block| block.label.as_str());
            label.map_or(true, |label| label == PEM_LABEL)
        })
        .map(|block| X509Crl::from_der(&block.ok()?.contents).ok())
        .collect::<Option<Vec<_>>>()?;
    (lists.len() == expected).then_some((SslFiletype::PEM, lists))
}

/// The lists of a directory: files named by the hash of their issuer, such as `1a2b3c4d.r0`.
fn hashed(directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    let unreadable = |error: std::io::Error| {
        let what = format!("cannot be read: {error}");
        let hint = "let the user this process runs as read the directory";
        fault(directory, ErrorCode::FileUnreadable, &what, hint)
    };
    let mut files = names(directory).map_err(unreadable)?;
    files.sort();
    let invalid = |what, hint| Err(fault(directory, ErrorCode::CertificateInvalid, what, hint));
    match files.len() {
        0 => invalid(
            "holds no revocation list that is named by the hash of its issuer",
            "put the lists of the CAs there and run: openssl rehash DIRECTORY",
        ),
        1..=MOST_FILES => Ok(files),
        _ => invalid("holds more than 1000 revocation lists", "name one file"),
    }
}

/// The paths of a directory that have the name of a hashed list.
pub(super) fn names(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_hashed_list) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_hashed_list(name: &str) -> bool {
    name.split_once(".r").is_some_and(|(hash, number)| {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        hash.len() == 8
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !number.is_empty()
            && is_number(number)
    })
}

impl End {
    fn of(list: &X509Crl) -> Option<Self> {
        Some(Self {
            issuer: list.issuer_name().to_der().ok()?,
            name: facts::one_line(list.issuer_name()),
            at: facts::moment(list.next_update()?)?,
        })
    }
}

/// What is to be said of a list whose time is over.
fn ended(list: &X509Crl, stale: CrlStale) -> Option<String> {
    let end = list.next_update()?;
    let is_over = Asn1Time::days_from_now(0).is_ok_and(|now| *end < now);
    let what = match stale {
        CrlStale::Refuse => "servers of this CA are refused until there is a new one",
        CrlStale::Warn => "what was revoked since is unknown",
    };
    is_over.then(|| {
        format!(
            "{VARIABLE}: the list of {} ended at {}: {what}",
            facts::one_line(list.issuer_name()),
            facts::rfc3339(end)
        )
    })
}

fn fault(path: &Path, code: ErrorCode, problem: &str, hint: &str) -> Fault {
    Fault {
        code,
        variable: VARIABLE.to_owned(),
        message: format!("{VARIABLE}: {} {problem}", shown_path(VARIABLE, path)),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests;
