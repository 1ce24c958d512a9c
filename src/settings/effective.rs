//! What every variable comes to and why: [`Effective`], the lines of `wa-db explain`.

use std::path::Path;

use serde::Serialize;

use super::environment::{Environment, Source};
use super::legacy::LegacyMode;
use super::parse::duration::written;
use super::shown_path::may_show;
use super::variables as var;
use super::{PasswordSource, Role, Settings, Verification};
use crate::endpoint::{Engine, Host};

/// One variable of the contract, with the value that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// The variable.
    pub variable: &'static str,
    /// The value that counts, written as the variable would have it; `(hidden)` for secrets and
    /// for what may be one in place of a path; `None` when there is none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// What else is to be known of it.
    pub note: Option<String>,
}

/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";

/// Every variable, in the order of the contract's table.
pub(super) fn list(
    settings: &Settings,
    environment: &Environment,
    mode: Option<&LegacyMode>,
) -> Vec<Effective> {
    let line = |variable: &'static str| {
        let source = match (variable, mode) {
            // The legacy string has no variable for a weaker verification; its option is the source.
            (var::SSL_VERIFY, Some(mode)) if settings.tls.verification != Verification::Full => {
                Source::Legacy(mode.option.clone())
            }
            // On is what coreapp has, whatever the variable says. The string that webapp passes over
            // is shown as it is: it counts for the other role.
            (var::SSL_VERIFY, _) if settings.role == Role::Coreapp => Source::Default,
            (var::PORT, _) if port_from_host(settings, environment) => {
                environment.source(var::HOSTNAME)
            }
            _ => environment.source(variable),
        };
        Effective {
            variable,
            value: value(variable, settings, environment),
            source,
            note: note(variable, settings, environment),
        }
    };
    var::ALL.into_iter().map(line).collect()
}

/// Whether the ports stand in the host list.
fn port_from_host(settings: &Settings, environment: &Environment) -> bool {
    let default = settings.engine.default_port();
    environment.get(var::PORT).is_none() && settings.endpoints.iter().any(|e| e.port() != default)
}

fn value(variable: &str, settings: &Settings, environment: &Environment) -> Option<String> {
    let tls = &settings.tls;
    let pool = &settings.pool;
    let path = |path: &Path| {
        if may_show(variable, path) {
            path.display().to_string()
        } else {
            HIDDEN.to_owned()
        }
    };
    let hidden = |set: bool| set.then(|| HIDDEN.to_owned());
    match variable {
        var::ENGINE => Some(settings.engine.to_string()),
        var::HOSTNAME => Some(joined(settings, host)),
        var::PORT => Some(ports(settings)),
        var::USERNAME => Some(settings.username.clone()),
        var::PASSWORD => hidden(matches!(settings.password, PasswordSource::Inline(_))),
        var::PASSWORD_FILE => match &settings.password {
            PasswordSource::File(file) => Some(path(file.path())),
            PasswordSource::None | PasswordSource::Inline(_) => None,
        },
        var::IDENTITY_FILE => environment.get(variable).map(|text| path(Path::new(text))),
        // The variable holds the name without its prefix; the default has none.
        var::NAME => environment
            .get(variable)
            .map(str::to_owned)
            .or_else(|| settings.database.clone()),
        var::NAME_PREFIX => {
            Some(settings.database_prefix.clone()).filter(|prefix| !prefix.is_empty())
        }
        var::SSL_CA => tls.ca.as_deref().map(path),
        var::SSL_CERT => tls.identity.as_ref().map(|identity| path(&identity.cert)),
        var::SSL_KEY => tls.identity.as_ref().map(|identity| path(&identity.key)),
        var::SSL_KEY_PASSWORD_FILE => tls
            .identity
            .as_ref()
            .and_then(|identity| identity.key_password_file.as_ref())
            .map(|file| path(file.path())),
        var::SSL_VERIFY => Some(
            match tls.verification {
                Verification::Full => "on",
                Verification::ChainOnly => "chain only",
                Verification::Off => "off",
            }
            .to_owned(),
        ),
        var::SSL_SERVER_NAME => tls.server_name.clone(),
        var::SSL_CRL => tls.crl.as_deref().map(path),
        var::SSL_CRL_STALE => Some(tls.crl_stale.to_string()),
        var::SECURITY_LEVEL => tls.security_level.map(|level| level.to_string()),
        var::SSL_PINS => tls.pins.as_ref().map(ToString::to_string),
        var::SSL_PINS_REPORT_ONLY => tls.pins_report_only.as_ref().map(ToString::to_string),
        var::SSL_REPORT_FILE => tls.reports.file.as_deref().map(path),
        var::SSL_REPORT_URI => tls.reports.uri.as_ref().map(ToString::to_string),
        var::SSL_NEGOTIATION => {
            (settings.engine == Engine::Postgres).then(|| tls.negotiation.to_string())
        }
        var::CONNECTION_OPTION => hidden(environment.get(variable).is_some()),
        var::CHANNEL_BINDING => Some(settings.channel_binding.to_string()),
        var::TARGET => Some(settings.target.to_string()),
        var::ALLOWED_NETWORKS => settings.allowed_networks.as_ref().map(ToString::to_string),
        var::TUNNEL_ALLOWED_CLIENTS => {
            let clients = settings.tunnel.allowed_clients.as_ref();
            clients.map(ToString::to_string)
        }
        var::WEB_SECURITY_LEVEL => Some(settings.tunnel.security_level.to_string()),
        var::CONNECT_TIMEOUT => Some(written(settings.connect_timeout)),
        var::READ_TIMEOUT => Some(written(settings.read_timeout)),
        var::CONNECTION_IDLE_TIMEOUT => settings.idle_timeout.map(written),
        var::POOL_MAX_SIZE => Some(pool.max_size.to_string()),
        var::POOL_MIN_IDLE => Some(pool.min_idle.to_string()),
        var::POOL_WAIT_TIMEOUT => Some(written(pool.wait_timeout)),
        var::POOL_MAX_LIFETIME => Some(written(pool.max_lifetime)),
        var::POOL_RECYCLE => Some(pool.recycle.to_string()),
        var::PERSISTENT => Some(if pool.keep_idle { "on" } else { "off" }.to_owned()),
        var::ROLE => Some(settings.role.to_string()),
        _ => None,
    }
}

