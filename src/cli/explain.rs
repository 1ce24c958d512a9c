//! `wa-db explain`: every variable with the value that counts and where that comes from.

use std::io;

use serde::Serialize;

use super::args::{ExplainArgs, Format};
use super::exit::{self, Exit};
use super::printer::{self, Paint, Printer};
use super::scope::{self, Scope};
use crate::check::OtherFault as FaultReport;
use crate::code::Stage;
use crate::settings::{Effective, Role, Settings, SettingsError, Source, Warning};

/// Explains the settings of the roles that the flags ask for.
pub(super) fn run(args: &ExplainArgs) -> Exit {
    let explanation = match Scope::read(&args.scope) {
        Ok(scope) => Explanation::of(&scope),
        Err(error) => Explanation::of_error(scope::roles_meant(&args.scope), &error),
    };
    let exit = if explanation.ok {
        Exit::Success
    } else {
        Exit::Code(Stage::Settings.exit_code())
    };
    let result = printer::to_stdout(|printer| match args.format {
        Format::Json => printer.json(&explanation),
        Format::Text => explanation.print(printer),
    });
    if args.format == Format::Text {
        printer::to_stderr(|printer| explanation.print_remarks(printer));
    }
    exit::printed(result, exit)
}

/// All that `explain` prints, in the shape of its JSON.
#[derive(Debug, Serialize)]
struct Explanation {
    version: u8,
    ok: bool,
    roles: Vec<RoleExplanation>,
}

#[derive(Debug, Serialize)]
struct RoleExplanation {
    role: Role,
    ok: bool,
    /// Who performs the TLS handshake, `direct` or `wire`; `null` where the settings are faulty.
    depth: Option<&'static str>,
    /// The variables that ask for more than the driver's own TLS can do.
    depth_because: Vec<&'static str>,
    variables: Vec<Effective>,
    warnings: Vec<Warning>,
    faults: Vec<FaultReport>,
}

impl Explanation {
    fn of(scope: &Scope) -> Self {
        let explain = |role: &Role| match Settings::from_environment(*role, &scope.environment) {
            Ok(settings) => RoleExplanation {
                role: *role,
                ok: true,
                depth: Some(settings.tls().depth().as_str()),
                depth_because: settings.tls().depth().asked_for_by().to_vec(),
                variables: variables(&settings, scope.by_flag),
                warnings: settings.warnings().to_vec(),
                faults: Vec::new(),
            },
            Err(error) => RoleExplanation::of_error(*role, &error),
        };
        Self::new(scope.roles.iter().map(explain).collect())
    }

    fn of_error(roles: Vec<Role>, error: &SettingsError) -> Self {
        Self::new(
            roles
                .into_iter()
                .map(|role| RoleExplanation::of_error(role, error))
                .collect(),
        )
    }

    fn new(roles: Vec<RoleExplanation>) -> Self {
        Self {
            version: 1,
            ok: roles.iter().all(|role| role.ok),
            roles,
        }
    }

    /// The tables, in columns of the same width.
    fn print(&self, printer: &mut Printer<'_>) -> io::Result<()> {
        let widths = widths(self.roles.iter().flat_map(|role| &role.variables));
        for (index, role) in self.roles.iter().filter(|role| role.ok).enumerate() {
            if index > 0 {
                printer.end()?;
            }
            printer.put(Paint::Strong, role.role.as_str())?;
            printer.end()?;
            if let Some(depth) = role.depth {
                let line = depth_line(depth, &role.depth_because);
                printer.put(Paint::Plain, &line)?;
                printer.end()?;
            }
            let mut rows = role.variables.iter();
            rows.try_for_each(|effective| print_row(effective, widths, printer))?;
        }
        Ok(())
    }

    /// What is wrong or should be changed. What holds for both roles is said once.
    fn print_remarks(&self, printer: &mut Printer<'_>) -> io::Result<()> {
        let mut said: Vec<&str> = Vec::new();
        for role in &self.roles {
            for fault in &role.faults {
                if !said.contains(&fault.message.as_str()) {
                    said.push(&fault.message);
                    printer.fault("", &fault.message, &fault.hint)?;
                }
            }
            for warning in &role.warnings {
                if !said.contains(&warning.message.as_str()) {
                    said.push(&warning.message);
                    printer.labelled("", Paint::Caution, "warning", &warning.message)?;
                }
            }
        }
        Ok(())
    }
}

impl RoleExplanation {
    fn of_error(role: Role, error: &SettingsError) -> Self {
        let faults = error.faults().iter().map(FaultReport::from).collect();
        Self {
            role,
            ok: false,
            depth: None,
            depth_because: Vec::new(),
            variables: Vec::new(),
            warnings: error.warnings().to_vec(),
            faults,
        }
    }
}

/// Who performs the TLS handshake, and why.
fn depth_line(depth: &str, because: &[&str]) -> String {
    let why = match because {
        [] => "the driver's own TLS can do all that is asked".to_owned(),
        [only] => format!("{only} asks for more than the driver's own TLS can do"),
        several => format!(
            "{} ask for more than the driver's own TLS can do",
            several.join(", ")
        ),
    };
    format!("  TLS depth: {depth} ({why})")
}

