//! The `WA_DB_SSL_*` part of the settings. Whatever weakens verification passes through here.

use std::path::PathBuf;

use super::or;
use crate::endpoint::Engine;
use crate::settings::fault::{Fault, Report};
use crate::settings::legacy::{LegacyMode, Mode};
use crate::settings::parse::{boolean, path, server_name, word};
use crate::settings::raw::Raw;
use crate::settings::variables as var;
use crate::settings::{
    CrlStale, IdentityFiles, Negotiation, PinSet, ReportTargets, ReportUri, Role, SecretFile,
    TlsSettings, Verification,
};

/// Puts `WA_DB_SSL_*` together. What is faulty is left out, and its fault told. `secrets` is what opens
/// the key's password.
pub(super) fn tls(
    role: Role,
    raw: &Raw,
    engine: Option<Engine>,
    secrets: Option<&PathBuf>,
    mode: Option<&LegacyMode>,
    report: &mut Report,
) -> TlsSettings {
    let mut file = |variable: &'static str, text: &Option<String>| {
        text.as_deref()
            .and_then(|text| report.keep(path::path(variable, text)))
    };
    let ca = file(var::SSL_CA, &raw.ssl_ca);
    let cert = file(var::SSL_CERT, &raw.ssl_cert);
    let key = file(var::SSL_KEY, &raw.ssl_key);
    let key_password_file = file(var::SSL_KEY_PASSWORD_FILE, &raw.ssl_key_password_file);
    let crl = file(var::SSL_CRL, &raw.ssl_crl);
    let report_file = file(var::SSL_REPORT_FILE, &raw.ssl_report_file);
    let mut pins = |variable: &'static str, text: &Option<String>| {
        text.as_deref()
            .and_then(|text| report.keep_all(PinSet::parse(variable, text)))
    };
    let enforced = pins(var::SSL_PINS, &raw.ssl_pins);
    let report_only = pins(var::SSL_PINS_REPORT_ONLY, &raw.ssl_pins_report_only);
    half_identity(raw, report);
    let server_name = raw
        .ssl_server_name
        .as_deref()
        .and_then(|text| report.keep(server_name::server_name(text)));
    let verification = match role {
        Role::Webapp => webapp(raw, report),
        Role::Coreapp => coreapp(raw, mode, report),
    };
    let security_level = raw
        .security_level
        .as_deref()
        .and_then(|text| report.keep(word::security_level(var::SECURITY_LEVEL, text)));
    TlsSettings {
        crl_stale: crl_stale(raw, verification, report),
        negotiation: negotiation(raw, engine, report),
        reports: ReportTargets {
            file: report_file,
            uri: raw
                .ssl_report_uri
                .as_deref()
                .and_then(|text| report.keep(ReportUri::parse(text))),
        },
        verification,
        ca,
        identity: cert.zip(key).map(|(cert, key)| IdentityFiles {
            cert,
            key,
            key_password_file: key_password_file
                .map(|path| SecretFile::key_password(path, secrets.cloned())),
        }),
        server_name,
        crl,
        security_level,
        pins: enforced,
        pins_report_only: report_only,
    }
}

/// `WA_DB_SSL_CRL_STALE`, and what makes it or the lists themselves useless.
fn crl_stale(raw: &Raw, verification: Verification, report: &mut Report) -> CrlStale {
    let (lists, stale) = (var::SSL_CRL, var::SSL_CRL_STALE);
    match (&raw.ssl_crl, &raw.ssl_crl_stale) {
        (None, Some(_)) => report.warn(
            stale,
            format!("{stale} has no effect, because {lists} is not set"),
        ),
        (Some(_), _) if verification == Verification::Off => report.warn(
            lists,
            format!(
                "{lists} is reported and not enforced, because the server is not verified: a \
                 revoked certificate is accepted"
            ),
        ),
        _ => {}
    }
    let text = raw.ssl_crl_stale.as_deref();
    or(text, word::crl_stale, CrlStale::default(), report)
}

fn negotiation(raw: &Raw, engine: Option<Engine>, report: &mut Report) -> Negotiation {
    let text = raw.ssl_negotiation.as_deref();
    let negotiation = or(text, word::negotiation, Negotiation::default(), report);
    if negotiation == Negotiation::Direct && engine == Some(Engine::MySql) {
        let name = var::SSL_NEGOTIATION;
        let message = format!("{name} is direct, and MySQL's protocol begins without TLS");
        let hint = "unset it: TLS is required all the same";
        report.contradiction([var::ENGINE, name], Fault::invalid(name, message, hint));
    }
    negotiation
}

