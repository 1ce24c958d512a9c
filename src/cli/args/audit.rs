//! The command line of `wa-db audit`, and its help.

use std::path::PathBuf;

use clap::ValueEnum;

use super::RoleArg;
use crate::audit::{self, Rule, Severity};
use crate::settings::nearest;

/// `wa-db audit`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AuditArgs {
    /// The role whose settings count [default: WA_DB_ROLE, else both]
    #[arg(long, value_name = "ROLE", ignore_case = true)]
    pub(in crate::cli) role: Option<RoleArg>,
    /// Read variables from this file too; they win over the process environment
    ///
    /// Given twice, the first is the webapp's and the second the coreapp's, unless WA_DB_ROLE in a file
    /// says otherwise; each role then has its own, and rules compare the two.
    #[arg(long = "env-file", value_name = "FILE")]
    pub(in crate::cli) env_files: Vec<PathBuf>,
    /// How to print what was found
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: AuditFormat,
    /// Fail with exit code 18 if a finding is as bad as this, or worse
    #[arg(
        long,
        value_name = "SEVERITY",
        default_value = "high",
        ignore_case = true
    )]
    pub(in crate::cli) fail_on: SeverityArg,
    /// Do not count the findings that this file lets stand
    ///
    /// TOML, with an id, a reason and a last day for each; see below.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) suppressions: Option<PathBuf>,
    /// Print the page of a rule; nothing is dialled
    #[arg(long, value_name = "RULE", value_parser = rule, conflicts_with_all = NO_SERVER)]
    pub(in crate::cli) explain: Option<&'static Rule>,
    /// Print every rule; nothing is dialled
    #[arg(long, conflicts_with_all = NO_SERVER)]
    pub(in crate::cli) list: bool,
    /// Print only what fails the audit, and one line of summary; warnings go to stderr
    #[arg(short, long, conflicts_with = "verbose")]
    pub(in crate::cli) quiet: bool,
    /// Say of every finding why it matters, and log to stderr what is being done
    #[arg(short, long)]
    pub(in crate::cli) verbose: bool,
}

/// What is of no use where no server is looked at.
const NO_SERVER: [&str; 6] = [
    "role",
    "env_files",
    "fail_on",
    "suppressions",
    "quiet",
    "verbose",
];

/// `--format` of the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum AuditFormat {
    /// For people
    Text,
    /// For programs: one object
    Json,
    /// For code hosts and dashboards: a SARIF 2.1.0 log
    Sarif,
}

/// `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SeverityArg {
    /// Worth to be known
    Low,
    /// A second line of defence is missing, or something will break within weeks
    Medium,
    /// One mistake of another is enough to lose the data
    High,
    /// Whoever stands on the way can read or change the data now
    Critical,
}

