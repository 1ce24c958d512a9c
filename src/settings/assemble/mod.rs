//! From variables to [`Settings`]: parses each, checks them against each other, tells every fault.

mod limits;
mod secrets;
mod tls;

use super::environment::Environment;
use super::fault::{Fault, Report, SettingsError};
use super::parse::{hosts, ports, word};
use super::raw::Raw;
use super::variables as var;
use super::{
    AllowedNetworks, ChannelBinding, Role, SecurityLevel, Settings, TargetSession, TlsSettings,
    TunnelSettings, effective, legacy,
};
use crate::endpoint::{Endpoint, Engine, Host};

/// Puts the settings of one role together.
pub(super) fn assemble(role: Role, given: &Environment) -> Result<Settings, SettingsError> {
    let mut report = Report::default();
    given.report(&mut report);
    let engine = engine(given, &mut report);
    // The legacy string is laid under the variables before anything else is parsed, so that what it
    // sets goes through the same parsers.
    let (environment, mode) = legacy::lay_under(role, engine, given, &mut report);
    let raw = report.keep(Raw::read(&environment)).unwrap_or_default();

    if let Some(text) = &raw.role {
        report.keep(word::role(text));
    }
    let endpoints = endpoints(&raw, engine, given, &mut report);
    let username = username(&raw, given, &mut report);
    let identity = secrets::identity(&raw, &mut report);
    let password = secrets::password(&raw, identity.as_ref(), &mut report);
    let (database, database_prefix) = database(&raw, engine, &mut report);
    let tls = tls::tls(
        role,
        &raw,
        engine,
        identity.as_ref(),
        mode.as_ref(),
        &mut report,
    );
    secrets::at_rest(&password, identity.as_ref(), &tls, &mut report);
    if let Some(endpoints) = &endpoints {
        report_to_itself(&tls, endpoints, &mut report);
    }
    let channel_binding = channel_binding(&raw, engine, &mut report);
    let target = or(
        raw.target.as_deref(),
        word::target,
        TargetSession::Any,
        &mut report,
    );
    let allowed_networks = raw
        .allowed_networks
        .as_deref()
        .and_then(|text| report.keep_all(AllowedNetworks::parse(text)));
    let tunnel = tunnel(&environment, &raw, &mut report);
    let times = limits::times(&raw, &mut report);
    let pool = limits::pool(&raw, &mut report);

    report.tell_origins(&environment);
    let (faults, warnings) = report.finish();
    match (engine, endpoints, username) {
        (Some(engine), Some(endpoints), Some(username)) if faults.is_empty() => {
            let mut settings = Settings {
                role,
                engine,
                #[cfg(feature = "mysql")]
                is_mariadb: raw.engine.as_deref().is_some_and(word::is_mariadb),
                endpoints,
                username,
                password,
                database,
                database_prefix,
                tls,
                channel_binding,
                target,
                allowed_networks,
                connect_timeout: times.connect,
                read_timeout: times.read,
                idle_timeout: times.idle,
                pool,
                tunnel,
                warnings,
                effective: Vec::new(),
            };
            settings.effective = effective::list(&settings, &environment, mode.as_ref());
            Ok(settings)
        }
        _ => Err(SettingsError::new(faults)
            .with_warnings(warnings)
            .with_tls(tls)),
    }
}

/// The parsed text, or the default when it is unset or faulty.
fn or<T>(
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, Fault>,
    default: T,
    report: &mut Report,
) -> T {
    text.and_then(|text| report.keep(parse(text)))
        .unwrap_or(default)
}

/// The fault of a variable that is needed and not set. Its hint says first what is behind that:
/// nothing is set at all, or a name that nothing reads was probably meant to be this one.
fn missing(variable: &str, hint: &str, given: &Environment) -> Fault {
    let hint = match var::mistaken_for(variable, given.names()) {
        Some(name) => {
            let name = name.escape_debug();
            format!("{name} is set and not known; did you mean {variable}?")
        }
        None if variable == var::ENGINE && given.names().next().is_none() => format!(
            "no {}* variable is set: use --env-file FILE, or set them in the environment; {hint}",
            var::PREFIX
        ),
        None => hint.to_owned(),
    };
    Fault::missing(variable, format!("{variable} is not set"), hint)
}

fn engine(environment: &Environment, report: &mut Report) -> Option<Engine> {
    let result = environment.get(var::ENGINE).map_or_else(
        || {
            Err(missing(
                var::ENGINE,
                "set WA_DB_ENGINE to MYSQL, MARIADB or PGSQL",
                environment,
            ))
        },
        word::engine,
    );
    report.keep(result)
}

