//! A module imports only what stands to its left.
//!
//! `secret, endpoint, code, failure, shell ← settings ← tls ← wire ← connect ← pool ← serve ← {check,
//! audit, tunnel, certs} ← monitor ← cli ← main`. Those in braces never import each other.

mod arrows;
mod source;

use self::arrows::{arrows, climbs_out, is_wrong};
use self::source::{File, code, files, without_tests};

/// Above this a file holds more than one concern.
const LONGEST: usize = 500;

/// Crates that belong to the command alone, so that no service compiles them.
const OF_THE_COMMAND: [&str; 3] = ["clap", "clap_complete", "tracing_subscriber"];

/// The drivers, and who may know them: `tls` puts the policy into their words,
/// and the root hands them on to services.
const DRIVERS: [&str; 4] = [
    "tokio_postgres",
    "postgres_native_tls",
    "mysql_async",
    "deadpool_postgres",
];
const KNOW_DRIVERS: [&str; 4] = ["tls", "connect", "pool", "lib"];

#[test]
fn every_module_imports_only_what_stands_to_its_left() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files() {
        for (line, target) in arrows(&file.text) {
            seen += 1;
            if is_wrong(&file.module(), &target) {
                wrong.push(format!(
                    "{}:{line}: {} imports {target}",
                    file.path,
                    file.module()
                ));
            }
        }
        for line in climbs_out(file.depth(), &file.text) {
            wrong.push(format!(
                "{}:{line}: super leads to the root of the crate",
                file.path
            ));
        }
    }
    assert!(seen > 100, "only {seen} arrows found: the walk is broken");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_a_place_among_the_layers() {
    for file in files() {
        let module = file.module();
        assert!(
            arrows::rank(&module).is_some(),
            "{} has no place: {module}",
            file.path
        );
    }
}

#[test]
fn arrow_that_runs_the_wrong_way_is_found_however_it_is_written() {
    for (module, source, target) in [
        ("settings", "use crate::tls::TlsPolicy;", "tls"),
        ("tls", "    let pool = crate::pool::Pool::new();", "pool"),
        ("check", "use crate::tunnel::Tunnel;", "tunnel"),
        ("tunnel", "use crate::audit::Finding;", "audit"),
        ("serve", "use crate::tunnel::run;", "tunnel"),
        ("check", "use crate::monitor::run;", "monitor"),
        (
            "wire",
            "use crate::{code::Stage, connect::Sequence};",
            "connect",
        ),
        (
            "wire",
            "use crate::{\n    code::{ErrorCode, Stage},\n    pool::{self},\n};",
            "pool",
        ),
        ("pool", "pub(crate) use crate::cli;", "cli"),
        ("failure", "use crate::settings::Fault;", "settings"),
        ("check", "use crate::main;", "main"),
        ("tls", "use crate::novelty::Thing;", "novelty"),
    ] {
        let found = arrows(source);
        let wrong: Vec<_> = found
            .iter()
            .filter(|(_, to)| is_wrong(module, to))
            .collect();
        assert_eq!(wrong.len(), 1, "{module}: {source}");
        assert_eq!(wrong[0].1, target);
    }
    assert_eq!(climbs_out(2, "use super::super::pool::Pool;"), [1]);
    assert_eq!(climbs_out(1, "use super::pool::Pool;"), [1]);
}

#[test]
fn arrow_that_runs_the_right_way_is_let_through() {
    for (module, source) in [
        ("tls", "use crate::settings::Settings;"),
        ("cli", "use crate::{check, code::Stage};"),
        ("monitor", "use crate::{audit, check, serve};"),
        ("check", "pub(in crate::check) fn describe() {}"),
        ("failure", "use crate::code::{ErrorCode, Stage};"),
        (
            "wire",
            "/// See [`crate::pool::Pool`].\n// use crate::pool::Pool;",
        ),
    ] {
        let wrong = arrows(source)
            .into_iter()
            .filter(|(_, to)| is_wrong(module, to));
        assert_eq!(wrong.count(), 0, "{module}: {source}");
    }
    let nested = "use super::Recorder;\nmod tests {\n    use super::super::run;\n}\n";
    assert!(climbs_out(2, nested).is_empty());
}

#[test]
fn what_the_command_needs_is_used_by_the_command_alone() {
    let allowed = |file: &File| matches!(&*file.module(), "cli" | "main");
    assert_eq!(uses(&OF_THE_COMMAND, allowed), Vec::<String>::new());
}

#[test]
fn drivers_are_known_to_tls_connectors_and_pools_alone() {
    let allowed = |file: &File| KNOW_DRIVERS.contains(&&*file.module());
    assert_eq!(uses(&DRIVERS, allowed), Vec::<String>::new());
}

#[test]
fn nothing_of_the_lab_is_in_the_product() {
    assert_eq!(uses(&["wa_db_lab"], |_| false), Vec::<String>::new());
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for file in files() {
        let lines = file.text.lines().count();
        assert!(
            lines <= LONGEST,
            "{} has {lines} lines: split it",
            file.path
        );
    }
}

/// Where the code proper, tests aside, names one of these crates.
fn uses(crates: &[&str], allowed: impl Fn(&File) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files()
        .into_iter()
        .filter(|file| !file.is_test() && !allowed(file))
    {
        for (index, line) in without_tests(&file.text).lines().enumerate() {
            let words = code(line).split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words.filter(|word| crates.contains(word)) {
                found.push(format!("{}:{}: {word}", file.path, index + 1));
            }
        }
    }
    found
}
