//! The README's tables hold every word of the contract.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use wa_db::settings::Environment;
use wa_db::{ErrorCode, Role, Settings, Stage};

const README: &str = include_str!("../README.md");

#[test]
fn every_variable_is_in_the_table() {
    let environment = Environment::from_pairs([
        ("WA_DB_ENGINE", "mysql"),
        ("WA_DB_HOSTNAME", "db.example"),
        ("WA_DB_USERNAME", "app"),
    ]);
    let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
    assert!(!settings.effective().is_empty());
    for setting in settings.effective() {
        let row = format!("| `{}` |", setting.variable);
        assert!(README.contains(&row), "{row} missing");
    }
}

#[test]
fn every_error_code_is_named() {
    for code in ErrorCode::ALL {
        assert!(README.contains(&format!("`{code}`")), "{code} missing");
    }
}

#[test]
fn every_stage_has_a_row_with_its_exit_code() {
    for stage in Stage::ALL {
        let row = format!("| {} | {} |", stage.exit_code(), stage.as_str());
        assert!(README.contains(&row), "{row} missing");
    }
}
