//! What lies in a directory of certificates and keys, and what is wrong with it: [`take_inventory`].

mod rules;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use serde::Serialize;

use self::rules::Rules;
use super::described::{Described, FileContent, certificates, private_key};
use super::files::TEMPORARY;
use crate::failure::printable;
use crate::settings::{Fault, require_private};
use crate::shell;
use crate::tls::pem;

const CA: &str = "ca.pem";

/// The bits of a mode by which others than the owner write.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// What was found in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Inventory {
    /// Each file that holds a certificate or a key, by name.
    pub(crate) files: Vec<Entry>,
    /// What is wrong with the directory itself.
    pub(crate) problems: Vec<Problem>,
}

/// A file of certificates or of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Its name in the directory.
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) content: FileContent,
    /// The file that holds the key of its first certificate.
    pub(crate) key_file: Option<String>,
    /// The files whose first certificate its key belongs to.
    pub(crate) certificate_files: Vec<String>,
    pub(crate) problems: Vec<Problem>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It does not work, or is not safe.
    Wrong,
    /// To be known.
    Warning,
}

/// Something that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) verdict: Verdict,
    /// A word for programs: an error code where there is one for it.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Problem {
    fn wrong(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Wrong,
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    fn warning(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            ..Self::wrong(code, message, hint)
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::wrong(fault.code.as_str(), fault.message, fault.hint)
    }
}

impl Inventory {
    /// Whether anything is wrong.
    pub(crate) fn is_wrong(&self) -> bool {
        let files = self.files.iter().flat_map(|entry| &entry.problems);
        let mut all = files.chain(&self.problems);
        all.any(|problem| problem.verdict == Verdict::Wrong)
    }
}

/// A file with what it really holds.
struct Held {
    name: String,
    path: PathBuf,
    certificates: Vec<X509>,
    key: Option<PKey<Private>>,
    problems: Vec<Problem>,
}

/// Looks at every file of a directory. `ca` is the file to trust, by default the directory's own; fewer
/// than `min_days` left are wrong.
///
/// # Errors
/// A directory that cannot be read.
pub(crate) fn take_inventory(
    directory: &Path,
    ca: Option<&Path>,
    min_days: u32,
) -> Result<Inventory, std::io::Error> {
    let mut inventory = Inventory::default();
    let mode = fs::metadata(directory)?.mode();
    // Where the sticky bit is set, nobody replaces the files of others.
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        inventory.problems.push(Problem::wrong(
            "directory_permissions",
            format!(
                "{} can be written by others, who could replace any key in it",
                directory.display()
            ),
            format!("run: chmod go-w {}", in_a_command(directory)),
        ));
    }
    let mut held = Vec::new();
    for path in paths(directory)? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') {
            if name.ends_with(TEMPORARY) {
                inventory.problems.push(left_behind(&path));
            }
            continue;
        }
        held.extend(hold(&path, name));
    }
    let own = directory.join(CA);
    let trusted = match read_roots(ca.unwrap_or(&own)) {
        Ok(trusted) => trusted,
        Err(problem) => {
            inventory.problems.push(problem);
            Vec::new()
        }
    };
    let rules = Rules {
        trusted: &trusted,
        min_days,
        held: &held,
    };
    inventory.files = held.iter().map(|file| entry(file, &held, &rules)).collect();
    Ok(inventory)
}

fn paths(directory: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn left_behind(path: &Path) -> Problem {
    Problem::warning(
        "left_behind",
        format!(
            "{} was left behind when something was interrupted, and may hold a key",
            path.display()
        ),
        format!("run: rm {}", in_a_command(path)),
    )
}

/// Reads a file; `None` for one that is none of ours.
fn hold(path: &Path, name: String) -> Option<Held> {
    let mut held = Held {
        name,
        path: path.to_owned(),
        certificates: Vec::new(),
        key: None,
        problems: Vec::new(),
    };
    let content = match pem::read(&held.name, path) {
        Ok(content) => content,
        Err(fault) => return is_ours_by_name(path).then(|| held.with(fault)),
    };
    match certificates(&held.name, path, &content.bytes) {
        Ok(certificates) => held.certificates = certificates,
        Err(fault) => held.problems.push(fault.into()),
    }
    match private_key(&held.name, path, &content.bytes) {
        Ok(key) => held.key = key,
        Err(fault) => held.problems.push(fault.into()),
    }
    let is_secret = held.key.is_some() || pem::holds_private_key(&content.bytes);
    if is_secret && let Err(fault) = require_private(&held.name, path, &content.metadata) {
        held.problems.push(fault.into());
    }
    if !is_secret && !held.certificates.is_empty() && content.metadata.mode() & OTHERS_WRITE != 0 {
        held.problems.push(Problem::wrong(
            "file_permissions",
            format!("{} can be written by others", path.display()),
            format!("run: chmod go-w {}", in_a_command(path)),
        ));
    }
    let is_empty = held.certificates.is_empty() && held.key.is_none() && held.problems.is_empty();
    if !is_empty {
        return Some(held);
    }
    // Other things that lie beside certificates: lists, requests, public keys.
    if !is_ours_by_name(path) || !pem::blocks(&content.bytes).is_empty() {
        return None;
    }
    let fault = super::described::holds_no(&held.name, path, "certificate and no key");
    Some(held.with(fault))
}

impl Held {
    fn with(mut self, fault: Fault) -> Self {
        self.problems.push(fault.into());
        self
    }

    /// Whether its key is that of a certificate.
    fn is_key_of(&self, certificate: &X509) -> bool {
        let key = self.key.as_ref();
        key.is_some_and(|key| {
            certificate
                .public_key()
                .is_ok_and(|public| public.public_eq(key))
        })
    }
}

/// A path as one word of a command; a name with control characters in it is shown, and cannot be pasted.
fn in_a_command(path: &Path) -> String {
    printable(&shell::word(&path.to_string_lossy()))
}

fn is_ours_by_name(path: &Path) -> bool {
    let endings = ["pem", "crt", "cer", "key", "der"];
    path.extension().is_some_and(|ending| {
        endings
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

fn read_roots(path: &Path) -> Result<Vec<X509>, Problem> {
    let none = || {
        Problem::wrong(
            "ca_empty",
            format!(
                "there is no CA certificate in {}: what was issued by whom cannot be told",
                path.display()
            ),
            "name the CA's certificate with --ca FILE, or copy it there as ca.pem",
        )
    };
    let content = pem::read("--ca", path).map_err(|_| none())?;
    let roots = certificates("--ca", path, &content.bytes)?;
    if roots.is_empty() {
        Err(none())
    } else {
        Ok(roots)
    }
}

fn entry(file: &Held, all: &[Held], rules: &Rules<'_>) -> Entry {
    let leaf = file.certificates.first();
    let key_file = leaf.and_then(|leaf| all.iter().find(|other| other.is_key_of(leaf)));
    let certificate_files = all.iter().filter(|other| {
        let leaf = other.certificates.first();
        leaf.is_some_and(|leaf| file.is_key_of(leaf))
    });
    let certificate_files: Vec<_> = certificate_files.map(|other| other.name.clone()).collect();
    let mut problems = file.problems.clone();
    problems.extend(rules.of(file, key_file, &certificate_files));
    Entry {
        file: file.name.clone(),
        content: FileContent {
            certificates: file
                .certificates
                .iter()
                .map(|certificate| Described::of(certificate))
                .collect(),
            key: file
                .key
                .as_ref()
                .and_then(|key| super::described::describe_key(key, true)),
        },
        key_file: key_file.map(|held| held.name.clone()),
        certificate_files,
        problems,
    }
}
