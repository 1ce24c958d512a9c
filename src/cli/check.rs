//! `wa-db check`: makes the plan, runs it, prints the report.

use std::io;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::args::{CheckArgs, Format};
use super::exit::{self, Exit};
use super::logging;
use super::own_roots;
use super::printer::{self, Paint, Printer};
use super::progress::Indicator;
use super::runtime;
use super::scope::{self, Scope};
use super::text::{self, Verbosity};
use super::waiting::Waiter;
use crate::check::{self, CheckPlan, CheckReport};
use crate::wire::LostReports;

/// Runs the check that the flags ask for.
pub(super) fn run(args: &CheckArgs) -> Exit {
    let logging = logging::start(args.verbose);
    let started = Instant::now();
    let (report, runtime) = match Scope::read(&args.scope) {
        Ok(scope) => {
            own_roots::leave_system_store_unread(&scope);
            match execute(&plan(args, scope), logging, args.quiet) {
                Ok((report, runtime)) => (report, Some(runtime)),
                Err(exit) => return exit,
            }
        }
        Err(error) => {
            let roles = scope::roles_meant(&args.scope);
            let report = CheckReport::of_settings_error(&roles, &error, started.elapsed());
            (report, None)
        }
    };
    let result = printer::to_stdout(|printer| match args.format {
        Format::Json => printer.json(&report),
        Format::Text => text::print(&report, verbosity(args), printer),
    });
    if let Some(runtime) = runtime {
        let lost = runtime::end(runtime);
        printer::to_stderr(|printer| print_lost(&lost, printer));
    }
    exit::printed(result, Exit::Code(report.exit_code()))
}

fn plan(args: &CheckArgs, scope: Scope) -> CheckPlan {
    CheckPlan {
        environment: scope.environment,
        roles: scope.roles,
        timeout: args.timeout,
        wait: args.wait,
        connections: args.connections,
        strict: args.strict,
    }
}

fn execute(plan: &CheckPlan, logging: bool, quiet: bool) -> Result<(CheckReport, Runtime), Exit> {
    let runtime = runtime::start()?;
    let indicator = Indicator::beside(logging);
    let waiter = Waiter::new(quiet);
    let report = runtime.block_on(check::run(plan, &|progress| {
        waiter.show(&progress);
        indicator.show(progress);
    }));
    drop(indicator);
    waiter.finish();
    Ok((report, runtime))
}

/// Says which reports came nowhere. The check is not about them, so its verdict stands.
fn print_lost(lost: &[LostReports], printer: &mut Printer<'_>) -> io::Result<()> {
    let mut lost = lost.iter();
    lost.try_for_each(
        |LostReports {
             variable,
             count,
             why,
         }| {
            let told = match count {
                1 => format!("{variable}: a report was not delivered: {why}"),
                _ => format!(
                    "{variable}: {count} reports were not delivered, the last one because {why}"
                ),
            };
            printer.labelled("", Paint::Caution, "warning", &told)
        },
    )
}

fn verbosity(args: &CheckArgs) -> Verbosity {
    match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cli::fixtures;
    use crate::cli::printer::Style;

    fn json(report: &CheckReport) -> String {
        let mut out = Vec::new();
        let style = Style {
            colour: true,
            unicode: true,
            width: None,
        };
        Printer::new(&mut out, style).json(report).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_of_a_passing_check_has_every_field_of_the_contract() {
        insta::assert_snapshot!("json_passing", json(&fixtures::passing()));
    }

    #[test]
    fn json_of_a_failing_check_has_the_error_and_the_certificate_that_was_seen() {
        insta::assert_snapshot!("json_failing", json(&fixtures::failing()));
    }

    #[test]
    fn json_with_verification_off_names_what_would_have_failed() {
        insta::assert_snapshot!("json_unverified", json(&fixtures::unverified(false)));
        let strict: serde_json::Value =
            serde_json::from_str(&json(&fixtures::unverified(true))).unwrap();
        assert_eq!(
            (&strict["ok"], &strict["exit_code"]),
            (&false.into(), &17.into())
        );
    }

    #[test]
    fn json_of_faulty_settings_lists_every_fault() {
        insta::assert_snapshot!("json_faulty_settings", json(&fixtures::faulty_settings()));
    }

    #[test]
    fn json_holds_no_control_character_even_from_a_hostile_server() {
        let json = json(&fixtures::hostile());
        assert!(
            json.chars().all(|c| c == '\n' || !c.is_control()),
            "{json:?}"
        );
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let subject = value["targets"][0]["tls"]["certificate"]["subject"]
            .as_str()
            .unwrap();
        assert!(
            subject.contains('\u{1b}'),
            "the value itself is kept: {subject:?}"
        );
    }
}
