//! The legacy string as coreapp meets it, and as `wa-db migrate` turns it into variables.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::code::ErrorCode;
use crate::settings::{
    ChannelBinding, SecurityLevel, Settings, SettingsError, TargetSession, Verification, migrate,
};

const ENGINES: [&str; 2] = ["MYSQL", "PGSQL"];

fn environment(engine: &str, option: &str, more: &[(&str, &str)]) -> Environment {
    let base = [
        ("WA_DB_ENGINE", engine),
        ("WA_DB_HOSTNAME", "db"),
        ("WA_DB_USERNAME", "app"),
        ("WA_DB_CONNECTION_OPTION", option),
    ];
    Environment::from_pairs(base.iter().chain(more).copied())
}

fn read(engine: &str, option: &str, more: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_environment(Role::Coreapp, &environment(engine, option, more))
}

fn warnings(settings: &Settings) -> String {
    settings
        .warnings()
        .iter()
        .map(|warning| warning.message.clone() + "\n")
        .collect()
}

#[test]
fn the_string_seen_in_the_wild_works_for_both_engines() {
    for engine in ENGINES {
        let option = "SSL_CA=/usr/local/waent/data/certs/ca.pem;connect_timeout=15";
        let settings = read(engine, option, &[]).unwrap();
        let ca = Path::new("/usr/local/waent/data/certs/ca.pem");
        assert_eq!(settings.tls().ca.as_deref(), Some(ca));
        assert_eq!(settings.connect_timeout(), Duration::from_secs(15));
        assert_eq!(settings.tls().verification, Verification::Full);
        let warnings = warnings(&settings);
        assert_eq!(settings.warnings().len(), 1, "{warnings}");
        assert!(warnings.contains("deprecated"));
        assert!(warnings.contains("WA_DB_SSL_CA=/usr/local/waent/data/certs/ca.pem"));
        assert!(warnings.contains("WA_DB_CONNECT_TIMEOUT=15"));
    }
}

#[test]
fn both_spellings_of_each_option_are_understood_for_both_engines() {
    for engine in ENGINES {
        for option in [
            "SSL_CA=/ca;SSL_CERT=/cert;SSL_KEY=/key;CONNECT_TIMEOUT=3;READ_TIMEOUT=4",
            "MYSQL_OPT_SSL_CA=/ca;MYSQL_OPT_SSL_CERT=/cert;MYSQL_OPT_SSL_KEY=/key;\
             MYSQL_OPT_CONNECT_TIMEOUT=3;MYSQL_OPT_READ_TIMEOUT=4",
            "sslrootcert=/ca;sslcert=/cert;sslkey=/key;connect_timeout=3;read_timeout=4",
            " SslRootCert = '/ca' ; ssl_cert=/cert ; sslkey=/key; connect_timeout= 3;Read_Timeout=4;",
        ] {
            let settings = read(engine, option, &[]).unwrap();
            let tls = settings.tls();
            let identity = tls.identity.as_ref().unwrap();
            assert_eq!(
                tls.ca.as_deref(),
                Some(Path::new("/ca")),
                "{engine} {option}"
            );
            assert_eq!(identity.cert, Path::new("/cert"));
            assert_eq!(identity.key, Path::new("/key"));
            assert_eq!(settings.connect_timeout(), Duration::from_secs(3));
            assert_eq!(settings.read_timeout(), Duration::from_secs(4));
        }
    }
}

#[test]
fn a_mode_is_honoured_as_the_string_asked_and_a_weaker_one_is_warned_of() {
    for engine in ENGINES {
        for (option, expected) in [
            ("sslmode=verify-full", Verification::Full),
            (
                "MYSQL_OPT_SSL_MODE=SSL_MODE_VERIFY_IDENTITY",
                Verification::Full,
            ),
            ("SSL_MODE=VERIFY_IDENTITY", Verification::Full),
            ("sslmode=verify-ca;sslrootcert=/ca", Verification::ChainOnly),
            (
                "SSL_CA=/ca;MYSQL_OPT_SSL_MODE=VERIFY_CA",
                Verification::ChainOnly,
            ),
            ("sslmode=require", Verification::Off),
            ("SSL_MODE=REQUIRED", Verification::Off),
            ("sslmode=require;sslrootcert=/ca", Verification::ChainOnly),
            ("SSL_CA=/ca;SSL_MODE=REQUIRED", Verification::ChainOnly),
            ("sslmode=require;sslmode=verify-full", Verification::Full),
            ("sslrootcert=system", Verification::Full),
            ("sslrootcert=system;sslmode=verify-full", Verification::Full),
            ("requiressl=1", Verification::Full),
        ] {
            let settings = read(engine, option, &[]).unwrap();
            assert_eq!(settings.tls().verification, expected, "{engine} {option}");
            let warned = warnings(&settings).contains("weakens verification");
            assert_eq!(warned, expected != Verification::Full, "{engine} {option}");
        }
    }
}

