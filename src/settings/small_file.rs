//! Reads small files that variables name, with a bound on their size.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::fault::Fault;
use super::shown_path::shown_path;
use crate::code::ErrorCode;

/// What a file holds, and what it is. Both come from one open file, so that what was looked at is
/// what was read.
pub(crate) struct Content {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) metadata: Metadata,
}

/// Reads a regular file of at most `max` bytes. `variable` is what names it.
pub(crate) fn read_regular(variable: &str, path: &Path, max: u64) -> Result<Content, Fault> {
    read_from(variable, path, max, open_regular(path))
}

/// Reads text from whatever can be read, be it a pipe: this waits until the other end is closed.
pub(super) fn read_any(variable: &str, path: &Path, max: u64) -> Result<Zeroizing<String>, Fault> {
    let content = read_from(variable, path, max, File::open(path))?;
    utf8(variable, path, &content.bytes).map(|text| Zeroizing::new(text.to_owned()))
}

/// Opens without waiting: a pipe that nobody writes to would hold up a thread of the runtime.
fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() {
        Ok(file)
    } else {
        Err(ErrorKind::InvalidInput.into())
    }
}

fn read_from(
    variable: &str,
    path: &Path,
    max: u64,
    file: io::Result<File>,
) -> Result<Content, Fault> {
    let failed = |error| unreadable(variable, path, &error);
    let mut file = file.map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    // Room for the whole file from the start: a buffer that grows would leave copies of a secret
    // behind in freed memory.
    let room = usize::try_from(metadata.len().min(max)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(2)));
    Read::by_ref(&mut file)
        .take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > max {
        let why = format!("is larger than {} KiB", max / 1024);
        let hint = "check that the path is the right one";
        return Err(useless(variable, path, &why, hint));
    }
    Ok(Content { bytes, metadata })
}

/// The text of a file's bytes.
pub(super) fn utf8<'a>(variable: &str, path: &Path, bytes: &'a [u8]) -> Result<&'a str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| {
        let hint = "save the file encoded in UTF-8";
        useless(variable, path, "is not UTF-8", hint)
    })
}

fn unreadable(variable: &str, path: &Path, error: &io::Error) -> Fault {
    let (why, hint) = match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("{variable}: {} does not exist", shown_path(variable, path));
            return Fault::new(
                ErrorCode::FileMissing,
                variable,
                message,
                "give the path as this process sees it: inside a container that is the mount's path",
            );
        }
        ErrorKind::IsADirectory => (
            "is a directory".to_owned(),
            "name the file itself; a missing bind-mount source makes docker create a directory",
        ),
        ErrorKind::InvalidInput => (
            "is not a regular file".to_owned(),
            "name a file, not a pipe or a device: it is read more than once",
        ),
        ErrorKind::PermissionDenied => (
            "cannot be read: permission denied".to_owned(),
            "let the user this process runs as read the file",
        ),
        _ => (
            format!("cannot be read: {error}"),
            "check the path and its mount",
        ),
    };
    useless(variable, path, &why, hint)
}

/// The fault of a file that is there and of no use.
pub(super) fn useless(variable: &str, path: &Path, why: &str, hint: &str) -> Fault {
    let message = format!("{variable}: {} {why}", shown_path(variable, path));
    Fault::new(ErrorCode::FileUnreadable, variable, message, hint)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        for (path, part) in [
            (pipe.as_path(), "is not a regular file"),
            (Path::new("/dev/zero"), "is not a regular file"),
            (directory.path(), "is a directory"),
            (Path::new("/no/such/file"), "does not exist"),
        ] {
            let (send, receive) = mpsc::channel();
            let asked = path.to_owned();
            thread::spawn(move || send.send(read_regular("X", &asked, 9).map(|_| ()).err()));
            let fault = receive.recv_timeout(Duration::from_secs(10));
            let fault = fault.unwrap_or(None);
            let message = fault.map(|fault| fault.message).unwrap_or_default();
            assert!(message.contains(part), "{}: {message}", path.display());
        }
    }

    #[test]
    fn the_metadata_is_that_of_the_bytes_though_the_path_leads_elsewhere_since() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "open to all").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let file = open_regular(&path);
        let private = directory.path().join("private");
        fs::write(&private, "private").unwrap();
        fs::set_permissions(&private, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&private, &path).unwrap();
        let content = read_from("X", &path, 99, file).unwrap();
        assert_eq!(&content.bytes[..], b"open to all");
        assert_eq!(content.metadata.mode() & 0o777, 0o644);
    }

    #[test]
    fn a_password_in_place_of_the_path_of_its_file_is_not_shown() {
        let path = Path::new("hunter2-Secret");
        let fault = read_regular("WA_DB_PASSWORD_FILE", path, 9).err().unwrap();
        assert_eq!(
            fault.message,
            "WA_DB_PASSWORD_FILE: the file named there does not exist"
        );
    }
}
