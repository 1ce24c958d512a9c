//! `wa-db monitor`: looks, audits and serves until it is told to end.

use super::args::MonitorArgs;
use super::exit::Exit;
use super::logging;
use super::own_roots;
use super::runtime;
use super::scope::Scope;
use super::service::refused;
use crate::monitor::{self, Options};

/// Runs the monitor that the flags ask for.
pub(super) fn run(args: &MonitorArgs) -> Exit {
    logging::start_service(args.verbose);
    let scope = match Scope::read(&args.scope) {
        Ok(scope) => scope,
        Err(error) => return refused(&error),
    };
    own_roots::leave_system_store_unread(&scope);
    let runtime = match runtime::start() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let ended = runtime.block_on(monitor::run(&options(args, scope)));
    runtime::end(runtime);
    match ended {
        Ok(()) => Exit::Success,
        Err(error) => refused(&error),
    }
}

fn options(args: &MonitorArgs, scope: Scope) -> Options {
    Options {
        environment: scope.environment,
        // Where several say something, the last one counts.
        env_file: args.scope.file.env_file.last().cloned(),
        suppressions: args.suppressions.clone(),
        roles: scope.roles,
        interval: args.interval,
        admin: args.admin,
        log_line: logging::line_of,
        tls: args.listener_tls.files(),
    }
}
