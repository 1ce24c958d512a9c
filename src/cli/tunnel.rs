//! `wa-db tunnel`: carries local clients' sessions until it is told to end.

use super::args::TunnelArgs;
use super::exit::Exit;
use super::logging;
use super::printer;
use super::runtime;
use super::scope;
use super::service::refused;
use crate::settings::{Role, Settings, SettingsError, role_of};
use crate::tunnel::{self, Options};

/// Runs the tunnel that the flags ask for.
pub(super) fn run(args: &TunnelArgs) -> Exit {
    logging::start_service(args.verbose);
    let environment = match scope::environment(&args.file) {
        Ok(environment) => environment,
        Err(error) => return refused(&error),
    };
    let role: Role = match (args.role, role_of(&environment)) {
        (Some(role), _) => role.into(),
        (None, Ok(Some(role))) => role,
        (None, Ok(None)) => {
            let message = "a tunnel is for one role: --role or WA_DB_ROLE must say which";
            printer::to_stderr(|printer| {
                printer.fault("", message, "give --role webapp or --role coreapp")
            });
            return Exit::Usage;
        }
        (None, Err(fault)) => return refused(&SettingsError::new(vec![fault])),
    };
    let settings = match Settings::from_environment(role, &environment) {
        Ok(settings) => settings,
        Err(error) => return refused(&error),
    };
    for warning in settings.warnings() {
        tracing::warn!("{}", warning.message);
    }
    let runtime = match runtime::start() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let ended = runtime.block_on(tunnel::run(&options(args), &settings));
    // Its goodbyes and reports have left.
    runtime.shutdown_background();
    match ended {
        Ok(()) => Exit::Success,
        Err(error) => refused(&error),
    }
}

fn options(args: &TunnelArgs) -> Options {
    Options {
        listen: args.listen.clone(),
        max_connections: args.max_connections,
        max_connections_per_client: args.max_connections_per_client,
        client_uids: args.client_uid.clone(),
        admin: args.admin,
        drain: args.drain,
        inject: args.inject,
        tls: args.listener_tls.files(),
    }
}