#[test]
fn revocation_lists_and_tls_1_3_alone_are_taken_over() {
    for engine in ENGINES {
        for option in [
            "MYSQL_OPT_SSL_CRL=/crl",
            "SSL_CRL=/crl",
            "MYSQL_OPT_SSL_CRLPATH=/crl",
            "sslcrl=/crl",
            "sslcrldir=/crl",
            "SSL_CRL=/crl;sslcrl=/crl",
        ] {
            let settings = read(engine, option, &[]).unwrap();
            let crl = settings.tls().crl.as_deref();
            assert_eq!(crl, Some(Path::new("/crl")), "{engine} {option}");
            let warnings = warnings(&settings);
            assert!(warnings.contains("set WA_DB_SSL_CRL=/crl"), "{warnings}");
        }
        for (option, level) in [
            ("MYSQL_OPT_TLS_VERSION=TLSv1.3", Some(SecurityLevel::Modern)),
            ("TLS_VERSION=TLSv1.2,TLSv1.3", None),
            (
                "ssl_min_protocol_version=TLSv1.3",
                Some(SecurityLevel::Modern),
            ),
            ("ssl_min_protocol_version=TLSv1.2", None),
        ] {
            let settings = read(engine, option, &[]).unwrap();
            assert_eq!(settings.tls().security_level, level, "{engine} {option}");
        }
    }
}

#[test]
fn a_mode_that_could_end_in_plaintext_and_other_weakenings_are_faults() {
    for engine in ENGINES {
        for option in [
            "sslmode=disable",
            "sslmode=allow",
            "sslmode=prefer",
            "sslmode=anything",
            "SSL_MODE=DISABLED",
            "MYSQL_OPT_SSL_MODE=PREFERRED",
            "requiressl=0",
            "requiressl=2",
            "MYSQL_OPT_TLS_VERSION=TLSv1.1",
            "TLS_VERSION=TLSv1,TLSv1.1",
            "ssl_min_protocol_version=SSLv3",
            "MYSQL_OPT_LOCAL_INFILE=1",
            "LOCAL_INFILE",
            "CLIENT_LOCAL_FILES=TRUE",
            "MYSQL_OPT_SSL_CRL=/crl.pem;SSL_CRLPATH=/crls",
            "sslcrl=-----BEGIN X509 CRL-----\\nMIIB",
            "connect_timeout=soon",
            "UNIX_SOCKET=mysqld.sock",
            "SSL_CA=-----BEGIN PRIVATE KEY-----\\nMIGH",
            // Less than full verification with the system's store: any public certificate passes.
            "sslmode=verify-ca",
            "MYSQL_OPT_SSL_MODE=VERIFY_CA",
            "sslrootcert=system;sslmode=require",
            "sslmode=require;sslrootcert=system",
            "sslrootcert=system;sslmode=verify-ca",
            "sslmode=verify-ca;sslrootcert=system",
            "SSL_CA=system;SSL_MODE=REQUIRED",
        ] {
            let error = read(engine, option, &[]).unwrap_err();
            assert_eq!(error.faults().len(), 1, "{engine} {option}: {error}");
            let fault = &error.faults()[0];
            assert_eq!(fault.code, ErrorCode::VariableInvalid);
            assert_eq!(fault.variable, "WA_DB_CONNECTION_OPTION");
            assert!(
                fault.message.starts_with("WA_DB_CONNECTION_OPTION: "),
                "{}",
                fault.message
            );
        }
    }
    let error = read("MYSQL", "sslmode=disable;LOCAL_INFILE=1;requiressl=0", &[]).unwrap_err();
    assert_eq!(error.faults().len(), 3);
}

