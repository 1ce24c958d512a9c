//! Files written so that nobody ever sees half of one, and nobody but its owner a key: [`Staged`].

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use openssl::rand::rand_bytes;
use rustix::process::geteuid;

use super::error::CertsError;

/// What the names of files end in that are not in their place yet.
pub(super) const TEMPORARY: &str = ".new";

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// It stays, and nothing is written.
    Never,
    /// It is replaced: the user asked for that.
    Allowed,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// The user's alone who writes it (0600), whoever had a file of its name before: the key of a CA.
    Own,
    /// Its owner alone (0600), from the first byte on.
    Private,
    /// Everyone (0644), whatever the umask says: a certificate is no secret, and servers and services
    /// read it as users of their own.
    Public,
}

/// A file that is complete and on disk, beside its place. Dropped, it leaves nothing behind.
pub(super) struct Staged {
    temporary: PathBuf,
    target: PathBuf,
    overwrite: Overwrite,
    /// Whether the file that it replaces belongs to somebody who is not given this one.
    is_taken_over: bool,
}

impl Staged {
    /// Writes the content beside its place, in the same directory. A file that is there already hands its
    /// owner on, so that the service which reads it still can, and its mode as far as that is allowed;
    /// unless whoever owns it may have put it there to be given what comes after.
    ///
    /// # Errors
    /// A symbolic link in its place; a file that is there already, if it may not be overwritten; what cannot
    /// be written.
    pub(super) fn write(
        target: &Path,
        content: &[u8],
        secrecy: Secrecy,
        overwrite: Overwrite,
    ) -> Result<Self, CertsError> {
        let failed = |error| not_written(target, error);
        let existing = match fs::symlink_metadata(target) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        // Followed, it would have whoever may put it there choose what we overwrite; replaced, it would
        // end a deployment that goes from one set of files to the next by turning it.
        if existing.as_ref().is_some_and(Metadata::is_symlink) {
            return Err(CertsError::Link(target.to_owned()));
        }
        if existing.is_some() && overwrite == Overwrite::Never {
            return Err(CertsError::Exists(target.to_owned()));
        }
        if existing
            .as_ref()
            .is_some_and(|existing| !existing.is_file())
        {
            return Err(failed(io::Error::other("it is no regular file")));
        }
        let heir = match &existing {
            Some(existing) if secrecy != Secrecy::Own => {
                let directory = fs::metadata(directory_of(target)).map_err(failed)?;
                Some(existing).filter(|existing| inherits(existing.uid(), &directory))
            }
            _ => None,
        };
        let staged = Self {
            temporary: beside(target)?,
            target: target.to_owned(),
            overwrite,
            is_taken_over: existing.is_some() && heir.is_none(),
        };
        staged.fill(content, secrecy, heir)?;
        Ok(staged)
    }

    /// The file's place, if it belonged to somebody who is not given the new one.
    pub(super) fn taken_over(&self) -> Option<&Path> {
        self.is_taken_over.then_some(&*self.target)
    }