/// What every variable comes to, `WA_DB_ROLE` as the command line has it.
fn variables(settings: &Settings, by_flag: bool) -> Vec<Effective> {
    let mut variables = settings.effective().to_vec();
    let role = variables.iter_mut().find(|v| v.variable == "WA_DB_ROLE");
    if let Some(role) = role.filter(|_| by_flag) {
        role.source = Source::CommandLine;
    }
    variables
}

fn print_row(
    effective: &Effective,
    widths: [usize; 4],
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    // What nobody has set recedes, so that the eye finds what somebody has.
    let default = effective.source == Source::Default;
    let paint = if default { Paint::Faint } else { Paint::Plain };
    let mut line = String::from("  ");
    for (cell, width) in cells(effective).iter().zip(widths) {
        line.push_str(cell);
        let missing = width.saturating_sub(cell.chars().count());
        line.extend(std::iter::repeat_n(' ', missing + 2));
    }
    printer.put(paint, line.trim_end())?;
    printer.end()
}

/// A column grows with its cells up to this width; a longer cell pushes the rest of its line.
const WIDEST: usize = 40;

/// Variable, value, source, note.
fn cells(effective: &Effective) -> [String; 4] {
    [
        effective.variable.to_owned(),
        effective.value.clone().unwrap_or_else(|| "-".to_owned()),
        effective.source.to_string(),
        effective.note.clone().unwrap_or_default(),
    ]
}

fn widths<'a>(rows: impl Iterator<Item = &'a Effective>) -> [usize; 4] {
    let mut widths = [0; 4];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(cells(row)) {
            *width = (*width).max(cell.chars().count().min(WIDEST));
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cli::fixtures::PLAIN;
    use crate::settings::Environment;

    fn text(print: impl FnOnce(&mut Printer<'_>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut Printer::new(&mut out, PLAIN)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn explanation() -> Explanation {
        explanation_with("WA_DB_SSL_CRL", "")
    }

    fn explanation_with(variable: &str, value: &str) -> Explanation {
        let environment = Environment::from_pairs([
            (variable, value),
            ("WA_DB_ENGINE", "MYSQL"),
            ("WA_DB_HOSTNAME", "db"),
            ("WA_DB_USERNAME", "root"),
            ("WA_DB_PASSWORD", "testpass"),
            ("WA_DB_SSL_VERIFY", "off"),
            (
                "WA_DB_CONNECTION_OPTION",
                "SSL_CA=/usr/local/waent/data/certs/ca.pem",
            ),
        ]);
        let roles = vec![Role::Webapp, Role::Coreapp];
        Explanation::of(&Scope {
            environment,
            roles,
            by_flag: true,
        })
    }

    #[test]
    fn tables_of_both_roles_stand_in_the_same_columns() {
        let text = text(|printer| explanation().print(printer));
        let columns: Vec<_> = text
            .lines()
            .filter(|line| line.contains("WA_DB_HOSTNAME"))
            .map(|line| line.find("environment").unwrap())
            .collect();
        assert!(columns.len() == 2 && columns[0] == columns[1], "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
        assert!(text.contains("legacy option SSL_CA"), "{text}");
    }

    #[test]
    fn the_depth_and_the_variables_that_ask_for_it_are_told() {
        for (variable, value, depth) in [
            ("WA_DB_SSL_CRL", "", "direct"),
            ("WA_DB_SSL_CRL", "/crl.pem", "wire"),
            ("WA_DB_SECURITY_LEVEL", "OLD", "wire"),
        ] {
            let explanation = explanation_with(variable, value);
            let text = text(|printer| explanation.print(printer));
            assert!(text.contains(&format!("TLS depth: {depth} (")), "{text}");
            let named = text.contains(&format!("({variable} asks for more"));
            assert_eq!(named, depth == "wire", "{text}");
            let json = serde_json::to_value(&explanation).unwrap();
            let because: &[&str] = match depth {
                "wire" => &[variable],
                _ => &[],
            };
            assert_eq!(json["roles"][0]["depth"], depth);
            assert_eq!(
                json["roles"][0]["depth_because"],
                serde_json::json!(because)
            );
        }
    }

    #[test]
    fn json_has_every_variable_of_each_role_and_no_secret() {
        let json = text(|printer| printer.json(&explanation()));
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        for (index, role) in ["webapp", "coreapp"].into_iter().enumerate() {
            let explained = &value["roles"][index];
            assert_eq!(explained["role"], role);
            let variables = explained["variables"].as_array().unwrap();
            let find = |name: &str| variables.iter().find(|v| v["variable"] == name).unwrap();
            assert_eq!(find("WA_DB_PASSWORD")["value"], "(hidden)");
            assert_eq!(find("WA_DB_ENGINE")["source"], "environment");
            assert_eq!(find("WA_DB_ROLE")["source"], "command line");
            let legacy = find("WA_DB_CONNECTION_OPTION");
            assert_eq!(legacy["value"], "(hidden)");
            assert_eq!(legacy["source"], "environment");
            let ignored = legacy["note"] == "ignored for webapp";
            assert_eq!(ignored, role == "webapp", "{legacy}");
            assert!(!explained["warnings"].as_array().unwrap().is_empty());
        }
        assert!(!json.contains("testpass"), "{json}");
    }
}