impl From<SeverityArg> for Severity {
    fn from(argument: SeverityArg) -> Self {
        match argument {
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}

fn rule(text: &str) -> Result<&'static Rule, String> {
    let wanted = text.to_ascii_lowercase();
    if let Some(rule) = audit::rules().find(|rule| rule.id == wanted) {
        return Ok(rule);
    }
    let ids: Vec<_> = audit::rules().map(|rule| rule.id).collect();
    Err(match nearest(&wanted, ids.into_iter()) {
        Some(near) => format!("there is no such rule; did you mean {near}?"),
        None => "there is no such rule; 'wa-db audit --list' prints all".to_owned(),
    })
}

pub(super) const ABOUT: &str = "\
Say whether the link to each database is as safe as it should be, and what to change.

Looks at every server of WA_DB_HOSTNAME, for each role: at the variables and the files they name, at the \
chain that the server presents, at the session and the account. Rules then judge what was seen. Each \
finding says what was seen, why it matters, and the exact variable, statement or command that puts it \
right; no finding holds a secret. Nothing is written to any database.

What cannot be looked at has no findings: where a server is not reached or refuses the login, the exit \
code is that of the stage that failed, as with 'wa-db check'.";

pub(super) const AFTER: &str = "\
With --format json, one object:
  {\"version\": 1, \"ok\": …, \"exit_code\": …, \"fail_on\": \"high\", \"targets\": [
    {\"role\", \"engine\", \"endpoint\", \"error\": null or {\"stage\", \"code\", \"message\", \"hint\"},
     \"warnings\": […], \"findings\": [
       {\"id\", \"severity\", \"title\", \"evidence\", \"why\", \"fix\",
        \"suppressed\": null or {\"reason\", \"until\"}}]}],
   \"notes\": [what is to be known of the suppressions]}

A file of suppressions, in which role and endpoint may be left out:
  [[suppress]]
  id = \"link-name-override\"
  reason = \"the provider's certificate has one name for all customers\"
  until = 2027-03-31
  role = \"webapp\"
  endpoint = \"db.lab:5432\"   # with its port
It counts up to that day (UTC), and the finding comes back on the next.

Exit codes:
   0  nothing found as bad as --fail-on
   1  internal error
   2  usage
  10  settings: a variable, or a file that one names
  11  resolve, 12 connect, 13 tls, 14 authenticate, 15 session: a server could not be looked at
  18  found: as bad as --fail-on, or worse
With several targets: the lowest of 10 to 15, else 18.

Examples:
  both roles, from the environment:
    wa-db audit
  the two services' own files, compared with each other:
    wa-db audit --env-file webapp.env --env-file coreapp.env
  as a gate that lets nothing pass:
    wa-db audit --fail-on low -q
  what a rule is about, and all rules:
    wa-db audit --explain link-verification-off
    wa-db audit --list
  the findings, worst first:
    wa-db audit --format json | jq -r '.targets[].findings[] | [.severity, .id, .evidence] | @tsv'";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::{Args, Command};

    fn audit(line: &str) -> Result<AuditArgs, clap::Error> {
        let words = ["wa-db", "audit"]
            .into_iter()
            .chain(line.split_whitespace());
        match Args::try_parse_from(words)?.command {
            Command::Audit(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn audit_without_flags_fails_on_high_and_prints_text() {
        let args = audit("").unwrap();
        assert_eq!(Severity::from(args.fail_on), Severity::High);
        assert_eq!(args.format, AuditFormat::Text);
        assert!(args.role.is_none() && args.env_files.is_empty() && args.explain.is_none());
        assert!(!args.list && !args.quiet && !args.verbose);
    }

    #[test]
    fn every_flag_is_understood() {
        let line = "--role coreapp --env-file a --env-file b --format json --fail-on Medium -v";
        let args = audit(line).unwrap();
        assert_eq!(args.role, Some(RoleArg::Coreapp));
        assert_eq!(args.env_files, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(args.format, AuditFormat::Json);
        assert_eq!(Severity::from(args.fail_on), Severity::Medium);
        assert!(args.verbose && audit("--list").unwrap().list);
        let explained = audit("--explain LINK-verification-off").unwrap().explain;
        assert_eq!(explained.unwrap().id, "link-verification-off");
    }

    #[test]
    fn what_is_no_usage_ends_with_exit_code_2() {
        for line in [
            "--fail-on none",
            "--format yaml",
            "--explain nothing",
            "--list --explain link-verification-off --role webapp",
            "--list --role webapp",
            "--list -v",
            "-q -v",
        ] {
            assert_eq!(audit(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn unknown_rule_is_met_with_the_nearest_one() {
        for (written, part) in [
            (
                "link-verification-of",
                "did you mean link-verification-off?",
            ),
            ("something-else", "'wa-db audit --list' prints all"),
        ] {
            let error = audit(&format!("--explain {written}")).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn long_help_names_every_exit_code() {
        let mut command = Args::command();
        let audit = command.find_subcommand_mut("audit").unwrap();
        let help = audit.render_long_help().to_string();
        for code in ["   0  ", "   1  ", "   2  ", "  10  ", "  11  ", "  18  "] {
            assert!(help.contains(code), "{help}");
        }
    }
}
