//! Rules about who can read and replace the files of keys and CAs.

mod writers;

use std::fs;
use std::path::Path;

use self::writers::{Writable, Writers, writable_on_the_way};
use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::rules::readers::{Ids, readers, rights};
use crate::audit::severity::Severity;
use crate::settings::shown_path;
use crate::shell;

pub(super) const RULES: &[Rule] = &[KEY_READABLE, KEY_DIRECTORY_WRITABLE, CA_WRITABLE];

const KEY: &str = "WA_DB_SSL_KEY";

const KEY_READABLE: Rule = Rule {
    id: "cert-key-readable",
    title: "the client's key can be read by others",
    severity: Severity::High,
    also: &[Severity::Low],
    why: "Whoever reads the key can log in as the service where the server goes by certificates. libpq's rule is \
          kept here: only a key that its owner alone can read (0600) is used, or one of root that root's group \
          can read too (0640). The latter is a low finding: everyone of that group has the key.",
    fix: "Give the key to the user of the service alone: chown USER FILE, then chmod 0600 FILE.",
    look: key_readable,
};

const KEY_DIRECTORY_WRITABLE: Rule = Rule {
    id: "cert-key-directory-writable",
    title: "others can replace the client's key",
    severity: Severity::High,
    also: &[Severity::Low, Severity::Medium],
    why: "Who may write to a directory may rename what is in it, whatever the files' own modes, and put something \
          else in its place: the key need not be readable for that. Where only a group may write, or an owner \
          who is neither root nor the user that runs this, it is a medium finding. A directory such as /tmp, where everyone may write but only owners may remove (the sticky \
          bit), counts only where the key lies directly in it, as a low finding: whoever is first there when the \
          key is missing decides what it is.",
    fix: "Take the right to write from group and others, in every directory on the way: chmod go-w DIRECTORY.",
    look: key_directory_writable,
};

const CA_WRITABLE: Rule = Rule {
    id: "cert-ca-writable",
    title: "others can change whom the service trusts",
    severity: Severity::High,
    also: &[Severity::Low, Severity::Medium],
    why: "Who can change the file of WA_DB_SSL_CA, or replace it in one of the directories above it, adds a CA of \
          their own and can then pass for the server. Who can do so with WA_DB_SSL_CRL makes a stolen certificate \
          good again. Where only a group may write, or an owner who is neither root nor the user that runs this, it \
          is a medium finding.",
    fix: "Take the right to write from group and others: chmod go-w FILE, and the same of every directory above.",
    look: ca_writable,
};

fn key_readable(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(files) = &seen.settings.tls().identity else {
        return Vec::new();
    };
    let Ok(metadata) = fs::metadata(&files.key) else {
        return Vec::new();
    };
    let (mode, ids) = rights(&metadata);
    let found = exposed(&shown_path(KEY, &files.key), mode, ids);
    found.into_iter().collect()
}

/// What is to be said of a key of this mode, owner and group, which others than its owner can read.
fn exposed(path: &str, mode: u32, ids: Ids) -> Option<Observation> {
    let (who, severity) = readers(mode, ids)?;
    let owner = ids.0;
    let evidence = format!("{KEY} ({path}) has mode {mode:04o} and owner {owner}: {who}");
    let path = shell::word(path);
    let fix = format!("chown USER {path} && chmod 0600 {path}, USER being that of the service");
    Some(Observation::new(evidence, fix).at(severity))
}

fn key_directory_writable(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(files) = &seen.settings.tls().identity else {
        return Vec::new();
    };
    let found = writable_on_the_way(&files.key).into_iter();
    // Its own mode is another rule's; its owner is not.
    let told_here = found.filter(|found| found.is_directory || found.by == Writers::Owner);
    told_here
        .map(|found| told(KEY, &files.key, &found))
        .collect()
}

fn ca_writable(seen: &Evidence<'_>) -> Vec<Observation> {
    let tls = seen.settings.tls();
    let named = [("WA_DB_SSL_CA", &tls.ca), ("WA_DB_SSL_CRL", &tls.crl)];
    let named = named.into_iter();
    let paths = named.filter_map(|(variable, path)| Some((variable, path.as_deref()?)));
    paths
        .flat_map(|(variable, path)| {
            let found = writable_on_the_way(path).into_iter();
            found.map(move |found| told(variable, path, &found))
        })
        .collect()
}

