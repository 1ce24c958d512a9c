//! Every error code of the contract, produced by a run that deserves it, with its exit code.

use std::collections::BTreeSet;

use wa_db::code::ErrorCode;

use super::failures::{authenticate, connect, resolve, session, settings, tls};
use crate::support::Outcome;

/// One way to earn an error code: the code, the exit code, the run.
pub(super) type Case = (&'static str, i32, fn() -> Outcome);

/// Codes that take settings of their own, and the tests that produce them.
const ELSEWHERE: [(&str, &str); 2] = [
    ("certificate_revoked", "policy/revocation.rs"),
    ("pin_mismatch", "policy/pins.rs"),
];

#[test]
fn settings_codes_come_with_exit_code_10() {
    produce(&settings::CASES);
}

#[test]
fn resolve_codes_come_with_exit_code_11() {
    produce(&resolve::CASES);
}

#[test]
fn connect_codes_come_with_exit_code_12() {
    produce(&connect::CASES);
}

#[test]
fn tls_codes_come_with_exit_code_13() {
    produce(&tls::CASES);
}

#[test]
fn authenticate_codes_come_with_exit_code_14() {
    produce(&authenticate::CASES);
}

#[test]
fn session_and_pool_codes_come_with_exit_codes_15_and_16() {
    produce(&session::CASES);
}

#[test]
fn every_code_of_the_contract_is_produced_here_or_by_tests_of_its_own() {
    let tables: [&[Case]; 6] = [
        &settings::CASES,
        &resolve::CASES,
        &connect::CASES,
        &tls::CASES,
        &authenticate::CASES,
        &session::CASES,
    ];
    let produced: BTreeSet<_> = tables.into_iter().flatten().map(|case| case.0).collect();
    let elsewhere: BTreeSet<_> = ELSEWHERE.iter().map(|(code, _)| *code).collect();
    let all: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let covered: BTreeSet<_> = produced.union(&elsewhere).copied().collect();
    assert_eq!(covered, all, "codes here and codes of the contract");
    assert!(produced.is_disjoint(&elsewhere), "produced here after all");
    assert_eq!(
        all,
        CONTRACT.split_whitespace().collect(),
        "a code changed its name"
    );
}

/// The codes as the contract lists them.
const CONTRACT: &str = "
    variable_invalid variable_missing file_missing file_unreadable key_permissions
    key_encrypted key_mismatch certificate_invalid ca_empty swapped_files
    name_not_resolved address_not_allowed
    connection_refused network_unreachable timeout tls_refused tls_protocol certificate_untrusted
    certificate_self_signed certificate_expired certificate_not_yet_valid certificate_revoked
    certificate_purpose hostname_mismatch pin_mismatch client_certificate_required
    client_certificate_rejected
    authentication_failed authentication_method_refused channel_binding_unavailable
    database_missing not_encrypted read_only server_error protocol_error
    pool_timeout";

/// Runs each case and holds the outcome to what the contract says of a failure.
fn produce(cases: &[Case]) {
    for (code, exit, run) in cases {
        let outcome = run();
        assert_eq!(
            outcome.verdict(),
            (*exit, (*code).to_owned()),
            "{outcome:#?}"
        );
        let report = outcome.json();
        assert_eq!(
            (&report["ok"], &report["exit_code"]),
            (&false.into(), &(*exit).into())
        );
        let target = outcome.target();
        assert_eq!(target["ok"], false);
        let stages = target["stages"].as_array().expect("an array").clone();
        let failed: Vec<_> = stages.iter().filter(|s| s["status"] == "failed").collect();
        assert_eq!(failed.len(), 1, "one stage fails: {outcome:#?}");
        let error = &failed[0]["error"];
        let text = |field: &str| error[field].as_str().expect("a text").to_owned();
        let (message, hint) = (text("message"), text("hint"));
        assert!(
            message.contains("WA_DB_"),
            "{code} names no variable: {message}"
        );
        assert!(!hint.is_empty(), "{code} has no hint");
        assert!(!message.ends_with('.'), "{message}");
    }
}