fn note(variable: &str, settings: &Settings, environment: &Environment) -> Option<String> {
    let set = environment.get(variable).is_some();
    let note = match variable {
        var::CONNECTION_OPTION if set && settings.role == Role::Webapp => "ignored for webapp",
        var::CONNECTION_OPTION if set => "deprecated; see wa-db migrate",
        var::SSL_VERIFY if set && settings.role == Role::Coreapp => {
            "the variable is ignored for coreapp"
        }
        var::SSL_CA if settings.tls.ca.is_none() => "the system's certificate store",
        var::SSL_SERVER_NAME if settings.tls.server_name.is_none() => "the host's own name",
        var::SECURITY_LEVEL if settings.tls.security_level.is_none() => {
            "TLS 1.2 and up, with OpenSSL's suites"
        }
        var::SSL_NEGOTIATION if settings.engine == Engine::MySql => "PostgreSQL only",
        var::TUNNEL_ALLOWED_CLIENTS if settings.tunnel.allowed_clients.is_none() => {
            "a tunnel listens on loopback and Unix sockets only"
        }
        var::PORT if port_from_host(settings, environment) => "as the host list says",
        var::NAME if settings.database.is_none() => "no database is opened",
        var::NAME if set && !settings.database_prefix.is_empty() => {
            return settings
                .database
                .as_ref()
                .map(|name| format!("opens {name}"));
        }
        var::CONNECTION_IDLE_TIMEOUT if settings.idle_timeout.is_none() => {
            "idle connections are kept until the end of their lifetime"
        }
        var::ALLOWED_NETWORKS if settings.allowed_networks.is_none() => {
            "any address may be dialled"
        }
        _ => return None,
    };
    Some(note.to_owned())
}

fn joined(settings: &Settings, show: impl Fn(&Host) -> String) -> String {
    settings
        .endpoints
        .iter()
        .map(|endpoint| show(endpoint.host()))
        .collect::<Vec<_>>()
        .join(",")
}

fn host(host: &Host) -> String {
    match host {
        Host::Name(name) => name.clone(),
        Host::Ip(ip) => ip.to_string(),
        Host::Socket(path) => path.display().to_string(),
    }
}

