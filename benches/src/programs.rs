//! The programs that are measured or that measure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command that prints nothing and knows nothing of our environment.
pub(crate) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// `$WA_DB_BIN`, else the `wa-db` that was built beside this program.
pub(crate) fn wa_db() -> PathBuf {
    let given = std::env::var_os("WA_DB_BIN").map(PathBuf::from);
    let own = std::env::current_exe().expect("a program knows where it is");
    let program = given.unwrap_or_else(|| own.with_file_name("wa-db"));
    assert!(
        program.exists(),
        "{} is not built: run cargo build --release --package wa-db",
        program.display()
    );
    program
}

/// A program of PostgreSQL itself: what Debian has in its path is a script that looks for it.
pub(crate) fn postgres(name: &str) -> PathBuf {
    newest("/usr/lib/postgresql", &format!("bin/{name}"))
}

/// The client that was unpacked beside the lab's MySQL.
pub(crate) fn mysql() -> PathBuf {
    let cache = std::env::var("WA_DB_LAB_CACHE").unwrap_or("/var/cache/wa-db-lab".to_owned());
    newest(&cache, "bin/mysql")
}

fn newest(directory: &str, program: &str) -> PathBuf {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path().join(program));
    let newest = found.filter(|path| path.exists()).max();
    newest.unwrap_or_else(|| panic!("there is no {program} below {directory}"))
}