#[test]
fn what_has_no_effect_is_warned_of_by_name() {
    for (option, part) in [
        ("SSL_CAPATH=/certs", "SSL_CAPATH has no effect"),
        (
            "MYSQL_OPT_SSL_CIPHER=AES",
            "MYSQL_OPT_SSL_CIPHER has no effect",
        ),
        (
            "MYSQL_OPT_TLS_VERSION=TLSv1.2,TLSv1.3",
            "MYSQL_OPT_TLS_VERSION has no effect",
        ),
        (
            "MYSQL_OPT_WRITE_TIMEOUT=3",
            "MYSQL_OPT_WRITE_TIMEOUT has no effect",
        ),
        ("MYSQL_OPT_RECONNECT=1", "MYSQL_OPT_RECONNECT has no effect"),
        ("MYSQL_OPT_LOCAL_INFILE=0", "no local file is ever sent"),
        ("CLIENT_COMPRESS", "CLIENT_COMPRESS has no effect"),
        ("CLIENT_TURBO", "the option CLIENT_TURBO is not known"),
        ("CLIENT_word1", "item 1 is not known"),
        ("CLIENT_SSL=1", "TLS is required"),
        ("CLIENT_INTERACTIVE=1", "CLIENT_INTERACTIVE has no effect"),
        ("options=-cgeqo=off", "options has no effect"),
        ("service=shop", "service has no effect"),
        (
            "password=hunter2",
            "password has no effect: set WA_DB_PASSWORD",
        ),
        ("connect_timeout=0", "asks for no limit"),
        ("READ_TIMEOUT=-1", "asks for no limit"),
        ("SSL_CA", "SSL_CA has no effect, because it has no value"),
        (
            "SSL_KAY=/x",
            "SSL_KAY is not known and has no effect; did you mean SSL_KEY?",
        ),
        ("ssl_mod=x", "did you mean SSL_MODE?"),
        ("sslrotcert=x", "did you mean sslrootcert?"),
        ("something_else=x", "the option something_else is not known"),
        (
            "SSL_CA=/a;SSL_CA=/b",
            "wins over SSL_CA, which stands before it",
        ),
    ] {
        for engine in ENGINES {
            let settings = read(engine, option, &[]).unwrap();
            let warnings = warnings(&settings);
            assert_eq!(
                settings.warnings().len(),
                2,
                "{engine} {option}: {warnings}"
            );
            assert!(warnings.contains(part), "{engine} {option}: {warnings}");
            assert!(!warnings.contains("hunter2"));
        }
    }
}