/// One port when all hosts share it, else one for each.
fn ports(settings: &Settings) -> String {
    let mut ports: Vec<_> = settings
        .endpoints
        .iter()
        .map(|e| e.port().to_string())
        .collect();
    if ports.iter().all(|port| Some(port) == ports.first()) {
        ports.truncate(1);
    }
    ports.join(",")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::settings::SecretFile;

    #[test]
    fn effective_settings_name_the_source_of_every_value() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "WA_DB_NAME=shop\n").unwrap();
        let environment = Environment::from_pairs([
            ("WA_DB_ENGINE", "mysql"),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_PASSWORD", "hunter2"),
            ("WA_DB_NAME_PREFIX", "x_"),
            (
                "WA_DB_CONNECTION_OPTION",
                "SSL_CA=/old.pem;sslmode=verify-ca",
            ),
            ("WA_DB_HOSTNAME", "a:1,b:2"),
        ])
        .with_env_file(file.path())
        .unwrap();
        let settings = Settings::from_environment(Role::Coreapp, &environment).unwrap();
        let lines = settings.effective();
        let names: Vec<_> = lines.iter().map(|line| line.variable).collect();
        assert_eq!(names, var::ALL);
        for (variable, value, source, note) in [
            ("WA_DB_ENGINE", Some("mysql"), "environment", None),
            ("WA_DB_HOSTNAME", Some("a,b"), "environment", None),
            (
                "WA_DB_PORT",
                Some("1,2"),
                "environment",
                Some("as the host list says"),
            ),
            ("WA_DB_PASSWORD", Some("(hidden)"), "environment", None),
            ("WA_DB_PASSWORD_FILE", None, "default", None),
            ("WA_DB_NAME", Some("shop"), "env-file", Some("opens x_shop")),
            (
                "WA_DB_SSL_CA",
                Some("/old.pem"),
                "legacy option SSL_CA",
                None,
            ),
            (
                "WA_DB_SSL_VERIFY",
                Some("chain only"),
                "legacy option sslmode",
                None,
            ),
            (
                "WA_DB_CONNECTION_OPTION",
                Some("(hidden)"),
                "environment",
                Some("deprecated"),
            ),
            ("WA_DB_CONNECT_TIMEOUT", Some("10s"), "default", None),
            ("WA_DB_POOL_MAX_LIFETIME", Some("30m"), "default", None),
            ("WA_DB_ROLE", Some("coreapp"), "default", None),
        ] {
            let line = lines.iter().find(|line| line.variable == variable).unwrap();
            assert_eq!(line.value.as_deref(), value, "{variable}");
            assert!(
                line.source.to_string().starts_with(source),
                "{variable}: {}",
                line.source
            );
            if let Some(note) = note {
                assert!(
                    line.note.as_deref().unwrap_or_default().contains(note),
                    "{line:?}"
                );
            }
        }
        assert!(!format!("{lines:?}").contains("hunter2"));
    }

    #[test]
    fn what_does_not_look_like_the_path_of_a_secret_file_is_hidden() {
        for (given, shown) in [("/key", "/key"), ("hunter2-Secret", HIDDEN)] {
            let environment = Environment::from_pairs([
                ("WA_DB_ENGINE", "mysql"),
                ("WA_DB_HOSTNAME", "db"),
                ("WA_DB_USERNAME", "app"),
                ("WA_DB_SSL_CERT", "cert.pem"),
                ("WA_DB_SSL_KEY", given),
                ("WA_DB_SSL_KEY_PASSWORD_FILE", given),
            ]);
            let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
            let value = |variable| {
                let mut lines = settings.effective().iter();
                let line = lines.find(|line| line.variable == variable).unwrap();
                line.value.clone().unwrap()
            };
            assert_eq!(value("WA_DB_SSL_CERT"), "cert.pem");
            assert_eq!(value("WA_DB_SSL_KEY"), shown);
            assert_eq!(value("WA_DB_SSL_KEY_PASSWORD_FILE"), shown);
            assert!(!format!("{settings:?}").contains("hunter2"));
        }
        let source = PasswordSource::File(SecretFile::password("hunter2-Secret".into(), None));
        assert!(!format!("{source:?}").contains("hunter2"));
    }
}
