#![allow(clippy::unwrap_used)]

use super::report::PinsReport;
use super::{notes, text};
use crate::check::ErrorReport;
use crate::cli::chains::{Presented, TargetChain};
use crate::cli::fixtures::{self, PLAIN, stripped};
use crate::cli::printer::{Printer, Style};
use crate::code::{ErrorCode, Stage};
use crate::endpoint::{Endpoint, Host};
use crate::settings::{Environment, PinSet, Role, Settings};
use crate::tls::CertificateFacts;

const PINS: [&str; 3] = [
    "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=",
    "sha256/E9CZ9INDbd+2eRQozYqqbQ2yXLVKB9+xcprMF+44U1g=",
    "sha256/LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
];

fn presented(index: usize, subject: &str, verified: bool, sent: bool) -> Presented {
    Presented {
        pin: Some(PINS[index].to_owned()),
        verified,
        sent,
        certificate: CertificateFacts {
            subject: subject.to_owned(),
            ..fixtures::leaf()
        },
    }
}

fn target(role: Role, chain: Vec<Presented>, failed: Option<(Stage, ErrorReport)>) -> TargetChain {
    let environment = Environment::from_pairs([
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_HOSTNAME", "db.lab"),
        ("WA_DB_USERNAME", "app"),
    ]);
    let settings = Settings::from_environment(role, &environment).unwrap();
    let endpoint = Endpoint::new(Host::Name("db.lab".to_owned()), 5432);
    TargetChain::of_server(&settings, &endpoint, chain, failed)
}

/// Both roles see a chain that verifies, and an old certificate that is sent along for nothing.
fn passing() -> PinsReport {
    let chain = || {
        vec![
            presented(0, "CN=db.lab", true, true),
            presented(1, "CN=Lab root", true, false),
            presented(2, "CN=Old CA", false, true),
        ]
    };
    PinsReport::new(
        vec![
            target(Role::Webapp, chain(), None),
            target(Role::Coreapp, chain(), None),
        ],
        &[],
    )
}

/// One role sees an impostor, with an escape sequence in its name; the other is not configured.
fn failing() -> PinsReport {
    let error = ErrorReport::new(
        ErrorCode::CertificateUntrusted,
        "the server's certificate does not lead to a CA in WA_DB_SSL_CA",
        "name the CA that signed the server's certificate",
    );
    let missing = ErrorReport::new(
        ErrorCode::VariableMissing,
        "WA_DB_ENGINE is not set",
        "set it to MYSQL or PGSQL",
    );
    let chain = vec![
        presented(0, "CN=db\u{1b}[2J.lab", false, true),
        presented(1, "", false, true),
    ];
    PinsReport::new(
        vec![
            target(Role::Webapp, chain, Some((Stage::Tls, error))),
            TargetChain::of_settings_error(Role::Coreapp, missing),
        ],
        &[],
    )
}

fn rendered(report: &PinsReport, colour: bool) -> (String, String) {
    let style = Style { colour, ..PLAIN };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    text::print(report, &mut Printer::new(&mut stdout, style)).unwrap();
    notes::print(report, &mut Printer::new(&mut stderr, style)).unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (stdout, stderr)
}

fn both(report: &PinsReport) -> String {
    let (stdout, stderr) = rendered(report, false);
    format!("{stdout}--- stderr\n{stderr}")
}

#[test]
fn chain_that_verifies_is_shown_from_leaf_to_root_with_the_ready_line_last() {
    insta::assert_snapshot!("passing", both(&passing()));
}

#[test]
fn chain_that_does_not_verify_is_marked_on_every_line_and_warned_of() {
    insta::assert_snapshot!("failing", both(&failing()));
}

#[test]
fn colour_adds_nothing_but_escape_sequences() {
    for report in [passing(), failing()] {
        let (plain, _) = rendered(&report, false);
        let (coloured, _) = rendered(&report, true);
        assert_eq!(stripped(&coloured), plain);
    }
}

#[test]
fn json_holds_all_of_it_and_the_exit_code_is_that_of_the_lowest_stage() {
    let value = |report: &PinsReport| serde_json::to_value(report).unwrap();
    let found = value(&passing());
    assert_eq!(
        (&found["ok"], &found["exit_code"]),
        (&true.into(), &0.into())
    );
    assert_eq!(found["line"], format!("WA_DB_SSL_PINS={}", PINS[0]));
    assert_eq!(found["targets"][1]["role"], "coreapp");
    assert_eq!(found["targets"][0]["engine"], "postgres");
    let root = &found["targets"][0]["chain"][1];
    assert_eq!(
        (&root["pin"], &root["sent"]),
        (&PINS[1].into(), &false.into())
    );
    assert_eq!(root["certificate"]["subject"], "CN=Lab root");
    let found = value(&failing());
    assert_eq!(
        (&found["ok"], &found["exit_code"]),
        (&false.into(), &10.into())
    );
    assert_eq!(
        found["targets"][0]["error"]["code"],
        "certificate_untrusted"
    );
    assert_eq!(found["targets"][0]["chain"][0]["verified"], false);
    assert_eq!(found["line"], serde_json::Value::Null);
}

#[test]
fn pins_that_are_set_and_in_no_chain_stay_in_the_line_and_none_is_asked_for_again() {
    let report = |set: &str| {
        let chain = vec![presented(0, "CN=db.lab", true, true)];
        let set = PinSet::parse("X", set).unwrap();
        PinsReport::new(vec![target(Role::Webapp, chain, None)], set.pins())
    };
    let (stdout, stderr) = rendered(&report(&format!("{};{}", PINS[2], PINS[0])), false);
    let line = format!("\nWA_DB_SSL_PINS={};{}\n", PINS[0], PINS[2]);
    assert!(stdout.ends_with(&line), "{stdout}");
    assert_eq!(stderr, "");
    let (_, stderr) = rendered(&report(PINS[0]), false);
    assert!(stderr.contains("make a backup key now"), "{stderr}");
}

#[test]
fn key_that_cannot_be_read_has_no_pin_to_print() {
    let unreadable = Presented {
        pin: None,
        ..presented(0, "CN=db.lab", true, true)
    };
    let report = PinsReport::new(vec![target(Role::Webapp, vec![unreadable], None)], &[]);
    let (stdout, _) = rendered(&report, false);
    assert!(stdout.contains("no key that can be read"), "{stdout}");
    assert!(
        !stdout.contains("sha256/") && !stdout.contains("WA_DB_SSL_PINS"),
        "{stdout}"
    );
}
