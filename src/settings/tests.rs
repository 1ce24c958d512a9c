//! Settings as a whole: what an environment comes to, what its faults and warnings say.
#![allow(clippy::unwrap_used, clippy::panic)]

mod secrets;
mod tls;

use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use wa_db_lab::pki::{write_file, write_private};

use super::*;
use crate::code::ErrorCode;

/// The least that makes settings.
const BASE: [(&str, &str); 3] = [
    ("WA_DB_ENGINE", "mysql"),
    ("WA_DB_HOSTNAME", "db"),
    ("WA_DB_USERNAME", "app"),
];

fn environment(more: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(BASE.iter().chain(more).copied())
}

fn webapp(more: &[(&str, &str)]) -> Settings {
    Settings::from_environment(Role::Webapp, &environment(more)).unwrap()
}

fn coreapp(more: &[(&str, &str)]) -> Settings {
    Settings::from_environment(Role::Coreapp, &environment(more)).unwrap()
}

fn faults(role: Role, more: &[(&str, &str)]) -> Vec<(String, ErrorCode)> {
    let error = Settings::from_environment(role, &environment(more)).unwrap_err();
    for fault in error.faults() {
        assert!(fault.message.contains(&fault.variable), "{}", fault.message);
        assert!(
            !fault.hint.is_empty() && !fault.message.ends_with('.'),
            "{fault:?}"
        );
    }
    error
        .faults()
        .iter()
        .map(|fault| (fault.variable.clone(), fault.code))
        .collect()
}

fn warnings(settings: &Settings) -> String {
    settings
        .warnings()
        .iter()
        .map(|warning| warning.message.clone() + "\n")
        .collect()
}

#[test]
fn the_least_environment_gets_every_default() {
    let settings = webapp(&[]);
    assert_eq!(settings.role(), Role::Webapp);
    assert_eq!(settings.engine(), Engine::MySql);
    assert_eq!(settings.endpoints()[0].to_string(), "db:3306");
    assert_eq!(settings.username(), "app");
    assert!(matches!(settings.password(), PasswordSource::None));
    assert_eq!(settings.database(), None);
    assert_eq!(settings.tls().ca, None);
    assert!(settings.tls().identity.is_none());
    assert_eq!(settings.tls().verification, Verification::Full);
    let tls = settings.tls();
    assert_eq!(tls.server_name, None);
    assert_eq!((&tls.crl, tls.crl_stale), (&None, CrlStale::Refuse));
    assert_eq!(tls.security_level, None);
    assert_eq!((&tls.pins, &tls.pins_report_only), (&None, &None));
    assert!(tls.reports.is_empty());
    assert_eq!(tls.negotiation, Negotiation::Postgres);
    assert_eq!(tls.depth(), Depth::Direct);
    assert_eq!(settings.tunnel().security_level, SecurityLevel::Modern);
    assert_eq!(settings.tunnel().allowed_clients, None);
    assert_eq!(settings.channel_binding(), ChannelBinding::Prefer);
    assert_eq!(settings.target(), TargetSession::Any);
    assert!(settings.allowed_networks().is_none());
    assert_eq!(settings.connect_timeout(), Duration::from_secs(10));
    assert_eq!(settings.read_timeout(), Duration::from_secs(5));
    assert_eq!(settings.idle_timeout(), None);
    let pool = settings.pool();
    assert_eq!((pool.max_size, pool.min_idle), (16, 0));
    assert_eq!(pool.wait_timeout, Duration::from_secs(5));
    assert_eq!(pool.max_lifetime, Duration::from_secs(1800));
    assert_eq!((pool.recycle, pool.keep_idle), (Recycle::Fast, true));
    assert!(settings.warnings().is_empty());
}

