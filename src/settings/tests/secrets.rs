//! The files of secrets: how they may lie on the disk, and where contradictions come from.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

/// The beginning is enough: nothing is decrypted to find out how a file lies there.
const SEALED: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n";

#[test]
fn a_password_that_others_can_read_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let warned = |mode| {
        write_private(&file, "hunter2\n");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let settings = webapp(&[("WA_DB_PASSWORD_FILE", file.to_str().unwrap())]);
        let told = warnings(&settings);
        assert_eq!(told.lines().count(), settings.warnings().len(), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        match settings.warnings() {
            [] => false,
            [warning] => {
                assert_eq!(warning.variable, "WA_DB_PASSWORD_FILE");
                assert!(told.contains("can be read by others"), "{told}");
                assert!(told.contains("chmod 06"), "{told}");
                true
            }
            _ => panic!("{told}"),
        }
    };
    for (mode, expected) in [
        (0o600, false),
        (0o400, false),
        (0o604, true),
        (0o644, true),
        (0o444, true),
        (0o660, true),
    ] {
        assert_eq!(warned(mode), expected, "{mode:o}");
    }
    // The group may read what root owns; whoever else runs this owns the file.
    let is_root = fs::metadata(&file).unwrap().uid() == 0;
    assert_eq!(warned(0o640), !is_root);
}

#[test]
fn a_key_password_that_others_can_read_is_warned_of_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key-password");
    for (mode, expected) in [(0o600, 0), (0o644, 1)] {
        write_private(&file, "hunter2\n");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let settings = webapp(&[
            ("WA_DB_SSL_CERT", "/client.pem"),
            ("WA_DB_SSL_KEY", "/client.key"),
            ("WA_DB_SSL_KEY_PASSWORD_FILE", file.to_str().unwrap()),
        ]);
        let told = settings.warnings().iter().filter(|warning| {
            warning.variable == "WA_DB_SSL_KEY_PASSWORD_FILE"
                && warning.message.contains("can be read by others")
        });
        assert_eq!(told.count(), expected, "{mode:o}");
    }
}

#[test]
fn an_identity_that_opens_nothing_is_warned_of_and_one_that_may_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (clear, sealed, missing) = (at("clear"), at("sealed"), at("missing"));
    write_private(clear.as_ref(), "hunter2");
    write_file(sealed.as_ref(), SEALED);
    let password = |file: &str| ("WA_DB_PASSWORD_FILE", file.to_owned());
    let key = |file: &str| ("WA_DB_SSL_KEY_PASSWORD_FILE", file.to_owned());
    for (files, expected) in [
        (vec![], true),
        (vec![password(&clear)], true),
        (vec![key(&clear)], true),
        (vec![password(&clear), key(&clear)], true),
        (vec![key(&sealed)], false),
        (vec![password(&clear), key(&sealed)], false),
        // What cannot be read may be encrypted, and is told of where it is read.
        (vec![key(&missing)], false),
        (vec![password(&clear), key(&missing)], false),
    ] {
        let mut more = vec![
            ("WA_DB_SSL_CERT", "/cert.pem"),
            ("WA_DB_SSL_KEY", "/key.pem"),
            ("WA_DB_IDENTITY_FILE", "/identity"),
        ];
        more.extend(files.iter().map(|(name, file)| (*name, file.as_str())));
        let settings = webapp(&more);
        let told = warnings(&settings);
        assert_eq!(
            told.contains("WA_DB_IDENTITY_FILE has no effect"),
            expected,
            "{files:?}: {told}"
        );
        assert_eq!(settings.warnings().len(), usize::from(expected), "{told}");
    }
}

#[test]
fn contradictions_say_where_the_two_values_come_from_unless_that_is_one_place() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first.env", "second.env"].map(|name| dir.path().join(name));
    let [one, two] = [&first, &second].map(|path| path.display().to_string());
    for (process, files, expected) in [
        (
            &[("WA_DB_PASSWORD", "x")][..],
            ["WA_DB_PASSWORD_FILE=/x", ""],
            format!(
                "(WA_DB_PASSWORD comes from the process environment, WA_DB_PASSWORD_FILE from env-file {one})"
            ),
        ),
        (
            &[],
            ["WA_DB_PASSWORD=x", "WA_DB_PASSWORD_FILE=/x"],
            format!(
                "(WA_DB_PASSWORD comes from env-file {one}, WA_DB_PASSWORD_FILE from env-file {two})"
            ),
        ),
        (
            &[("WA_DB_PORT", "1,2,3")],
            ["WA_DB_HOSTNAME=a,b", ""],
            format!(
                "(WA_DB_HOSTNAME comes from env-file {one}, WA_DB_PORT from the process environment)"
            ),
        ),
        (
            &[],
            ["WA_DB_POOL_MIN_IDLE=5", "WA_DB_POOL_MAX_SIZE=4"],
            format!(
                "(WA_DB_POOL_MIN_IDLE comes from env-file {one}, WA_DB_POOL_MAX_SIZE from env-file {two})"
            ),
        ),
        (
            &[],
            ["WA_DB_SSL_NEGOTIATION=direct", ""],
            format!(
                "(WA_DB_ENGINE comes from the process environment, WA_DB_SSL_NEGOTIATION from env-file {one})"
            ),
        ),
        (
            &[("WA_DB_CONNECTION_OPTION", "channel_binding=require")],
            ["", ""],
            "WA_DB_CHANNEL_BINDING from the legacy option channel_binding)".to_owned(),
        ),
        // One place, or nothing to choose from.
        (
            &[("WA_DB_PASSWORD", "x"), ("WA_DB_PASSWORD_FILE", "/x")],
            ["", ""],
            String::new(),
        ),
        (
            &[],
            ["WA_DB_PASSWORD=x\nWA_DB_PASSWORD_FILE=/x", ""],
            String::new(),
        ),
        (&[("WA_DB_POOL_MIN_IDLE", "17")], ["", ""], String::new()),
    ] {
        let mut environment = environment(process);
        for (path, text) in [(&first, files[0]), (&second, files[1])] {
            fs::write(path, text).unwrap();
            environment = environment.with_env_file(path).unwrap();
        }
        let error = Settings::from_environment(Role::Coreapp, &environment).unwrap_err();
        let [fault] = error.faults() else {
            panic!("{error:?}")
        };
        assert!(fault.message.ends_with(&expected), "{}", fault.message);
        assert_eq!(fault.message.contains("comes from"), !expected.is_empty());
    }
}