    fn fill(
        &self,
        content: &[u8],
        secrecy: Secrecy,
        existing: Option<&Metadata>,
    ) -> Result<(), CertsError> {
        let failed = |error| not_written(&self.target, error);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.temporary)
            .map_err(failed)?;
        if let Some(existing) = existing {
            keep_owner(&file, existing).map_err(|source| CertsError::OwnerNotKept {
                path: self.target.clone(),
                source,
            })?;
        }
        let mode = mode(secrecy, existing);
        file.set_permissions(Permissions::from_mode(mode))
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all())
            .map_err(failed)
    }

    /// Puts the file in its place, in one step, and has the disk know of it.
    ///
    /// # Errors
    /// A file that came to be there meanwhile, if it may not be overwritten; a step that fails.
    pub(super) fn publish(self) -> Result<(), CertsError> {
        self.put()?;
        self.sync()
    }

    fn put(&self) -> Result<(), CertsError> {
        let put = match self.overwrite {
            // Unlike a rename, a link never takes the place of another file.
            Overwrite::Never => fs::hard_link(&self.temporary, &self.target),
            Overwrite::Allowed => fs::rename(&self.temporary, &self.target),
        };
        put.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => CertsError::Exists(self.target.clone()),
            _ => not_written(&self.target, error),
        })
    }

    fn sync(&self) -> Result<(), CertsError> {
        sync_directory_of(&self.target).map_err(|error| not_written(&self.target, error))
    }

    /// Another name for the file that this one is about to replace, if there is one.
    fn keep_previous(&self) -> Result<Option<Kept>, CertsError> {
        let name = beside(&self.target)?;
        match fs::hard_link(&self.target, &name) {
            Ok(()) => Ok(Some(Kept(name))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(not_written(&self.target, error)),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// The second name of a file, removed when dropped.
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        // After it was put back there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
    }
}

/// Puts a key and its certificate in their places, the key first; where the certificate cannot follow,
/// the old key comes back.
///
/// A service that reads between the two steps finds a pair that does not fit, keeps the last one that did,
/// and reads again once the certificate has changed too. Both files are complete by then, so there is
/// nothing between the steps that takes time.
///
/// # Errors
/// As [`Staged::publish`]; where the certificate cannot be put in its place, both files are as they were.
pub(super) fn publish_pair(key: &Staged, certificate: &Staged) -> Result<(), CertsError> {
    let previous = key.keep_previous()?;
    key.put()?;
    certificate.put().inspect_err(|_| {
        // A directory in which neither step can be done is what the error tells of.
        let _ = match &previous {
            Some(previous) => fs::rename(&previous.0, &key.target),
            None => fs::remove_file(&key.target),
        };
    })?;
    key.sync()?;
    certificate.sync()
}

/// Makes a directory that only its owner can enter, if it does not exist.
///
/// # Errors
/// What cannot be made.
pub(super) fn make_private_directory(path: &Path) -> Result<(), CertsError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| not_written(path, error))
}

/// Whether the owner of a file is given the one that replaces it: root, ourselves, the owner of the
/// directory, and anybody where no other than root and ourselves can have put it there.
fn inherits(owner: u32, directory: &Metadata) -> bool {
    let ours = geteuid().as_raw();
    let is_trusted = |user| user == 0 || user == ours;
    let is_closed = is_trusted(directory.uid()) && directory.mode() & 0o022 == 0;
    is_trusted(owner) || owner == directory.uid() || is_closed
}

/// A name in the same directory that nobody has.
fn beside(target: &Path) -> Result<PathBuf, CertsError> {
    let name = target
        .file_name()
        .ok_or_else(|| not_written(target, io::Error::other("it is no name of a file")))?;
    let mut random = [0; 8];
    rand_bytes(&mut random)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{:016x}{TEMPORARY}", u64::from_be_bytes(random)));
    Ok(target.with_file_name(hidden))
}

fn keep_owner(file: &File, existing: &Metadata) -> io::Result<()> {
    let ours = file.metadata()?;
    let (uid, gid) = (existing.uid(), existing.gid());
    if (ours.uid(), ours.gid()) == (uid, gid) {
        return Ok(());
    }
    fchown(file, Some(uid), Some(gid))
}

/// The mode of a new file. A key's is never wider than libpq's rule allows: a group reads it only where
/// root owns it.
fn mode(secrecy: Secrecy, existing: Option<&Metadata>) -> u32 {
    match (secrecy, existing) {
        (Secrecy::Own, _) | (Secrecy::Private, None) => 0o600,
        (Secrecy::Private, Some(existing)) if existing.uid() == 0 => existing.mode() & 0o640,
        (Secrecy::Private, Some(existing)) => existing.mode() & 0o600,
        (Secrecy::Public, None) => 0o644,
        (Secrecy::Public, Some(existing)) => existing.mode() & 0o755,
    }
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn not_written(path: &Path, source: io::Error) -> CertsError {
    CertsError::NotWritten {
        path: path.to_owned(),
        source,
    }
}
