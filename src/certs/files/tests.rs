//! Files in place, half-way there, and left behind.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::symlink;

use super::*;

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn put(path: &Path, content: &[u8], secrecy: Secrecy, overwrite: Overwrite) {
    let staged = Staged::write(path, content, secrecy, overwrite).unwrap();
    staged.publish().unwrap();
}

#[test]
fn a_staged_file_is_not_seen_and_leaves_nothing_behind_when_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    put(&path, b"old", Secrecy::Private, Overwrite::Never);
    let staged = Staged::write(&path, b"new", Secrecy::Private, Overwrite::Allowed).unwrap();
    assert_eq!(mode_of(&staged.temporary), 0o600);
    assert_eq!(names(directory.path()).len(), 2);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(staged);
    assert_eq!(names(directory.path()), ["a.key"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn what_is_there_is_overwritten_only_where_that_is_allowed_also_if_it_came_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pem");
    let late = Staged::write(&path, b"late", Secrecy::Public, Overwrite::Never).unwrap();
    put(&path, b"first", Secrecy::Public, Overwrite::Never);
    assert!(matches!(late.publish(), Err(CertsError::Exists(_))));
    let again = Staged::write(&path, b"again", Secrecy::Public, Overwrite::Never);
    assert!(matches!(again, Err(CertsError::Exists(_))));
    assert_eq!(fs::read(&path).unwrap(), b"first");
    put(&path, b"second", Secrecy::Public, Overwrite::Allowed);
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(directory.path()), ["a.pem"]);
}

#[test]
fn modes_are_kept_as_far_as_libpq_s_rule_allows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    put(&path, b"", Secrecy::Public, Overwrite::Never);
    let is_root = fs::metadata(&path).unwrap().uid() == 0;
    let of_root = |root, other| if is_root { root } else { other };
    for (secrecy, before, after) in [
        (Secrecy::Public, 0o644, 0o644),
        (Secrecy::Public, 0o640, 0o640),
        (Secrecy::Public, 0o666, 0o644),
        (Secrecy::Private, 0o600, 0o600),
        (Secrecy::Private, 0o400, 0o400),
        (Secrecy::Private, 0o640, of_root(0o640, 0o600)),
        (Secrecy::Private, 0o666, of_root(0o640, 0o600)),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        put(&path, b"x", secrecy, Overwrite::Allowed);
        assert_eq!(mode_of(&path), after, "{secrecy:?} {before:o}");
    }
}

#[test]
fn the_owner_of_a_replaced_file_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.key");
    put(&path, b"old", Secrecy::Private, Overwrite::Never);
    let before = fs::metadata(&path).unwrap();
    // Only root can give files away; for others there is nothing to keep.
    let (uid, gid) = if before.uid() == 0 {
        (65_534, 65_533)
    } else {
        (before.uid(), before.gid())
    };
    std::os::unix::fs::chown(&path, Some(uid), Some(gid)).unwrap();
    put(&path, b"new", Secrecy::Private, Overwrite::Allowed);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.uid(), after.gid()), (uid, gid));
    assert_eq!(after.mode() & 0o777, 0o600);
}