#[test]
fn every_variable_reaches_its_getter() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    write_private(&file, "hunter2\n");
    let settings = webapp(&[
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "a,[::1]"),
        ("WA_DB_PORT", "1,2"),
        ("WA_DB_PASSWORD_FILE", file.to_str().unwrap()),
        ("WA_DB_NAME", "shop"),
        ("WA_DB_NAME_PREFIX", "x_"),
        ("WA_DB_SSL_CA", "/ca.pem"),
        ("WA_DB_SSL_CERT", "/cert.pem"),
        ("WA_DB_SSL_KEY", "/key.pem"),
        ("WA_DB_SSL_KEY_PASSWORD_FILE", "/key.password"),
        ("WA_DB_SSL_VERIFY", "on"),
        ("WA_DB_SSL_SERVER_NAME", "db.lab."),
        ("WA_DB_CHANNEL_BINDING", "require"),
        ("WA_DB_TARGET", "read-write"),
        ("WA_DB_ALLOWED_NETWORKS", "10.0.0.0/8"),
        ("WA_DB_TUNNEL_ALLOWED_CLIENTS", "192.0.2.0/24"),
        ("WA_WEB_SECURITY_LEVEL", "OLD"),
        ("WA_DB_CONNECT_TIMEOUT", "250ms"),
        ("WA_DB_READ_TIMEOUT", "7"),
        ("WA_DB_CONNECTION_IDLE_TIMEOUT", "180000"),
        ("WA_DB_POOL_MAX_SIZE", "8"),
        ("WA_DB_POOL_MIN_IDLE", "2"),
        ("WA_DB_POOL_WAIT_TIMEOUT", "0"),
        ("WA_DB_POOL_MAX_LIFETIME", "1h"),
        ("WA_DB_POOL_RECYCLE", "clean"),
        ("WA_DB_PERSISTENT", "1"),
        ("WA_DB_ROLE", "coreapp"),
    ]);
    let endpoints: Vec<_> = settings
        .endpoints()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(endpoints, ["a:1", "[::1]:2"]);
    assert_eq!(
        settings.password().read().unwrap().unwrap().expose(),
        "hunter2"
    );
    assert_eq!(settings.database(), Some("x_shop"));
    assert_eq!(settings.with_database("other").database(), Some("x_other"));
    let tls = settings.tls();
    assert_eq!(tls.ca.as_deref(), Some(Path::new("/ca.pem")));
    let identity = tls.identity.as_ref().unwrap();
    assert_eq!(identity.cert, Path::new("/cert.pem"));
    assert_eq!(identity.key, Path::new("/key.pem"));
    let key_password = identity.key_password_file.as_ref();
    assert_eq!(
        key_password.map(SecretFile::path),
        Some(Path::new("/key.password"))
    );
    assert_eq!(tls.server_name.as_deref(), Some("db.lab"));
    let tunnel = settings.tunnel();
    assert_eq!(tunnel.security_level, SecurityLevel::Old);
    let clients = tunnel.allowed_clients.as_ref().unwrap();
    assert!(clients.allows([192, 0, 2, 1].into()) && !clients.allows([10, 1, 1, 1].into()));
    assert_eq!(settings.channel_binding(), ChannelBinding::Require);
    assert_eq!(settings.target(), TargetSession::ReadWrite);
    assert!(
        settings
            .allowed_networks()
            .unwrap()
            .allows([10, 1, 1, 1].into())
    );
    assert_eq!(settings.connect_timeout(), Duration::from_millis(250));
    assert_eq!(settings.read_timeout(), Duration::from_secs(7));
    assert_eq!(settings.idle_timeout(), Some(Duration::from_secs(180)));
    let pool = settings.pool();
    assert_eq!(
        (pool.max_size, pool.min_idle, pool.recycle),
        (8, 2, Recycle::Clean)
    );
    assert_eq!(pool.wait_timeout, Duration::ZERO);
    assert_eq!(pool.max_lifetime, Duration::from_secs(3600));
    assert!(settings.warnings().is_empty(), "{}", warnings(&settings));
}

#[test]
fn the_official_env_files_work_as_they_are() {
    for (engine, expected) in [("MYSQL", Engine::MySql), ("PGSQL", Engine::Postgres)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "WA_DB_ENGINE={engine}\nWA_DB_HOSTNAME=db\nWA_DB_PORT=3306\nWA_DB_USERNAME=root\n\
             WA_DB_PASSWORD=testpass\nWA_DB_CONNECTION_IDLE_TIMEOUT=180000\n"
        );
        fs::write(file.path(), text).unwrap();
        let environment = Environment::default().with_env_file(file.path()).unwrap();
        for role in [Role::Webapp, Role::Coreapp] {
            let settings = Settings::from_environment(role, &environment).unwrap();
            assert_eq!(settings.engine(), expected);
            assert_eq!(settings.endpoints()[0].to_string(), "db:3306");
            assert_eq!(settings.username(), "root");
            assert_eq!(
                settings.password().read().unwrap().unwrap().expose(),
                "testpass"
            );
            assert_eq!(settings.idle_timeout(), Some(Duration::from_secs(180)));
            assert_eq!(settings.tls().verification, Verification::Full);
            assert!(settings.warnings().is_empty());
        }
    }
}

