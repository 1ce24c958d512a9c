//! A small child that cleans up after the test process, however that one ends.
//!
//! Nothing in a test process runs when it is killed, and statics are never dropped. So a
//! shell waits for the end of a pipe that only the test process holds; then it ends the
//! server it was told of and removes the directory.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Arguments: the directory, the signal to end the server with.
///
/// A process id may have passed to a stranger since, so one is only ended while it works
/// inside the directory, as each server does.
const SCRIPT: &str = r#"
dir=$1 signal=$2 pid=
trap '' HUP INT TERM
while read -r line; do pid=$line; done
ours() {
    [ -n "$pid" ] || return 1
    case $(readlink "/proc/$pid/cwd") in "$dir"/*) return 0 ;; esac
    return 1
}
gone_within() {
    tries=$1
    while ours; do
        [ "$tries" -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.1
    done
}
if ours; then
    kill -s "$signal" "$pid"
    gone_within 50 || { kill -s KILL "$pid"; gone_within 50; }
fi
rm -rf -- "$dir" || { sleep 1; rm -rf -- "$dir"; }
"#;

#[derive(Debug)]
pub(super) struct Keeper {
    child: Child,
}

impl Keeper {
    /// Starts a keeper that removes the directory once it is dropped or the process is gone.
    pub(super) fn of(directory: &Path, signal: &str) -> Self {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "wa-db-lab-keeper"])
            .arg(directory)
            .arg(signal)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of a Ctrl-C meant for the tests.
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        Self { child }
    }

    /// Names the process to end, or says that there is none any more.
    pub(super) fn watch(&mut self, pid: Option<u32>) {
        let line = pid.map_or(String::new(), |pid| pid.to_string());
        let pipe = self.child.stdin.as_mut().expect("the pipe is ours");
        writeln!(pipe, "{line}").expect("the keeper lives as long as its pipe");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Fails only for a child that was waited for already.
        let _ = self.child.wait();
    }
}