#[test]
fn a_symbolic_link_is_left_alone_and_so_is_what_it_points_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "old").unwrap();
    for to in ["file", "nothing"] {
        let link = directory.path().join(format!("link to {to}"));
        symlink(to, &link).unwrap();
        for overwrite in [Overwrite::Allowed, Overwrite::Never] {
            let written = Staged::write(&link, b"new", Secrecy::Public, overwrite);
            assert!(matches!(written, Err(CertsError::Link(_))), "{to}");
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
    // One that comes after the look is replaced: a rename does not follow it.
    let late = directory.path().join("late");
    let staged = Staged::write(&late, b"new", Secrecy::Public, Overwrite::Allowed).unwrap();
    symlink("file", &late).unwrap();
    staged.publish().unwrap();
    assert_eq!(fs::read(&late).unwrap(), b"new");
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

#[test]
fn a_file_that_another_user_can_have_put_there_does_not_hand_its_owner_on() {
    let directory = tempfile::tempdir().unwrap();
    // Only root can give files away.
    if fs::metadata(directory.path()).unwrap().uid() != 0 {
        return;
    }
    let path = directory.path().join("a.key");
    let give = |path: &Path, uid| std::os::unix::fs::chown(path, Some(uid), None).unwrap();
    for (of_directory, mode, secrecy, expected) in [
        (0, 0o755, Secrecy::Private, 65_534),
        (0, 0o1777, Secrecy::Private, 0),
        (0, 0o775, Secrecy::Private, 0),
        (0, 0o1777, Secrecy::Public, 0),
        (65_534, 0o755, Secrecy::Private, 65_534),
        (65_533, 0o755, Secrecy::Private, 0),
        (0, 0o700, Secrecy::Own, 0),
    ] {
        give(directory.path(), of_directory);
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
        fs::write(&path, "old").unwrap();
        give(&path, 65_534);
        let staged = Staged::write(&path, b"new", secrecy, Overwrite::Allowed).unwrap();
        assert_eq!(staged.taken_over().is_some(), expected == 0);
        staged.publish().unwrap();
        let owner = fs::metadata(&path).unwrap().uid();
        assert_eq!(owner, expected, "{of_directory} {mode:o} {secrecy:?}");
        if secrecy != Secrecy::Public {
            assert_eq!(mode_of(&path), 0o600);
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_pair_whose_certificate_cannot_follow_is_left_as_it_was() {
    for has_old_key in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (key, certificate) = (
            directory.path().join("a.key"),
            directory.path().join("a.pem"),
        );
        if has_old_key {
            put(&key, b"old key", Secrecy::Private, Overwrite::Never);
        }
        let stage = |path: &Path, secrecy| Staged::write(path, b"new", secrecy, Overwrite::Allowed);
        let (new_key, new_certificate) = (
            stage(&key, Secrecy::Private).unwrap(),
            stage(&certificate, Secrecy::Public).unwrap(),
        );
        // A directory with something in it cannot be renamed over.
        fs::create_dir(&certificate).unwrap();
        fs::write(certificate.join("x"), "").unwrap();
        let published = publish_pair(&new_key, &new_certificate);
        drop((new_key, new_certificate));
        assert!(matches!(published, Err(CertsError::NotWritten { .. })));
        let expected: &[&str] = if has_old_key {
            &["a.key", "a.pem"]
        } else {
            &["a.pem"]
        };
        assert_eq!(names(directory.path()), expected);
        if has_old_key {
            assert_eq!(fs::read(&key).unwrap(), b"old key");
        }
    }
}

#[test]
fn a_pair_takes_its_places_and_no_old_key_stays_behind() {
    let directory = tempfile::tempdir().unwrap();
    let (key, certificate) = (
        directory.path().join("a.key"),
        directory.path().join("a.pem"),
    );
    for content in [b"1", b"2"] {
        let stage = |path: &Path, secrecy| {
            Staged::write(path, content, secrecy, Overwrite::Allowed).unwrap()
        };
        publish_pair(
            &stage(&key, Secrecy::Private),
            &stage(&certificate, Secrecy::Public),
        )
        .unwrap();
        assert_eq!(fs::read(&key).unwrap(), content);
        assert_eq!(fs::read(&certificate).unwrap(), content);
    }
    assert_eq!(names(directory.path()), ["a.key", "a.pem"]);
    assert_eq!((mode_of(&key), mode_of(&certificate)), (0o600, 0o644));
}

#[test]
fn a_directory_that_is_made_is_its_owner_s_alone_and_one_that_exists_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("a/b");
    make_private_directory(&made).unwrap();
    assert_eq!(mode_of(&made), 0o700);
    fs::set_permissions(&made, Permissions::from_mode(0o755)).unwrap();
    make_private_directory(&made).unwrap();
    assert_eq!(mode_of(&made), 0o755);
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(make_private_directory(&file).is_err());
}
