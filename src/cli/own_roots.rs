//! A check or a monitor that trusts only `WA_DB_SSL_CA` starts over without the system's certificate store:
//! [`start_over`].
//!
//! native-tls reads the whole store twice for each connector, also where only roots of our own are
//! trusted and it drops the store right afterwards: 34 ms with Debian's 140 certificates, three times as
//! long as the rest of a check takes. OpenSSL and native-tls look for the store where `SSL_CERT_FILE`
//! says, so a process that was started with an empty file there is spared that. A running process
//! cannot change its own environment soundly, hence the second start, which takes 2 ms.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::args::ScopeArgs;
use super::scope::Scope;
use crate::settings::Settings;

/// Where OpenSSL and native-tls look for the system's store: a file, and a directory that they list.
const STORE: &str = "SSL_CERT_FILE";
const STORE_DIRECTORY: &str = "SSL_CERT_DIR";
/// Neither holds certificates. As a file it also tells the second start from the first.
const EMPTY: &str = "/dev/null";

/// Replaces this process by itself without the system's store, if no role trusts that.
///
/// Returns where that is not so, or cannot be done: then everything works as well, only slower.
pub(super) fn start_over(args: &ScopeArgs) {
    let is_second = env::var_os(STORE).is_some_and(|store| store == EMPTY);
    if is_second || !can_be_read_again(&args.file.env_file) {
        return;
    }
    let Some(program) = itself() else { return };
    if !trusts_own_roots_only(args) {
        return;
    }
    let mut words = env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    // What comes back is an error, and there is a process left to do the work.
    let _ = command
        .args(words)
        .env(STORE, EMPTY)
        .env(STORE_DIRECTORY, EMPTY)
        .exec();
}

/// Whether every role has a CA of its own. Faults are left to the command, which tells them.
fn trusts_own_roots_only(args: &ScopeArgs) -> bool {
    Scope::read(args).is_ok_and(|scope| {
        scope.roles.iter().all(|role| {
            Settings::from_environment(*role, &scope.environment).is_ok_and(|settings| {
                let tls = settings.tls();
                // Whoever takes the reports is verified by the system's store.
                tls.ca.is_some() && tls.reports.uri.is_none()
            })
        })
    })
}

/// A pipe gives what it holds only once.
fn can_be_read_again(env_files: &[PathBuf]) -> bool {
    env_files.iter().all(|file| file.is_file())
}

/// The running program, unless it was started by another one in its place, such as a dynamic linker
/// that was called by its own name.
fn itself() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let called = env::args_os().next()?;
    (program.file_name() == Path::new(&called).file_name()).then_some(program)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use super::can_be_read_again;

    #[test]
    fn an_env_file_that_is_no_file_is_not_read_twice() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let file = file.path().to_owned();
        let pipe = PathBuf::from("/dev/null");
        assert!(can_be_read_again(&[]));
        assert!(can_be_read_again(std::slice::from_ref(&file)));
        assert!(!can_be_read_again(std::slice::from_ref(&pipe)));
        assert!(!can_be_read_again(&[file, pipe]));
        assert!(!can_be_read_again(&["/no/such/file".into()]));
    }
}