#[test]
fn the_tail_of_a_password_with_a_semicolon_is_not_shown() {
    let settings = read("MYSQL", "password=a;hunter2;b=c", &[]).unwrap();
    let warnings = warnings(&settings);
    assert!(
        warnings.contains("item 2 is not known") && !warnings.contains("hunter2"),
        "{warnings}"
    );
    let option = "SSL_CERT=cert.pem;SSL_KEY=hunter2";
    let settings = read("MYSQL", option, &[]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    for key in [
        "SSL_CERT=c;SSL_KEY=-----BEGIN X-----\\nhunter2",
        "SSL_KEY=/x\nhunter2",
        "sslkey=-----BEGIN X-----\nMIGH\nhunter2==\n-----END X-----",
    ] {
        let error = read("MYSQL", key, &[]).unwrap_err();
        let migration = migrate(&environment("MYSQL", key, &[]));
        assert!(!format!("{error} {error:?} {migration:?}").contains("hunter2"));
    }
    // Two options run together: the second is no path, and may be secret.
    let settings = read("MYSQL", "SSL_CA=/ca password=hunter2", &[]).unwrap();
    assert!(!format!("{:?}", settings.warnings()).contains("hunter2"));
}

#[test]
fn new_variables_win_over_the_string_with_a_warning() {
    let more = [("WA_DB_SSL_CA", "/new.pem"), ("WA_DB_CONNECT_TIMEOUT", "3")];
    let settings = read("MYSQL", "SSL_CA=/old.pem;connect_timeout=15", &more).unwrap();
    assert_eq!(settings.tls().ca.as_deref(), Some(Path::new("/new.pem")));
    assert_eq!(settings.connect_timeout(), Duration::from_secs(3));
    let warnings = warnings(&settings);
    assert!(
        warnings.contains("WA_DB_SSL_CA wins over SSL_CA"),
        "{warnings}"
    );
    assert!(
        warnings.contains("WA_DB_CONNECT_TIMEOUT wins over connect_timeout"),
        "{warnings}"
    );

    for more in [
        ("WA_DB_SSL_SERVER_NAME", "db.lab"),
        ("WA_DB_SSL_VERIFY", "on"),
    ] {
        let settings = read("PGSQL", "sslmode=require", &[more]).unwrap();
        assert_eq!(settings.tls().verification, Verification::Full);
        assert!(format!("{:?}", settings.warnings()).contains("wins over sslmode"));
    }
    let settings = read("PGSQL", "sslmode=require", &[("WA_DB_SSL_CA", "/ca")]).unwrap();
    assert_eq!(settings.tls().verification, Verification::ChainOnly);
}

#[test]
fn the_chain_alone_is_no_fault_where_a_ca_is_set_or_a_variable_asks_for_more() {
    let ca = [("WA_DB_SSL_CA", "/ca")];
    let settings = read("PGSQL", "sslmode=verify-ca", &ca).unwrap();
    assert_eq!(settings.tls().verification, Verification::ChainOnly);
    let name = [("WA_DB_SSL_SERVER_NAME", "db.lab")];
    let settings = read("PGSQL", "sslmode=verify-ca", &name).unwrap();
    assert_eq!(settings.tls().verification, Verification::Full);
    // The words of libpq hold even where a variable names another store.
    assert!(read("PGSQL", "sslrootcert=system;sslmode=require", &ca).is_err());
}

#[test]
fn a_socket_and_the_words_of_libpq_are_taken_over() {
    let environment = Environment::from_pairs([
        ("WA_DB_ENGINE", "mysql"),
        ("WA_DB_USERNAME", "app"),
        (
            "WA_DB_CONNECTION_OPTION",
            "UNIX_SOCKET=/run/mysqld/mysqld.sock",
        ),
    ]);
    let settings = Settings::from_environment(Role::Coreapp, &environment).unwrap();
    assert_eq!(
        settings.endpoints()[0].to_string(),
        "/run/mysqld/mysqld.sock"
    );
    let settings = read("MYSQL", "UNIX_SOCKET=/run/mysqld/mysqld.sock", &[]).unwrap();
    assert_eq!(settings.endpoints()[0].to_string(), "db:3306");

    let option = "channel_binding=require target_session_attrs=read-write sslmode=verify-full";
    let settings = read("PGSQL", option, &[]).unwrap();
    assert_eq!(settings.channel_binding(), ChannelBinding::Require);
    assert_eq!(settings.target(), TargetSession::ReadWrite);
}

#[test]
fn half_an_identity_in_the_string_is_a_fault_like_elsewhere() {
    let error = read("MYSQL", "SSL_CERT=/cert.pem", &[]).unwrap_err();
    assert_eq!(error.faults()[0].variable, "WA_DB_SSL_KEY");
}

#[test]
fn migration_writes_lines_that_mean_the_same() {
    let option = "SSL_CA=/a b/ca.pem;SSL_CERT=/c$x.pem;SSL_KEY=/it's.pem;connect_timeout=15";
    let migration = migrate(&environment("MYSQL", option, &[])).unwrap();
    assert_eq!(
        migration.lines,
        [
            "WA_DB_SSL_CA='/a b/ca.pem'",
            "WA_DB_SSL_CERT='/c$x.pem'",
            "WA_DB_SSL_KEY=\"/it's.pem\"",
            "WA_DB_CONNECT_TIMEOUT=15",
        ]
    );
    assert!(
        migration
            .notes
            .last()
            .unwrap()
            .contains("remove WA_DB_CONNECTION_OPTION")
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), migration.lines.join("\n")).unwrap();
    let new = environment("MYSQL", "", &[])
        .with_env_file(file.path())
        .unwrap();
    let new = Settings::from_environment(Role::Coreapp, &new).unwrap();
    let old = read("MYSQL", option, &[]).unwrap();
    assert_eq!(format!("{:?}", new.tls()), format!("{:?}", old.tls()));
    assert_eq!(new.connect_timeout(), old.connect_timeout());
    assert!(new.warnings().is_empty());
}

