//! Reports as lines of a file: [`FileSink`].

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::breach::Report;
use super::channel::{Sink, Undelivered};
use super::document;
use crate::settings::shown_path;

const VARIABLE: &str = "WA_DB_SSL_REPORT_FILE";

/// How large the file may grow. It is not ours to rotate, and whoever answers in a server's place must
/// not fill a disk.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The file of `WA_DB_SSL_REPORT_FILE`. It is opened anew for each report, so that a rotated file
/// is let go.
#[derive(Clone, Debug)]
pub(super) struct FileSink {
    path: PathBuf,
}

impl FileSink {
    /// The sink of this path; nothing is opened yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Sink for FileSink {
    const NAME: &'static str = "file";
    const VARIABLE: &'static str = VARIABLE;

    async fn deliver(&self, report: &Report) -> Result<(), Undelivered> {
        let mut line =
            document::json(report).map_err(|error| Undelivered::Never(error.to_string()))?;
        line.push(b'\n');
        let path = self.path.clone();
        // A file may lie on a disk that is slow or gone, which must not hold up the runtime.
        let writing = tokio::task::spawn_blocking(move || append(&path, &line));
        writing
            .await
            .unwrap_or_else(|error| Err(Undelivered::Never(error.to_string())))
    }
}

/// Appends a line in one write, so that lines of several processes do not mix.
fn append(path: &Path, line: &[u8]) -> Result<(), Undelivered> {
    let shown = shown_path(VARIABLE, path);
    let failed = |error: io::Error| {
        let why = format!("{shown} cannot be written: {error}");
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::Interrupted => {
                Undelivered::Perhaps(why)
            }
            _ => Undelivered::Never(why),
        }
    };
    let mut file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if let Some(why) = objection(&metadata) {
        return Err(Undelivered::Never(format!("{shown} {why}")));
    }
    if metadata.len().saturating_add(line.len() as u64) > MOST_BYTES {
        return Err(Undelivered::Never(format!(
            "{shown} has grown to {} MiB: rotate it, or move it away",
            MOST_BYTES / 1024 / 1024
        )));
    }
    match file.write(line).map_err(failed)? {
        written if written == line.len() => Ok(()),
        _ => Err(Undelivered::Never(format!(
            "{shown} took only a part of the line"
        ))),
    }
}

/// Opens for appending, without following a link that somebody else may have laid and without
/// waiting for the reader of a pipe.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// Why a file that was there before is not written to.
fn objection(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        return Some("is not a regular file");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Some("belongs to another user: give the path of a file of our own");
    }
    if metadata.mode() & 0o077 != 0 {
        return Some("can be read or written by others: chmod it to 0600");
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use serde_json::Value;
    use wa_db_lab::pki::Ca;

    use super::*;
    use crate::code::ErrorCode;
    use crate::wire::report::fixtures;

    fn report() -> Report {
        fixtures::report(&Ca::root("Lab CA"), ErrorCode::PinMismatch, true).0
    }

    #[tokio::test]
    async fn each_report_is_a_line_of_a_file_for_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports.jsonl");
        let sink = FileSink::new(path.clone());
        for _ in 0..2 {
            sink.deliver(&report()).await.unwrap();
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n'));
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["code"], "pin_mismatch");
        }
    }

    #[tokio::test]
    async fn a_file_that_was_rotated_away_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports.jsonl");
        let sink = FileSink::new(path.clone());
        sink.deliver(&report()).await.unwrap();
        fs::rename(&path, directory.path().join("reports.jsonl.1")).unwrap();
        sink.deliver(&report()).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[tokio::test]
    async fn a_file_that_has_grown_to_its_bound_is_left_as_it_is_until_it_is_rotated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports.jsonl");
        let sink = FileSink::new(path.clone());
        sink.deliver(&report()).await.unwrap();
        let line = fs::metadata(&path).unwrap().len();
        let grow = |length| {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
        };
        // Lines are not all of one length: their dates end in more or fewer digits.
        for (length, takes) in [
            (MOST_BYTES - 2 * line, true),
            (MOST_BYTES - line / 2, false),
        ] {
            grow(length);
            let outcome = sink.deliver(&report()).await;
            assert_eq!(outcome.is_ok(), takes, "{outcome:?}");
            if let Err(outcome) = outcome {
                assert!(matches!(outcome, Undelivered::Never(why) if why.contains("16 MiB")));
                assert_eq!(fs::metadata(&path).unwrap().len(), length);
            }
        }
        fs::rename(&path, directory.path().join("reports.jsonl.1")).unwrap();
        sink.deliver(&report()).await.unwrap();
    }

    #[tokio::test]
    async fn links_pipes_and_files_that_others_may_use_are_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, mode) in [("readable", 0o640), ("writable", 0o602)] {
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::write(at("target"), "").unwrap();
        fs::set_permissions(at("target"), Permissions::from_mode(0o600)).unwrap();
        symlink(at("target"), at("link")).unwrap();
        let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        for (name, part) in [
            ("readable", "can be read or written by others"),
            ("writable", "can be read or written by others"),
            ("link", "cannot be written"),
            ("pipe", "cannot be written"),
            ("missing/reports", "cannot be written"),
            ("", "cannot be written"),
        ] {
            let outcome = FileSink::new(at(name)).deliver(&report()).await;
            let Err(Undelivered::Never(why)) = outcome else {
                unreachable!("{name}: {outcome:?}");
            };
            assert!(why.contains(part), "{name}: {why}");
            if let Ok(metadata) = fs::metadata(at(name)) {
                assert!(metadata.is_dir() || metadata.len() == 0, "{name}");
            }
        }
        let null = FileSink::new("/dev/null".into()).deliver(&report()).await;
        assert!(matches!(null, Err(Undelivered::Never(why)) if why.contains("regular file")));
    }
}
