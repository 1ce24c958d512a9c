//! The rule about who can read the files of passwords.

use std::path::Path;

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::rules::readers::{Ids, readers, rights};
use crate::audit::severity::Severity;
use crate::settings::{PasswordSource, may_show, shown_path};
use crate::shell;

pub(in crate::audit::rules) const RULES: &[Rule] = &[READABLE];

const READABLE: Rule = Rule {
    id: "account-password-file-readable",
    title: "the file of a password can be read by others",
    severity: Severity::High,
    also: &[Severity::Low, Severity::Medium],
    why: "Whoever reads the password logs in as the service. The rule is that of keys: its owner alone reads the file \
          (0600), or, where root owns it, root's group too (0640). The latter is a low finding: everyone of that \
          group has the password. The password of a key is a medium one, for it takes the key as well. A file that \
          is encrypted with age and the secrets of a container, in /run/secrets, are left alone.",
    fix: "Give the file to the user of the service alone: chown USER FILE, then chmod 0600 FILE. Then set a new \
          password, since the old one may have been read.",
    look: readable,
};

fn readable(seen: &Evidence<'_>) -> Vec<Observation> {
    let settings = seen.settings;
    let of_account = match settings.password() {
        PasswordSource::File(file) => Some(("WA_DB_PASSWORD_FILE", file, Severity::High)),
        PasswordSource::None | PasswordSource::Inline(_) => None,
    };
    let identity = settings.tls().identity.as_ref();
    let of_key = identity.and_then(|files| files.key_password_file.as_ref());
    let of_key = of_key.map(|file| ("WA_DB_SSL_KEY_PASSWORD_FILE", file, Severity::Medium));
    let files = [of_account, of_key].into_iter().flatten();
    let found = files.filter_map(|(variable, file, worst)| {
        // What cannot be read is a fault of the settings.
        let at_rest = file.at_rest().filter(|at_rest| !at_rest.is_guarded())?;
        let (mode, ids) = rights(&at_rest.metadata);
        exposed(variable, file.path(), mode, ids, worst)
    });
    found.collect()
}

/// What is to be said of a file of this mode, owner and group, which others than its owner can read. At worst
/// that is so bad.
fn exposed(
    variable: &str,
    path: &Path,
    mode: u32,
    ids: Ids,
    worst: Severity,
) -> Option<Observation> {
    let (who, severity) = readers(mode, ids)?;
    let owner = ids.0;
    let shown = shown_path(variable, path);
    let evidence = format!("{variable} ({shown}) has mode {mode:04o} and owner {owner}: {who}");
    let path = if may_show(variable, path) {
        shell::word(&shown)
    } else {
        "FILE".to_owned()
    };
    let fix = format!(
        "chown USER {path} && chmod 0600 {path}, USER being that of the service; then set a new password, since this \
         one may have been read"
    );
    Some(Observation::new(evidence, fix).at(severity.min(worst)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::audit::fixtures::{VARIABLES, looked};

    #[test]
    fn file_is_open_to_others_by_its_mode_and_owner() {
        use Severity::{High, Low, Medium};
        for (mode, owner, worst, severity) in [
            (0o600, 1000, High, None),
            (0o400, 0, High, None),
            (0o640, 0, High, Some(Low)),
            (0o640, 1000, High, Some(High)),
            (0o644, 0, High, Some(High)),
            (0o644, 0, Medium, Some(Medium)),
            (0o640, 0, Medium, Some(Low)),
        ] {
            let path = Path::new("/my pw");
            let found = exposed("WA_DB_PASSWORD_FILE", path, mode, (owner, 7), worst);
            let told = found.as_ref().and_then(|found| found.severity);
            assert_eq!(told, severity, "{mode:o} {owner}");
            if let Some(found) = found {
                assert!(found.fix.contains("chmod 0600 '/my pw'"), "{found:?}");
            }
        }
    }

    #[test]
    fn file_that_may_be_the_password_itself_is_not_named() {
        let path = Path::new("hunter2");
        let ids = (1000, 7);
        let found = exposed("WA_DB_PASSWORD_FILE", path, 0o644, ids, Severity::High).unwrap();
        assert!(found.fix.contains("chmod 0600 FILE"), "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }

    #[test]
    fn password_that_lies_in_the_clear_for_others_is_found_and_not_shown() {
        const SECRET: &str = "c4n4ry-hunter2";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        let path = file.to_str().unwrap();
        let variables = [&VARIABLES[..], &[("WA_DB_PASSWORD_FILE", path)]].concat();
        let sealed = "age-encryption.org/v1\n-> X25519 x\n";
        for (content, mode, severity) in [
            (SECRET, 0o600, None),
            (SECRET, 0o644, Some(Severity::High)),
            (sealed, 0o644, None),
        ] {
            fs::write(&file, SECRET).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let found = looked(&READABLE, &variables, |_| {
                // Settings with a file that no identity opens are refused; it may be sealed later.
                fs::write(&file, content).unwrap();
            });
            let told = found.first().and_then(|found| found.severity);
            assert_eq!(told, severity, "{content} {mode:o}");
            for found in &found {
                let start = format!("WA_DB_PASSWORD_FILE ({path}) has mode 0644 and owner ");
                assert!(found.evidence.starts_with(&start), "{found:?}");
                assert!(!format!("{found:?}").contains(SECRET), "{found:?}");
            }
        }
    }
}
