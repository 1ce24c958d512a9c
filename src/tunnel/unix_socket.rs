//! A Unix socket to listen on: made over what a dead process left behind, removed in the end.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Owner and group may connect; who they are is asked of each client besides.
const MODE: u32 = 0o660;

/// A socket that is listened on, and its file.
#[derive(Debug)]
pub(super) struct BoundSocket {
    pub(super) listener: UnixListener,
    _file: SocketFile,
}

impl BoundSocket {
    /// Listens at this path.
    ///
    /// # Errors
    /// Something else is at the path: no socket, another user's, or one that is listened on.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let file = SocketFile::of(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        Ok(Self {
            listener,
            _file: file,
        })
    }
}

/// The file of a socket of ours; dropping removes it, unless another took its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if is_ours {
            // What cannot be removed is found to be stale by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket of our own user that nobody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let taken = |why: &str| Err(io::Error::new(ErrorKind::AddrInUse, why.to_owned()));
    if !metadata.file_type().is_socket() {
        return taken("the path holds something that is no socket");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return taken("the path holds a socket of another user");
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => taken("another process listens there"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::net::UnixListener as StdUnixListener;

    use super::*;

    #[tokio::test]
    async fn socket_of_a_dead_process_is_replaced_and_the_own_one_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(StdUnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a dead process leaves its file");
        let bound = BoundSocket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, MODE);
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_in_use_or_no_socket_stays_untouched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let living = StdUnixListener::bind(&path).unwrap();
        assert_eq!(
            BoundSocket::bind(&path).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        drop(living);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(BoundSocket::bind(&link).is_err(), "a link is not followed");
        let file = directory.path().join("file");
        fs::write(&file, "content").unwrap();
        assert!(BoundSocket::bind(&file).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "content");
    }

    #[tokio::test]
    async fn socket_that_another_put_in_place_of_ours_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let bound = BoundSocket::bind(&path).unwrap();
        // The new one is made while the old one exists, so that they cannot share a number.
        let other = directory.path().join("other");
        let _living = StdUnixListener::bind(&other).unwrap();
        fs::rename(&other, &path).unwrap();
        drop(bound);
        assert!(path.exists());
    }
}