#[test]
fn every_fault_is_told_at_once_in_the_order_of_the_contract() {
    let found = faults(
        Role::Webapp,
        &[
            ("WA_DB_POOL_RECYCLE", "never"),
            ("WA_DB_POOL_MIN_IDLE", "17"),
            ("WA_DB_POOL_MAX_LIFETIME", "0"),
            ("WA_DB_POOL_WAIT_TIMEOUT", "soon"),
            ("WA_DB_POOL_MAX_SIZE", "0"),
            ("WA_DB_CONNECTION_IDLE_TIMEOUT", "0"),
            ("WA_DB_READ_TIMEOUT", "0"),
            ("WA_DB_CONNECT_TIMEOUT", "0s"),
            ("WA_DB_ALLOWED_NETWORKS", "10.0.0.1/8"),
            ("WA_WEB_SECURITY_LEVEL", "TLS1.3"),
            ("WA_DB_TUNNEL_ALLOWED_CLIENTS", "everyone"),
            ("WA_DB_TARGET", "primary"),
            ("WA_DB_CHANNEL_BINDING", "off"),
            ("WA_DB_SSL_NEGOTIATION", "starttls"),
            ("WA_DB_SSL_REPORT_URI", "http://reports.example"),
            ("WA_DB_SSL_REPORT_FILE", " "),
            ("WA_DB_SSL_PINS_REPORT_ONLY", "sha256/x"),
            ("WA_DB_SSL_PINS", "md5/x"),
            ("WA_DB_SECURITY_LEVEL", "STRONG"),
            ("WA_DB_SSL_CRL_STALE", "ignore"),
            ("WA_DB_SSL_CRL", "/crl\r"),
            ("WA_DB_SSL_SERVER_NAME", "."),
            ("WA_DB_SSL_VERIFY", "maybe"),
            ("WA_DB_SSL_CERT", "/cert.pem"),
            ("WA_DB_NAME_PREFIX", "\r"),
            ("WA_DB_NAME", "a\n"),
            ("WA_DB_IDENTITY_FILE", " "),
            ("WA_DB_PASSWORD_FILE", "/p"),
            ("WA_DB_PASSWORD", "p"),
            ("WA_DB_USERNAME", ""),
            ("WA_DB_PORT", "0"),
            ("WA_DB_HOSTNAME", ""),
            ("WA_DB_ENGINE", "sqlite"),
            ("WA_DB_PERSISTENT", "some"),
            ("WA_DB_ROLE", "admin"),
        ],
    );
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "WA_DB_ENGINE",
            "WA_DB_HOSTNAME",
            "WA_DB_PORT",
            "WA_DB_USERNAME",
            "WA_DB_PASSWORD_FILE",
            "WA_DB_IDENTITY_FILE",
            "WA_DB_NAME",
            "WA_DB_NAME_PREFIX",
            "WA_DB_SSL_KEY",
            "WA_DB_SSL_VERIFY",
            "WA_DB_SSL_SERVER_NAME",
            "WA_DB_SSL_CRL",
            "WA_DB_SSL_CRL_STALE",
            "WA_DB_SECURITY_LEVEL",
            "WA_DB_SSL_PINS",
            "WA_DB_SSL_PINS_REPORT_ONLY",
            "WA_DB_SSL_REPORT_FILE",
            "WA_DB_SSL_REPORT_URI",
            "WA_DB_SSL_NEGOTIATION",
            "WA_DB_CHANNEL_BINDING",
            "WA_DB_TARGET",
            "WA_DB_ALLOWED_NETWORKS",
            "WA_DB_TUNNEL_ALLOWED_CLIENTS",
            "WA_WEB_SECURITY_LEVEL",
            "WA_DB_CONNECT_TIMEOUT",
            "WA_DB_READ_TIMEOUT",
            "WA_DB_CONNECTION_IDLE_TIMEOUT",
            "WA_DB_POOL_MAX_SIZE",
            "WA_DB_POOL_MIN_IDLE",
            "WA_DB_POOL_WAIT_TIMEOUT",
            "WA_DB_POOL_MAX_LIFETIME",
            "WA_DB_POOL_RECYCLE",
            "WA_DB_PERSISTENT",
            "WA_DB_ROLE",
        ]
    );
}