fn told(variable: &str, path: &Path, found: &Writable) -> Observation {
    let path = shown_path(variable, path);
    let place = shown_path(variable, &found.path);
    let (by, mode, owner) = (found.by.as_str(), found.mode, found.owner);
    let evidence = format!(
        "{place}, on the way to {variable} ({path}), has mode {mode:04o} and owner {owner}: {by} may write there"
    );
    let fix = match (found.by, found.severity) {
        (Writers::Owner, _) => format!(
            "chown root {place}; where user {owner} is that of the service, have it run the audit instead"
        ),
        (_, Severity::Low) => format!(
            "move the file to a directory of its own, such as one made by: install -d -m 0755 DIRECTORY; then point {variable} there"
        ),
        _ => format!("chmod go-w {}", shell::word(&place)),
    };
    Observation::new(evidence, fix).at(found.severity)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use wa_db_lab::pki::{Ca, Leaf};

    use super::super::fixtures::{Scene, db, only};
    use super::*;

    fn scene() -> Scene {
        let ca = Ca::root("root");
        let client = ca.issue(&Leaf::client().cn("app"));
        let scene = Scene::verified(&ca, &ca.issue(&db())).client(&client);
        scene.list(&ca.crl_pem(&[]))
    }

    fn change(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_open_to_others_by_its_mode_and_owner() {
        for (mode, owner, severity) in [
            (0o600, 1000, None),
            (0o400, 0, None),
            (0o640, 0, Some(Severity::Low)),
            (0o440, 0, Some(Severity::Low)),
            (0o640, 1000, Some(Severity::High)),
            (0o660, 0, Some(Severity::High)),
            (0o644, 0, Some(Severity::High)),
            (0o602, 1000, Some(Severity::High)),
        ] {
            let found = exposed("/key", mode, (owner, 7));
            let told = found.as_ref().and_then(|found| found.severity);
            assert_eq!(told, severity, "{mode:o} {owner}");
        }
        let low = exposed("/key", 0o640, (0, 7)).unwrap();
        let evidence =
            "WA_DB_SSL_KEY (/key) has mode 0640 and owner 0: everyone of group 7 can read it";
        assert_eq!(low.evidence, evidence);
        assert!(low.fix.contains("chmod 0600 /key"), "{low:?}");
        let spaced = exposed("/my key", 0o644, (1000, 7)).unwrap();
        assert!(spaced.fix.contains("chmod 0600 '/my key'"), "{spaced:?}");
    }

    #[test]
    fn a_key_that_was_opened_to_others_since_it_was_loaded_is_told_of() {
        let scene = scene();
        assert_eq!(scene.look(&KEY_READABLE), []);
        let key = scene.path("client.key");
        let seen = scene.look_after(&KEY_READABLE, || change(&key, 0o644));
        assert_eq!(only(seen).severity, Some(Severity::High));
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_told_for_the_key_and_for_what_is_trusted() {
        for (mode, severity) in [
            (0o755, None),
            (0o775, Some(Severity::Medium)),
            (0o777, Some(Severity::High)),
            (0o1777, Some(Severity::Low)),
        ] {
            for (rule, files) in [(&KEY_DIRECTORY_WRITABLE, 1), (&CA_WRITABLE, 2)] {
                let scene = scene();
                change(&scene.path(""), mode);
                let seen = scene.look(rule);
                let found: Vec<_> = seen.iter().filter_map(|seen| seen.severity).collect();
                let expected = severity.map_or(Vec::new(), |severity| vec![severity; files]);
                assert_eq!(found, expected, "{mode:o} {}: {seen:?}", rule.id);
            }
        }
    }

    #[test]
    fn a_file_that_others_may_write_to_is_told_with_its_variable() {
        for (file, variable) in [("ca.pem", "WA_DB_SSL_CA"), ("crl.pem", "WA_DB_SSL_CRL")] {
            let scene = scene();
            assert_eq!(scene.look(&CA_WRITABLE), []);
            for (mode, severity) in [(0o664, Severity::Medium), (0o646, Severity::High)] {
                change(&scene.path(file), mode);
                let observation = only(scene.look(&CA_WRITABLE));
                assert_eq!(observation.severity, Some(severity));
                assert!(observation.evidence.contains(variable), "{observation:?}");
                assert!(observation.fix.ends_with(file), "{observation:?}");
            }
        }
    }
}
