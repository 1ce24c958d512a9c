//! `wa-db audit`: looks at the servers and prints what was found, or prints the rules.

#[cfg(test)]
mod fixtures;
mod pages;
mod sarif;
mod subjects;
mod text;

use time::OffsetDateTime;
use tokio::runtime::Runtime;

use self::sarif::Sarif;
use self::text::Detail;
use super::args::{AuditArgs, AuditFormat};
use super::exit::{self, Exit};
use super::progress::Indicator;
use super::{logging, printer, runtime};
use crate::audit::{self, AuditPlan, AuditReport, Suppressions};
use crate::check::Progress;
use crate::code::Stage;

/// Runs the audit that the flags ask for.
pub(super) fn run(args: &AuditArgs) -> Exit {
    if let Some(usage) = subjects::usage(args) {
        return exit::usage(usage);
    }
    if args.list || args.explain.is_some() {
        return pages::run(args);
    }
    let logging = logging::start(args.verbose);
    let (report, runtime) = match plan(args) {
        Ok(plan) => match execute(&plan, logging) {
            Ok((report, runtime)) => (report, Some(runtime)),
            Err(exit) => return exit,
        },
        Err(report) => (report, None),
    };
    let result = printer::to_stdout(|printer| match args.format {
        AuditFormat::Json => printer.json(&report),
        AuditFormat::Sarif => printer.json(&Sarif(&report)),
        AuditFormat::Text => text::print(&report, detail(args), printer),
    });
    if args.quiet && args.format == AuditFormat::Text {
        printer::to_stderr(|printer| text::warnings(&report, printer));
    }
    if let Some(runtime) = runtime {
        runtime::end(runtime);
    }
    exit::printed(result, Exit::Code(report.exit_code()))
}

/// The plan, or the report of what keeps it from being made.
fn plan(args: &AuditArgs) -> Result<AuditPlan, AuditReport> {
    let fail_on = args.fail_on.into();
    let failed =
        |error| AuditReport::of_settings_error(&subjects::roles_meant(args), &error, fail_on);
    let services = subjects::read(args).map_err(failed)?;
    let suppressions = match &args.suppressions {
        Some(file) => Suppressions::read(file).map_err(failed)?,
        None => Suppressions::default(),
    };
    Ok(AuditPlan {
        suppressions,
        today: OffsetDateTime::now_utc().date(),
        subjects: services.subjects,
        roles: services.roles,
        passed_over: Vec::new(),
        fail_on,
        log_line: logging::line_of,
    })
}

fn execute(plan: &AuditPlan, logging: bool) -> Result<(AuditReport, Runtime), Exit> {
    let runtime = runtime::start()?;
    let indicator = Indicator::beside(logging);
    let report = runtime.block_on(audit::run(plan, &|role, endpoint| {
        indicator.show(Progress {
            role,
            endpoint: Some(endpoint.clone()),
            stage: Stage::Connect,
            attempt: 1,
            waiting: None,
        });
    }));
    drop(indicator);
    Ok((report, runtime))
}

fn detail(args: &AuditArgs) -> Detail {
    match (args.quiet, args.verbose) {
        (true, _) => Detail::Failing,
        (false, true) => Detail::Everything,
        (false, false) => Detail::Normal,
    }
}