fn endpoints(
    raw: &Raw,
    engine: Option<Engine>,
    given: &Environment,
    report: &mut Report,
) -> Option<Vec<Endpoint>> {
    let ports = match raw.port.as_deref() {
        Some(text) => report.keep_all(ports::ports(text)),
        None => None,
    };
    let Some(text) = raw.hostname.as_deref() else {
        report.fault(missing(
            var::HOSTNAME,
            "set it to the database server's name, the one its certificate carries",
            given,
        ));
        return None;
    };
    // Without an engine the list is parsed all the same, for its faults.
    let default = engine.map_or(1, Engine::default_port);
    let hosts = hosts::hosts(text, ports.as_deref(), default);
    hosts
        .map_err(|faults| {
            for fault in faults {
                // The list of ports itself was parsed before.
                if fault.variable == var::PORT {
                    report.contradiction([var::HOSTNAME, var::PORT], fault);
                } else {
                    report.fault(fault);
                }
            }
        })
        .ok()
}

fn username(raw: &Raw, given: &Environment, report: &mut Report) -> Option<String> {
    if raw.username.is_none() {
        report.fault(missing(
            var::USERNAME,
            "set it to the database account's name",
            given,
        ));
    }
    raw.username.clone()
}

fn database(raw: &Raw, engine: Option<Engine>, report: &mut Report) -> (Option<String>, String) {
    for (variable, text) in [(var::NAME, &raw.name), (var::NAME_PREFIX, &raw.name_prefix)] {
        if text
            .as_deref()
            .is_some_and(|text| text.chars().any(char::is_control))
        {
            report.fault(Fault::invalid(
                variable,
                format!("{variable} holds a control character"),
                "a carriage return at the end comes from a file with Windows line ends",
            ));
        }
    }
    let prefix = raw.name_prefix.clone().unwrap_or_default();
    let name = match (&raw.name, engine) {
        (Some(name), _) => Some(format!("{prefix}{name}")),
        // The maintenance database of the server has no prefix: it belongs to nobody.
        (None, Some(Engine::Postgres)) => Some("postgres".to_owned()),
        (None, _) => None,
    };
    (name, prefix)
}

fn channel_binding(raw: &Raw, engine: Option<Engine>, report: &mut Report) -> ChannelBinding {
    let text = raw.channel_binding.as_deref();
    let binding = or(text, word::channel_binding, ChannelBinding::Prefer, report);
    if binding == ChannelBinding::Require && engine == Some(Engine::MySql) {
        let name = var::CHANNEL_BINDING;
        report.contradiction(
            [var::ENGINE, name],
            Fault::invalid(
                name,
                format!("{name} is require, and MySQL's protocol has none"),
                "unset it, or set it to prefer",
            ),
        );
    }
    binding
}

/// A report about a server that goes to that server tells nobody but the attacker.
fn report_to_itself(tls: &TlsSettings, endpoints: &[Endpoint], report: &mut Report) {
    let Some(uri) = &tls.reports.uri else {
        return;
    };
    let is_it = |endpoint: &Endpoint| {
        let host = match endpoint.host() {
            Host::Name(name) => name.clone(),
            Host::Ip(ip) => ip.to_string(),
            Host::Socket(_) => return false,
        };
        let names = [Some(host), tls.server_name.clone()];
        let mut names = names.into_iter().flatten();
        names.any(|name| uri.leads_to(&name, endpoint.port()))
    };
    if endpoints.iter().any(is_it) {
        let name = var::SSL_REPORT_URI;
        report.contradiction(
            [var::HOSTNAME, name],
            Fault::invalid(
                name,
                format!("{name} leads to the database server that the reports would be about"),
                "name another host: whoever poses as the server would get its reports",
            ),
        );
    }
}

fn tunnel(environment: &Environment, raw: &Raw, report: &mut Report) -> TunnelSettings {
    let level = |text: &str| word::security_level(var::WEB_SECURITY_LEVEL, text);
    let clients = raw.tunnel_allowed_clients.as_deref();
    TunnelSettings {
        security_level: or(
            environment.get(var::WEB_SECURITY_LEVEL),
            level,
            SecurityLevel::Modern,
            report,
        ),
        allowed_clients: clients.and_then(|text| {
            report.keep_all(AllowedNetworks::parse_of(var::TUNNEL_ALLOWED_CLIENTS, text))
        }),
    }
}