#[test]
fn an_empty_environment_names_the_three_variables_it_needs() {
    let error = Settings::from_environment(Role::Webapp, &Environment::default()).unwrap_err();
    let found: Vec<_> = error
        .faults()
        .iter()
        .map(|f| (f.variable.as_str(), f.code))
        .collect();
    let missing = ErrorCode::VariableMissing;
    assert_eq!(
        found,
        [
            ("WA_DB_ENGINE", missing),
            ("WA_DB_HOSTNAME", missing),
            ("WA_DB_USERNAME", missing)
        ]
    );
}

#[test]
fn variables_that_contradict_each_other_are_faults() {
    let invalid = ErrorCode::VariableInvalid;
    let missing = ErrorCode::VariableMissing;
    for (more, variable, code) in [
        (
            &[("WA_DB_PASSWORD", "x"), ("WA_DB_PASSWORD_FILE", "/x")][..],
            "WA_DB_PASSWORD_FILE",
            invalid,
        ),
        (
            &[("WA_DB_PASSWORD_FILE", "/nowhere/x")],
            "WA_DB_PASSWORD_FILE",
            ErrorCode::FileMissing,
        ),
        (&[("WA_DB_SSL_CERT", "/x")], "WA_DB_SSL_KEY", missing),
        (&[("WA_DB_SSL_KEY", "/x")], "WA_DB_SSL_CERT", missing),
        (
            &[("WA_DB_CHANNEL_BINDING", "require")],
            "WA_DB_CHANNEL_BINDING",
            invalid,
        ),
        (
            &[("WA_DB_SSL_NEGOTIATION", "direct")],
            "WA_DB_SSL_NEGOTIATION",
            invalid,
        ),
        (
            &[
                ("WA_DB_HOSTNAME", "other,db.example"),
                ("WA_DB_SSL_REPORT_URI", "https://db.example/pins"),
            ],
            "WA_DB_SSL_REPORT_URI",
            invalid,
        ),
        (
            &[("WA_DB_HOSTNAME", "a,b"), ("WA_DB_PORT", "1,2,3")],
            "WA_DB_PORT",
            invalid,
        ),
        (
            &[("WA_DB_POOL_MAX_SIZE", "2"), ("WA_DB_POOL_MIN_IDLE", "3")],
            "WA_DB_POOL_MIN_IDLE",
            invalid,
        ),
    ] {
        assert_eq!(faults(Role::Webapp, more), [(variable.to_owned(), code)]);
    }
}

#[test]
fn the_database_takes_the_prefix_only_when_a_name_is_given() {
    for (engine, name, prefix, expected) in [
        ("mysql", "", "", None),
        ("mysql", "", "x_", None),
        ("mysql", "shop", "x_", Some("x_shop")),
        ("pgsql", "", "", Some("postgres")),
        ("pgsql", "", "x_", Some("postgres")),
        ("pgsql", "shop", "", Some("shop")),
        ("pgsql", "shop", "x_", Some("x_shop")),
    ] {
        let settings = webapp(&[
            ("WA_DB_ENGINE", engine),
            ("WA_DB_NAME", name),
            ("WA_DB_NAME_PREFIX", prefix),
        ]);
        assert_eq!(settings.database(), expected, "{engine} {name} {prefix}");
    }
}

#[test]
fn no_persistent_connections_means_that_none_is_kept() {
    let settings = webapp(&[("WA_DB_PERSISTENT", "0"), ("WA_DB_POOL_MIN_IDLE", "2")]);
    assert!(!settings.pool().keep_idle);
    assert_eq!(settings.pool().min_idle, 0);
    assert!(warnings(&settings).contains("WA_DB_POOL_MIN_IDLE has no effect"));
}

