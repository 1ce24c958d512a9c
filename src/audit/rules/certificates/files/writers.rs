//! Who besides root and ourselves may change what a path leads to: [`writable_on_the_way`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::geteuid;

use crate::audit::severity::Severity;

/// The most symbolic links that Linux follows for one path.
const MOST_LINKS: usize = 40;

/// A file or directory that others than root and ourselves may write to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Writable {
    pub(super) path: PathBuf,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) is_directory: bool,
    pub(super) by: Writers,
    pub(super) severity: Severity,
}

/// Who may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    /// Who owns it, being neither root nor ourselves: the mode is theirs to change.
    Owner,
    Group,
    Everyone,
}

impl Writers {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "its owner",
            Self::Group => "its group",
            Self::Everyone => "everyone",
        }
    }
}

/// Something that a path leads through, or to.
struct Step {
    mode: u32,
    owner: u32,
    is_directory: bool,
    /// Whether it is a directory which has the file, or a link to it, directly in it.
    holds_it: bool,
    is_read_only: bool,
}

/// What others may write to of a file, the directories above it, and those above each symbolic link that
/// leads to it. What cannot be looked at is passed over, and nothing else.
pub(super) fn writable_on_the_way(path: &Path) -> Vec<Writable> {
    let ours = geteuid().as_raw();
    let steps = steps(path).into_iter();
    steps
        .filter_map(|(path, step)| {
            let (by, severity) = judge(&step, ours)?;
            Some(Writable {
                path,
                mode: step.mode,
                owner: step.owner,
                is_directory: step.is_directory,
                by,
                severity,
            })
        })
        .collect()
}

/// The worst of those who may write, `ours` being the user that runs.
fn judge(step: &Step, ours: u32) -> Option<(Writers, Severity)> {
    if step.is_read_only {
        return None;
    }
    let is_sticky = step.is_directory && step.mode & 0o1000 != 0;
    let shared = |by, severity| match (is_sticky, step.holds_it) {
        (false, _) => Some((by, severity)),
        (true, true) => Some((by, Severity::Low)),
        (true, false) => None,
    };
    let by_mode = match (step.mode & 0o002, step.mode & 0o020) {
        (0, 0) => None,
        (0, _) => shared(Writers::Group, Severity::Medium),
        _ => shared(Writers::Everyone, Severity::High),
    };
    // What is sticky still lets the owner of the directory remove everything.
    let is_others = step.owner != 0 && step.owner != ours;
    let by_owner = is_others.then_some((Writers::Owner, Severity::Medium));
    // Of equals the last: the mode is mended sooner than the owner is seen.
    let found = by_owner.into_iter().chain(by_mode);
    found.max_by_key(|(_, severity)| *severity)
}

fn steps(path: &Path) -> BTreeMap<PathBuf, Step> {
    let mut steps = BTreeMap::new();
    let Ok(mut at) = std::path::absolute(path) else {
        return steps;
    };
    for _ in 0..MOST_LINKS {
        let Some(parent) = at.parent() else {
            break;
        };
        for above in parent.ancestors() {
            // Of a directory that is a link, those above the link and those above what it leads to.
            let real = fs::canonicalize(above).unwrap_or_default();
            for directory in real.ancestors() {
                if let Ok(step) = look_at(directory) {
                    steps.entry(directory.to_owned()).or_insert(step);
                }
            }
        }
        let holding = fs::canonicalize(parent).unwrap_or_default();
        if let Some(step) = steps.get_mut(&holding) {
            step.holds_it = true;
        }
        // What is no link leads nowhere else.
        let Ok(next) = fs::read_link(&at) else {
            break;
        };
        at = parent.join(next);
    }
    let file = fs::canonicalize(path).unwrap_or_default();
    if let Ok(step) = look_at(&file) {
        steps.insert(file, step);
    }
    steps
}

fn look_at(path: &Path) -> io::Result<Step> {
    let metadata = fs::metadata(path)?;
    let mounted = statvfs(path)?;
    Ok(Step {
        mode: metadata.mode() & 0o7777,
        owner: metadata.uid(),
        is_directory: metadata.is_dir(),
        holds_it: false,
        is_read_only: mounted.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_step_is_judged_by_its_mode_and_by_what_it_is() {
        let directory = |mode| Step {
            mode,
            owner: 0,
            is_directory: true,
            holds_it: false,
            is_read_only: false,
        };
        let holding = |mode| Step {
            holds_it: true,
            ..directory(mode)
        };
        let read_only = |mode| Step {
            is_read_only: true,
            ..directory(mode)
        };
        let file = |mode| Step {
            is_directory: false,
            ..directory(mode)
        };
        let of = |owner, step| Step { owner, ..step };
        let owner = Some((Writers::Owner, Severity::Medium));
        let group = |severity| Some((Writers::Group, severity));
        let everyone = |severity| Some((Writers::Everyone, severity));
        for (step, judged) in [
            (directory(0o755), None),
            (directory(0o775), group(Severity::Medium)),
            (directory(0o757), everyone(Severity::High)),
            (directory(0o1777), None),
            (holding(0o1777), everyone(Severity::Low)),
            (holding(0o1775), group(Severity::Low)),
            (holding(0o777), everyone(Severity::High)),
            (read_only(0o777), None),
            (file(0o644), None),
            (file(0o664), group(Severity::Medium)),
            // The bit means nothing on a file.
            (file(0o1666), everyone(Severity::High)),
            (of(1000, directory(0o755)), None),
            (of(1001, directory(0o755)), owner),
            (of(1001, directory(0o775)), group(Severity::Medium)),
            (of(1001, directory(0o777)), everyone(Severity::High)),
            (of(1001, directory(0o1777)), owner),
            (of(1001, holding(0o1777)), owner),
            (of(1001, read_only(0o755)), None),
            (of(1001, file(0o400)), owner),
        ] {
            let (mode, of) = (step.mode, step.owner);
            assert_eq!(judge(&step, 1000), judged, "{mode:o} {of}");
        }
    }

    #[test]
    fn every_directory_above_a_file_and_above_each_link_to_it_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        for name in ["real/inner", "linked", "hop"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("real/inner/key"), "").unwrap();
        symlink("../real/inner/key", root.join("hop/key")).unwrap();
        symlink(root.join("hop/key"), root.join("linked/key")).unwrap();
        symlink("real/inner", root.join("shortcut")).unwrap();
        let start = root.join("linked/key");
        let found = |path: &Path| {
            let found = writable_on_the_way(path).into_iter();
            let found =
                found.filter_map(|found| Some(found.path.strip_prefix(&root).ok()?.to_owned()));
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(&start), Vec::<PathBuf>::new());
        for name in ["linked", "hop", "real", "real/inner", "real/inner/key"] {
            let path = root.join(name);
            let before = fs::metadata(&path).unwrap().permissions();
            fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
            assert_eq!(found(&start), [PathBuf::from(name)]);
            let is_hop = ["linked", "hop"].contains(&name);
            assert_eq!(
                found(&root.join("shortcut/key")).is_empty(),
                is_hop,
                "{name}"
            );
            fs::set_permissions(&path, before).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_looked_at_does_not_hide_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        fs::set_permissions(&root, Permissions::from_mode(0o777)).unwrap();
        let found = writable_on_the_way(&root.join("missing/key"));
        let found: Vec<_> = found.into_iter().map(|found| found.path).collect();
        assert_eq!(found, [root]);
    }

    #[test]
    fn links_in_a_circle_lead_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        assert_eq!(writable_on_the_way(&directory.path().join("a")), []);
    }
}
