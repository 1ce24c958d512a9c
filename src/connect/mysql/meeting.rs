//! The private socket on which the driver is met: [`Meeting`].

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// How many others may come before the driver does. The directory keeps all but this user out.
const STRANGERS: usize = 16;

/// A socket that only this process can name, for one connection.
///
/// It lies in a directory that nobody else may enter, and is dialled by the number of this process's
/// descriptor for that directory. A connection's options, which the driver keeps together with the
/// password, so never name a place where somebody else could listen later.
pub(super) struct Meeting {
    listener: UnixListener,
    place: Place,
}

impl Meeting {
    /// Opens it, in the first directory for temporary files that may be written to.
    ///
    /// # Errors
    /// There is none, or no socket can be opened.
    pub(super) fn arrange() -> io::Result<Self> {
        let place = Place::make()?;
        let listener = UnixListener::bind(place.socket())?;
        Ok(Self { listener, place })
    }

    /// What the driver is told to dial.
    pub(super) fn path(&self) -> String {
        self.place.socket()
    }

    /// Waits for the driver; nobody can be met here after it.
    ///
    /// # Cancel Safety
    /// Dropping the future removes the socket.
    pub(super) async fn driver(self) -> io::Result<UnixStream> {
        for _ in 0..STRANGERS {
            let (stream, _) = self.listener.accept().await?;
            let process = stream.peer_cred()?.pid();
            if process.and_then(|id| u32::try_from(id).ok()) == Some(std::process::id()) {
                return Ok(stream);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "other processes came in place of the driver",
        ))
    }
}

/// A directory for one socket, removed with it.
struct Place {
    directory: PathBuf,
    opened: File,
    name: String,
}

impl Place {
    fn make() -> io::Result<Self> {
        let mut failed = io::ErrorKind::NotFound.into();
        for parent in parents() {
            match Self::make_in(&parent) {
                Ok(place) => return Ok(place),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        let directory = parent.join(format!("wa-db-{:032x}", rand::random::<u128>()));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let opened = File::open(&directory).inspect_err(|_| {
            let _ = fs::remove_dir(&directory);
        })?;
        Ok(Self {
            directory,
            opened,
            name: format!("{:032x}", rand::random::<u128>()),
        })
    }

    /// Short enough for any directory, and without a meaning in another process.
    fn socket(&self) -> String {
        format!("/proc/self/fd/{}/{}", self.opened.as_raw_fd(), self.name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Where temporary files may be: the user's own place first.
fn parents() -> impl Iterator<Item = PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    own.filter(|path| path.is_absolute())
        .into_iter()
        .chain([std::env::temp_dir(), PathBuf::from("/dev/shm")])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use tokio::net::UnixStream;

    use super::Meeting;

    #[tokio::test]
    async fn socket_is_private_and_leaves_nothing_behind() {
        let meeting = Meeting::arrange().unwrap();
        let (path, directory) = (meeting.path(), meeting.place.directory.clone());
        let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let (met, dialled) = tokio::join!(meeting.driver(), UnixStream::connect(&path));
        assert!(!directory.exists());
        met.unwrap();
        dialled.unwrap();
        assert!(UnixStream::connect(&path).await.is_err());
    }

    #[tokio::test]
    async fn socket_that_nobody_came_to_is_removed() {
        let meeting = Meeting::arrange().unwrap();
        let directory = meeting.place.directory.clone();
        assert!(std::fs::read_dir(&directory).unwrap().count() == 1);
        drop(meeting.driver());
        assert!(!directory.exists());
    }
}