#[test]
fn an_error_keeps_the_warnings_too() {
    let environment = Environment::from_pairs([("WA_DB_ENGINE", "mysql"), ("WA_DB_USER", "app")]);
    let error = Settings::from_environment(Role::Webapp, &environment).unwrap_err();
    assert_eq!(error.warnings().len(), 1);
    assert_eq!(error.warnings()[0].variable, "WA_DB_USER");
    assert_eq!(
        error.faults()[1].hint,
        "WA_DB_USER is set and not known; did you mean WA_DB_USERNAME?"
    );
}

#[test]
fn settings_of_another_engine_are_refused_by_name() {
    let settings = webapp(&[("WA_DB_ENGINE", "MARIADB")]);
    assert!(settings.require_engine(Engine::MySql).is_ok());
    let fault = settings
        .require_engine(Engine::Postgres)
        .unwrap_err()
        .remove(0);
    assert_eq!(
        (fault.code, fault.message.as_str()),
        (
            ErrorCode::VariableInvalid,
            "WA_DB_ENGINE is mysql and this service speaks PostgreSQL"
        )
    );
}

#[test]
fn what_has_no_effect_is_warned_of_by_name() {
    for (variable, value, part) in [
        ("WA_DB_SLL_CA", "/x", "did you mean WA_DB_SSL_CA?"),
        ("wa_db_ssl_ca", "/x", "write WA_DB_SSL_CA"),
        (
            "WA_DB_SSL_KEY_PASSWORD_FILE",
            "/x",
            "WA_DB_SSL_KEY is not set",
        ),
        (
            "WA_DB_IDENTITY_FILE",
            "/x",
            "neither WA_DB_PASSWORD_FILE nor",
        ),
        (
            "WA_DB_CONNECTION_OPTION",
            "sslmode=disable",
            "webapp ignores it",
        ),
        ("WA_DB_PASSWORD", "x\r", "carriage return"),
        ("WA_DB_SSL_CRL_STALE", "warn", "WA_DB_SSL_CRL is not set"),
    ] {
        let settings = webapp(&[(variable, value)]);
        assert_eq!(settings.warnings().len(), 1, "{variable}");
        assert_eq!(settings.warnings()[0].variable, variable);
        assert!(
            warnings(&settings).contains(part),
            "{}",
            warnings(&settings)
        );
    }
}

#[test]
fn the_role_comes_from_its_variable() {
    let role = |text| role_of(&Environment::from_pairs([("WA_DB_ROLE", text)]));
    assert_eq!(role("webapp"), Ok(Some(Role::Webapp)));
    assert_eq!(role("COREAPP"), Ok(Some(Role::Coreapp)));
    assert_eq!(role("both"), Ok(None));
    assert_eq!(role(""), Ok(None));
    assert_eq!(role("admin").unwrap_err().variable, "WA_DB_ROLE");
}

/// Values of the kind that go wrong, in every variable.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\0]{0,20}",
        "[a-z0-9.:,/=;\\[\\]-]{0,20}",
        "[0-9]{1,22}(ms|s|m|h)?",
        Just("on".to_owned()),
        Just("require".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_environment_gives_settings_or_faults_and_no_secret(
        values in prop::collection::vec((0..variables::ALL.len(), any_value()), 0..12),
        coreapp in any::<bool>(),
    ) {
        const CANARY: &str = "c4n4ry-9f3b";
        let role = if coreapp { Role::Coreapp } else { Role::Webapp };
        let legacy = format!("password={CANARY};{CANARY};SSL_CIPHER={CANARY};sslmode={CANARY}");
        let pairs = BASE
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain(values.into_iter().map(|(at, value)| (variables::ALL[at].to_owned(), value)))
            .chain([
                (variables::PASSWORD.to_owned(), CANARY.to_owned()),
                (variables::CONNECTION_OPTION.to_owned(), legacy),
            ]);
        let environment = Environment::from_pairs(pairs);
        let shown = match Settings::from_environment(role, &environment) {
            Ok(settings) => format!("{settings:?} {:?}", settings.effective()),
            Err(error) => {
                prop_assert!(!error.faults().is_empty());
                format!("{error} {error:?}")
            }
        };
        prop_assert!(!shown.contains(CANARY), "{}", shown);
        let shown = format!("{environment:?} {:?}", migrate(&environment));
        prop_assert!(!shown.contains(CANARY), "{}", shown);
    }
}
