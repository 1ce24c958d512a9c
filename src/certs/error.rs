//! Why nothing was made: [`CertsError`].

use std::io;
use std::path::PathBuf;

use openssl::error::ErrorStack;

use crate::settings::Fault;

/// What keeps a certificate from being made, or a file from being written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CertsError {
    /// A file that cannot be read, or holds something else.
    #[error("{}", .0.message)]
    Unusable(Fault),
    /// There is no CA in the directory.
    #[error("there is no CA in {}: {missing} does not exist", directory.display())]
    NoAuthority {
        directory: PathBuf,
        missing: &'static str,
    },
    /// `ca.pem` holds a certificate that may not issue any.
    #[error("{} is not that of a CA: {subject}", file.display())]
    NotAuthority { file: PathBuf, subject: String },
    /// Key and certificate of the CA are not of each other.
    #[error("{} does not belong to {}", key.display(), certificate.display())]
    KeyOfAnother { certificate: PathBuf, key: PathBuf },
    /// Whatever it issued would not verify.
    #[error("the CA {subject} expired at {ended}")]
    AuthorityExpired { subject: String, ended: String },
    /// The same of a CA from the future.
    #[error("the CA {subject} is not valid before {begins}")]
    AuthorityNotYetValid { subject: String, begins: String },
    /// The CA's name constraints do not allow these names.
    #[error("the CA may not vouch for {}: it is limited to {}", refused.join(", "), limits.join(", "))]
    NotPermitted {
        refused: Vec<String>,
        limits: Vec<String>,
    },
    /// OpenSSL does not verify what was issued.
    #[error("the certificate would not verify: {reason}")]
    NotVerified { reason: String },
    /// Another CA in its place was not asked for.
    #[error("there is a CA already: {}", .0.display())]
    AuthorityExists(PathBuf),
    /// Overwriting was not asked for.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A link in the place of a file, which is neither followed nor replaced.
    #[error("{} is a symbolic link, which is neither followed nor replaced", .0.display())]
    Link(PathBuf),
    /// A certificate in the CA's own place.
    #[error("{} is the CA's own", .0.display())]
    OwnFile(PathBuf),
    /// A file or directory that cannot be made.
    #[error("{} cannot be written", path.display())]
    NotWritten {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file that would pass from the user it belongs to over to us.
    #[error("{} belongs to another user, which cannot be kept", path.display())]
    OwnerNotKept {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Another CA's certificate.
    #[error("{} was not issued by {authority} but by {issuer}", file.display())]
    NotOfAuthority {
        file: PathBuf,
        authority: String,
        issuer: String,
    },
    /// A certificate of a shape that is not made here.
    #[error("{} cannot be renewed: {what}", file.display())]
    NotRenewable { file: PathBuf, what: String },
    /// Nobody can say which file a new key belongs in.
    #[error("the key of {} is not beside it", .0.display())]
    KeyNotFound(PathBuf),
    /// OpenSSL does not do what it is told.
    #[error("OpenSSL failed")]
    OpenSsl(#[from] ErrorStack),
}

impl CertsError {
    /// Whether the fault is neither in a file nor in what was asked for.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(self, Self::OpenSsl(_))
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unusable(fault) => fault.hint.clone(),
            Self::NoAuthority { directory, .. } => format!(
                "name the directory of your CA with --dir; or make one with: wa-db certs init --dir {0}",
                directory.display()
            ),
            Self::NotAuthority { .. } => {
                "name the directory that holds the CA's own ca.pem and ca.key with --dir".to_owned()
            }
            Self::KeyOfAnother { .. } => {
                "put back the two files that were made together".to_owned()
            }
            Self::AuthorityExpired { .. } => {
                "make a new one with: wa-db certs init --force; then give its ca.pem to every service and issue \
                 all certificates anew"
                    .to_owned()
            }
            Self::AuthorityNotYetValid { .. } => "check the clock of this machine".to_owned(),
            Self::NotPermitted { .. } => {
                "use a name within them; a CA's limits cannot be changed, only a new CA can be made: wa-db certs \
                 init --permit-dns, --permit-ip"
                    .to_owned()
            }
            Self::NotVerified { .. } => {
                "look at the CA with: openssl x509 -in ca.pem -noout -text".to_owned()
            }
            Self::AuthorityExists(_) => {
                "it can go on issuing; --force makes another in its place, and all that it issued worthless".to_owned()
            }
            Self::Exists(_) => {
                "to replace a certificate use: wa-db certs renew; --force overwrites what is there".to_owned()
            }
            Self::Link(_) => {
                "name the file that it leads to, or write new files and turn the link to them yourself".to_owned()
            }
            Self::OwnFile(_) => "write to another place, with --out".to_owned(),
            Self::NotWritten { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "make its directory first".to_owned(),
                _ => "check the directory, its permissions and its mount".to_owned(),
            },
            Self::OwnerNotKept { .. } => {
                "run it as root or as that user, so that the service can still read the file".to_owned()
            }
            Self::NotOfAuthority { .. } => {
                "name the directory of the CA that issued it with --dir; a certificate of another CA is not \
                 renewed but issued: wa-db certs issue"
                    .to_owned()
            }
            Self::NotRenewable { .. } => "issue it anew with: wa-db certs issue".to_owned(),
            Self::KeyNotFound(file) => format!(
                "put the key beside it as {}, or leave --new-key out: the certificate is then renewed for the key \
                 it has",
                file.with_extension("key").display()
            ),
            Self::OpenSsl(_) => String::new(),
        }
    }
}

impl From<Fault> for CertsError {
    fn from(fault: Fault) -> Self {
        Self::Unusable(fault)
    }
}
