//! Where the servers' programs are, and how short-lived ones are run.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Engine;
use super::options::Edition;
use crate::run::finish;

/// Where installed and prepared things are kept between runs: `$WA_DB_LAB_CACHE`, else
/// `/var/cache/wa-db-lab` for root (whose servers run as another user, who cannot look into
/// root's home), else `~/.cache/wa-db-lab`. `install.sh` knows the same rule.
pub(super) fn cache() -> PathBuf {
    if let Some(path) = std::env::var_os("WA_DB_LAB_CACHE") {
        return path.into();
    }
    if rustix::process::geteuid().is_root() {
        return "/var/cache/wa-db-lab".into();
    }
    let home = std::env::var_os("HOME").expect("HOME is set");
    Path::new(&home).join(".cache/wa-db-lab")
}

/// A program of PostgreSQL's, of the newest version installed in that edition's place.
pub(super) fn postgres(edition: Edition, name: &str) -> PathBuf {
    let places = match edition {
        Edition::System => vec![PathBuf::from("/usr/lib/postgresql")],
        Edition::Newer => {
            let roots = children(&cache()).into_iter().filter(|root| {
                let name = root.file_name().and_then(OsStr::to_str);
                name.is_some_and(|name| name.starts_with("postgresql-"))
            });
            roots.map(|root| root.join("usr/lib/postgresql")).collect()
        }
    };
    let versions: Vec<_> = places.iter().flat_map(|place| children(place)).collect();
    let found = versions.iter().rev().map(|dir| dir.join("bin").join(name));
    first(name, found)
}

/// A program of MariaDB's.
pub(super) fn mariadb(name: &str) -> PathBuf {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    first(name, places.iter().map(|dir| Path::new(dir).join(name)))
}

/// The directory MySQL was unpacked into.
pub(super) fn mysql_root() -> PathBuf {
    let roots = children(&cache());
    let mysqld = roots.iter().rev().map(|root| root.join("bin/mysqld"));
    let mysqld = mysqld.filter(|path| path.starts_with(cache()));
    let bin = first("mysqld", mysqld);
    let root = bin.parent().and_then(Path::parent);
    root.expect("the program lies two levels down").to_owned()
}

/// The engine's own client program.
pub fn client_program(engine: Engine) -> PathBuf {
    match engine {
        Engine::Postgres => postgres(Edition::System, "psql"),
        Engine::MariaDb => mariadb("mariadb"),
        Engine::MySql => mysql_root().join("bin/mysql"),
    }
}

/// A `psql` that speaks TLS from the first byte on (`sslnegotiation=direct`).
pub fn newer_psql() -> PathBuf {
    postgres(Edition::Newer, "psql")
}

/// The version a server program prints.
pub(super) fn version_of(program: &Path) -> String {
    let printed = run(
        Command::new(program).args(["--no-defaults", "--version"]),
        "",
    )
    .or_else(|_| run(Command::new(program).arg("--version"), ""));
    let printed = printed.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    // The word after it names the distribution's own revision: `9.7.4-2`, `15.18 (Debian …)`.
    let mut words = printed.split_whitespace();
    let version = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let version = version.and_then(|word| word.split('-').next());
    version.expect("a version has a number").to_owned()
}

/// Runs a program to its end with this input; what it printed, or its complaint.
pub(super) fn run(command: &mut Command, input: &str) -> Result<String, String> {
    let finished = finish(command, input, Duration::from_secs(60))?;
    if finished.code == Some(0) {
        Ok(finished.stdout)
    } else {
        Err(finished.stdout + &finished.stderr)
    }
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn first(name: &str, places: impl Iterator<Item = PathBuf>) -> PathBuf {
    let mut found = places.filter(|path| path.exists());
    found
        .next()
        .unwrap_or_else(|| panic!("{name} is not installed: run tests/lab/install.sh"))
}
