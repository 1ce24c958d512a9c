//! A Unix socket to listen on: made over what a dead process left behind, removed in the end.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, open};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

/// Owner and group may connect; who they are is asked of each client besides.
const MODE: u32 = 0o660;
/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;
/// How long another start in the same directory may take.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// A socket that is listened on, and its file.
#[derive(Debug)]
pub(super) struct BoundSocket {
    pub(super) listener: UnixListener,
    file: SocketFile,
}

impl BoundSocket {
    /// Listens at this path.
    ///
    /// # Errors
    /// `AddrInUse`: it is listened on; `AlreadyExists`: something else is at the path; `InvalidData`:
    /// anyone could put another file there; or what the system says.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        // One start at a time, lest one removes what the other has just made and does not listen on yet.
        let _turn = turn(directory)?;
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        // The file is never open to more, not even for the moment after its making.
        fchmod(&socket, Mode::from_raw_mode(MODE))?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::of(path)?;
        socket.listen(BACKLOG)?;
        let listener = UnixListener::from_std(socket.into())?;
        Ok(Self { listener, file })
    }

    /// The group whose members may connect, where it is just that of the tunnel itself: nobody has
    /// chosen it for clients.
    pub(super) fn group_of_ours(&self) -> Option<u32> {
        let directory = self.file.path.parent()?;
        let chosen = fs::metadata(directory).is_ok_and(|metadata| metadata.mode() & 0o2000 != 0);
        let ours = rustix::process::getegid().as_raw();
        (self.file.group == ours && !chosen).then_some(ours)
    }
}

/// The file of a socket of ours; dropping removes it, unless another took its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    group: u32,
}

impl SocketFile {
    /// The file that was just made, with the mode that it is to have. The umask may have taken from it.
    fn of(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = File::from(open(path, flags, Mode::empty())?);
        let metadata = handle.metadata()?;
        let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.file_type().is_socket() || !is_ours {
            return Err(another("another file was put in the place of the socket"));
        }
        if metadata.mode() & 0o777 != MODE {
            // By the handle: the path could be another's by now.
            let handle = format!("/proc/self/fd/{}", handle.as_raw_fd());
            fs::set_permissions(handle, fs::Permissions::from_mode(MODE))?;
        }
        Ok(Self {
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
            group: metadata.gid(),
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

/// Waits for other starts in a directory, which must be one where nobody can replace our files.
fn turn(directory: &Path) -> io::Result<File> {
    let directory = File::open(directory)?;
    let mode = directory.metadata()?.mode();
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        let why = "its directory lets every user replace files";
        return Err(io::Error::new(ErrorKind::InvalidData, why));
    }
    let start = Instant::now();
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(directory),
            Err(_) if start.elapsed() < PATIENCE => sleep(PAUSE),
            Err(error) => return Err(error.into()),
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
    if !metadata.file_type().is_socket() {
        return Err(another("the path holds something that is no socket"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(another("the path holds a socket of another user"));
    }
    // Where the queue is full it does not wait: somebody has to be there.
    let probe = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::Error::new(
            ErrorKind::AddrInUse,
            "another process listens there",
        )),
    }
}

fn another(why: &str) -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, why.to_owned())
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
    #[tokio::test]
    async fn directory_where_anyone_replaces_files_is_refused_and_a_sticky_one_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let set = |mode| {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        };
        set(0o777);
        assert_eq!(
            BoundSocket::bind(&path).unwrap_err().kind(),
            ErrorKind::InvalidData
        );
        assert!(!path.exists());
        set(0o1777);
        BoundSocket::bind(&path).unwrap();
    }

    #[tokio::test]
    async fn full_queue_does_not_hold_up_a_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let address = SockAddr::unix(&path).unwrap();
        let busy = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        busy.bind(&address).unwrap();
        busy.listen(0).unwrap();
        let client = || Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).unwrap();
        let mut queue = Vec::new();
        let full = loop {
            let next = client();
            match next.connect(&address) {
                Ok(()) => queue.push(next),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        assert_eq!(
            BoundSocket::bind(&path).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
    }

    #[tokio::test]
    async fn of_two_that_start_together_one_listens_and_keeps_its_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        for _ in 0..20 {
            drop(StdUnixListener::bind(&path).unwrap());
            let start = || async { BoundSocket::bind(&path) };
            let runtime = tokio::runtime::Handle::current();
            let mut bound: Vec<_> = std::thread::scope(|scope| {
                let threads = [(); 2].map(|()| scope.spawn(|| runtime.block_on(start())));
                threads.map(|thread| thread.join().unwrap()).into()
            });
            bound.retain(Result::is_ok);
            assert_eq!(bound.len(), 1);
            std::os::unix::net::UnixStream::connect(&path).unwrap();
        }
    }
}
