//! Initialised data directories, made once per server version and copied for each start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::home::{Home, RunAs, set_mode};
use super::programs::{cache, run};

/// Changed whenever the way a template is made changes.
const GENERATION: u32 = 1;

/// Fills the data directory of `home` from the template of that name, which `initialise`
/// makes at the given place if there is none yet.
pub(super) fn copy(
    name: &str,
    home: &Home,
    initialise: impl FnOnce(&Path, RunAs) -> Result<(), String>,
) {
    let template = template(name, *home.user(), initialise);
    let mut copy = Command::new("cp");
    copy.args(["-a", "--reflink=auto"])
        .arg(&template)
        .arg(home.data());
    run(&mut copy, "").unwrap_or_else(|error| panic!("cannot copy a data directory: {error}"));
}

fn template(
    name: &str,
    user: RunAs,
    initialise: impl FnOnce(&Path, RunAs) -> Result<(), String>,
) -> PathBuf {
    let templates = cache().join("templates");
    let wanted = templates.join(format!("{name}-u{}-g{GENERATION}", user.uid()));
    if wanted.exists() {
        return wanted;
    }
    fs::create_dir_all(&templates).expect("the cache can be written");
    let draft = tempfile::Builder::new()
        .prefix(".draft-")
        .tempdir_in(&templates)
        .expect("the cache can be written");
    set_mode(draft.path(), 0o755);
    user.own(draft.path());
    let data = draft.path().join("data");
    initialise(&data, user).unwrap_or_else(|error| panic!("cannot initialise {name}: {error}"));
    // Another process may have been faster; its template is as good.
    if let Err(error) = fs::rename(&data, &wanted) {
        assert!(wanted.exists(), "cannot keep the template {name}: {error}");
    }
    wanted
}