/// A certificate without its key, or the reverse, is never what was meant.
fn half_identity(raw: &Raw, report: &mut Report) {
    let (set, unset, what) = match (&raw.ssl_cert, &raw.ssl_key) {
        (Some(_), None) => (var::SSL_CERT, var::SSL_KEY, "a certificate without its key"),
        (None, Some(_)) => (var::SSL_KEY, var::SSL_CERT, "a key without its certificate"),
        (None, None) => {
            if raw.ssl_key_password_file.is_some() {
                let name = var::SSL_KEY_PASSWORD_FILE;
                let message = format!("{name} has no effect, because {} is not set", var::SSL_KEY);
                report.warn(name, message);
            }
            return;
        }
        (Some(_), Some(_)) => return,
    };
    report.fault(Fault::missing(
        unset,
        format!("{set} is set and {unset} is not: {what} proves nothing"),
        format!("set {unset} to the file that belongs to it, or unset {set}"),
    ));
}

fn webapp(raw: &Raw, report: &mut Report) -> Verification {
    let verify = raw
        .ssl_verify
        .as_deref()
        .map(|text| boolean::boolean(var::SSL_VERIFY, text));
    // A faulty word keeps verification on; its fault stops the start anyway.
    match verify.and_then(|result| report.keep(result)) {
        None | Some(true) => Verification::Full,
        Some(false) => {
            let remedy = match raw.ssl_ca {
                Some(_) => "turn it on".to_owned(),
                None => format!("set {} and turn it on", var::SSL_CA),
            };
            let message = format!(
                "{} is off: the connection is encrypted, but anyone on the way can pose as the \
                 server and read the password; {remedy}",
                var::SSL_VERIFY
            );
            report.warn(var::SSL_VERIFY, message);
            Verification::Off
        }
    }
}

fn coreapp(raw: &Raw, mode: Option<&LegacyMode>, report: &mut Report) -> Verification {
    let verify = raw
        .ssl_verify
        .as_deref()
        .and_then(|text| report.keep(boolean::boolean(var::SSL_VERIFY, text)));
    if verify == Some(false) {
        let message = format!(
            "{} counts for webapp only: coreapp ignores it and verifies",
            var::SSL_VERIFY
        );
        report.warn(var::SSL_VERIFY, message);
    }
    let Some(LegacyMode { mode, option }) = mode else {
        return Verification::Full;
    };
    let asked = match mode {
        Mode::Full => return Verification::Full,
        Mode::Chain => Verification::ChainOnly,
        // As libpq has it: with a CA at hand, `require` verifies the chain.
        Mode::Require if raw.ssl_ca.is_some() => Verification::ChainOnly,
        Mode::Require => Verification::Off,
    };
    let winner = if verify == Some(true) {
        Some(var::SSL_VERIFY)
    } else {
        raw.ssl_server_name.as_ref().map(|_| var::SSL_SERVER_NAME)
    };
    if let Some(winner) = winner {
        let message = format!(
            "{winner} wins over {option} of {}: chain and name are verified",
            var::CONNECTION_OPTION
        );
        report.warn(var::CONNECTION_OPTION, message);
        return Verification::Full;
    }
    // libpq and MySQL's client refuse this too: with the public CAs of the system's store, anyone
    // with a certificate for any name could pose as the server.
    if asked == Verification::ChainOnly && raw.ssl_ca.is_none() {
        let message = format!(
            "{}: {option} asks for the chain alone, and no CA is set: any certificate of any \
             public CA would pass",
            var::CONNECTION_OPTION
        );
        let hint = format!(
            "set {} to the server's CA, or remove {option}: the name is then verified too",
            var::SSL_CA
        );
        report.fault(Fault::invalid(var::CONNECTION_OPTION, message, hint));
        return Verification::Full;
    }
    let lost = if asked == Verification::ChainOnly {
        "the server's name is not verified, so any certificate of the same CA can pose as the server"
    } else {
        "nothing is verified, so anyone on the way can pose as the server and read the password"
    };
    let ca = match raw.ssl_ca {
        Some(_) => String::new(),
        None => format!("set {} ", var::SSL_CA),
    };
    let message = format!(
        "{option} of {} weakens verification: {lost}; remove it, {ca}and, where the \
         certificate carries another name than the host, set {}",
        var::CONNECTION_OPTION,
        var::SSL_SERVER_NAME
    );
    report.warn(var::CONNECTION_OPTION, message);
    asked
}
