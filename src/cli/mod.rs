//! The `wa-db` command: flags in, text or JSON out.

mod args;
mod audit;
mod certs;
mod chains;
mod check;
mod duration;
mod exit;
mod explain;
#[cfg(test)]
mod fixtures;
mod logging;
mod migrate;
mod monitor;
mod own_roots;
mod pins;
mod printer;
mod progress;
mod runtime;
mod sanitize;
mod scope;
mod service;
mod text;
mod tunnel;
mod waiting;
mod wrap;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Args, Command};
use self::exit::Exit;

/// Runs the command that the process's arguments ask for.
pub fn main() -> ExitCode {
    exit::guarded(|| run(std::env::args_os())).into()
}

fn run(words: impl Iterator<Item = OsString>) -> Exit {
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => return no_command(&error),
    };
    match args.command {
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Certs(args) => certs::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Pins(args) => pins::run(&args),
        Command::Tunnel(args) => tunnel::run(&args),
        Command::Monitor(args) => monitor::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "wa-db", &mut script);
            exit::printed(
                io::Write::write_all(&mut io::stdout(), &script),
                Exit::Success,
            )
        }
    }
}

/// Prints help or version to stdout, or to stderr what is wrong with the command line.
fn no_command(error: &clap::Error) -> Exit {
    let exit = if error.exit_code() == 0 {
        Exit::Success
    } else {
        Exit::Usage
    };
    exit::printed(error.print(), exit)
}