#[test]
fn migration_says_what_is_left_to_do() {
    let migration = migrate(&environment("PGSQL", "", &[])).unwrap();
    assert!(migration.lines.is_empty() && migration.notes[0].contains("nothing to migrate"));

    let set = [("WA_DB_SSL_CA", "/new.pem")];
    let option = "SSL_CA=/old.pem;sslmode=verify-ca;RECONNECT=1";
    let migration = migrate(&environment("PGSQL", option, &set)).unwrap();
    assert!(migration.lines.is_empty());
    let notes = migration.notes.join("\n");
    for part in [
        "WA_DB_SSL_CA is set already",
        "RECONNECT has no effect",
        "WA_DB_SSL_SERVER_NAME",
    ] {
        assert!(notes.contains(part), "{notes}");
    }

    // Where the old clients refused and we warn.
    for (engine, option, noted) in [
        ("PGSQL", "sslcrl=/crl.pem", true),
        ("PGSQL", "sslcrldir=/crls", true),
        ("MYSQL", "MYSQL_OPT_SSL_CRL=/crl.pem", true),
        ("PGSQL", "sslrootcert=/ca.pem", false),
    ] {
        let migration = migrate(&environment(engine, option, &[])).unwrap();
        let of_lists = |note: &&String| note.contains("whose CA has no list");
        let notes: Vec<_> = migration.notes.iter().filter(of_lists).collect();
        assert_eq!(
            notes.len(),
            usize::from(noted),
            "{option}: {:?}",
            migration.notes
        );
        for note in notes {
            let name = option.split('=').next().unwrap();
            assert!(
                note.starts_with(name) && note.contains("WA_DB_SSL_CRL"),
                "{note}"
            );
        }
    }

    let error = migrate(&environment("PGSQL", "sslmode=disable", &[])).unwrap_err();
    assert_eq!(error.faults()[0].variable, "WA_DB_CONNECTION_OPTION");
}

/// Names of options, known and not, with the ways they are written.
fn option_name() -> impl Strategy<Value = String> {
    let known: Vec<&str> = mysql::OPTIONS
        .iter()
        .chain(postgres::OPTIONS)
        .map(|(name, _)| *name)
        .collect();
    prop_oneof![
        prop::sample::select(known.clone()).prop_map(str::to_owned),
        prop::sample::select(known).prop_map(|name| format!("MYSQL_OPT_{}", name.to_uppercase())),
        "[a-zA-Z_ ]{0,12}",
    ]
}

proptest! {
    #[test]
    fn any_string_gives_settings_or_faults(text in "(?s)[^\0]{0,80}", engine in 0..2_usize) {
        if let Err(error) = read(ENGINES[engine], &text, &[]) {
            prop_assert!(!error.faults().is_empty());
        }
    }

    #[test]
    fn no_value_of_an_option_is_shown_unless_a_variable_takes_it(
        names in prop::collection::vec(option_name(), 1..6),
        engine in 0..2_usize,
    ) {
        const CANARY: &str = "c4n4ry";
        let taken = |name: &str| {
            matches!(
                meaning(name.trim()),
                Some(Meaning::File(_) | Meaning::Revocation)
            )
        };
        let options: Vec<_> = names
            .iter()
            .filter(|name| !taken(name))
            .map(|name| format!("{name}={CANARY};{CANARY};"))
            .collect();
        let text = options.concat();
        let environment = environment(ENGINES[engine], &text, &[]);
        let shown = match Settings::from_environment(Role::Coreapp, &environment) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => format!("{error:?}"),
        };
        prop_assert!(!shown.contains(CANARY), "{}: {}", text, shown);
        let migration = format!("{:?}", migrate(&environment));
        prop_assert!(!migration.contains(CANARY), "{}: {}", text, migration);
    }
}
