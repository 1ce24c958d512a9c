//! What is printed, of things with fixed numbers.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::check::CheckReport;
use super::paste::Paste;
use super::show::{ShowReport, ShownFile};
use super::{check, init, renew, show};
use crate::certs::{Described, DescribedKey, Entry, FileContent, Inventory, Problem, Verdict};
use crate::check::ErrorReport;
use crate::cli::fixtures::PLAIN;
use crate::cli::printer::Printer;
use crate::code::ErrorCode;
use crate::tls::CertificateFacts;

const PIN: &str = "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=";

fn described(subject: &str, names: &[&str], purpose: &'static str) -> Described {
    Described {
        facts: CertificateFacts {
            subject: subject.to_owned(),
            issuer: "CN=Lab CA".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            not_before: "2026-11-22T02:00:00Z".to_owned(),
            not_after: "2027-12-24T03:00:00Z".to_owned(),
            days_left: 396,
            key: "EC P-256".to_owned(),
            signature: "ecdsa-with-SHA256".to_owned(),
            spki_sha256: PIN.trim_start_matches("sha256/").to_owned(),
        },
        serial: "4a236fe80b0daf937acc312239c3a715".to_owned(),
        ca: false,
        purposes: vec![purpose],
        limits: Vec::new(),
        pin: Some(PIN.to_owned()),
    }
}

fn authority() -> Described {
    Described {
        ca: true,
        purposes: Vec::new(),
        limits: vec![
            "DNS example.internal".to_owned(),
            "IP 10.0.0.0/8".to_owned(),
        ],
        ..described("CN=Lab CA", &[], "")
    }
}

fn server() -> Described {
    described("CN=db.lab", &["DNS:db.lab", "IP:10.0.0.5"], "server")
}

fn key() -> DescribedKey {
    DescribedKey {
        key: "EC P-256".to_owned(),
        private: true,
        pin: PIN.to_owned(),
    }
}

fn rendered(print: impl FnOnce(&mut Printer<'_>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    print(&mut Printer::new(&mut out, PLAIN)).unwrap();
    String::from_utf8(out).unwrap()
}

fn paste(certificate: Described, name: &str, account: Option<&str>) -> Paste {
    Paste {
        certificate,
        certificate_file: format!("/srv/certs/{name}.pem"),
        key_file: format!("/srv/certs/{name}.key"),
        ca_file: "/srv/certs/ca.pem".to_owned(),
        account: account.map(str::to_owned),
    }
}

#[test]
fn a_new_ca_is_told_with_its_limits_and_the_line_for_the_services() {
    let files = ["/srv/certs/ca.pem", "/srv/certs/ca.key"].map(str::to_owned);
    insta::assert_snapshot!(
        "init",
        rendered(|printer| init::print(&authority(), &files, printer))
    );
}

#[test]
fn a_server_s_certificate_comes_with_the_lines_for_each_server_and_the_services() {
    let paste = paste(server(), "db.lab", None);
    insta::assert_snapshot!("issue_server", rendered(|printer| paste.print(printer)));
}

#[test]
fn a_client_s_certificate_comes_with_the_lines_that_demand_it() {
    let client = described("CN=app", &[], "client");
    let paste = paste(client, "app", Some("app"));
    insta::assert_snapshot!("issue_client", rendered(|printer| paste.print(printer)));
}

#[test]
fn an_account_that_would_have_to_be_quoted_has_no_lines_for_servers() {
    for account in ["o'brien", "web app", "größe", "a\"b", "a;b"] {
        let client = described(&format!("CN={account}"), &[], "client");
        let text = rendered(|printer| paste(client, "app", Some(account)).print(printer));
        assert!(text.contains("WA_DB_SSL_CERT="), "{text}");
        assert!(
            !text.contains("hostssl") && !text.contains("ALTER"),
            "{text}"
        );
    }
}

#[test]
fn a_renewed_certificate_is_one_line() {
    let line = |key_file: Option<&str>| {
        renew::line(
            Path::new("certs/db.lab.pem"),
            &server(),
            key_file.map(PathBuf::from).as_deref(),
        )
    };
    assert_eq!(
        line(None),
        format!("certs/db.lab.pem  until 2027-12-24T03:00:00Z, the same key, {PIN}")
    );
    assert_eq!(
        line(Some("certs/db.lab.key")),
        format!(
            "certs/db.lab.pem  until 2027-12-24T03:00:00Z, a new key in certs/db.lab.key, {PIN}"
        )
    );
}

#[test]
fn files_are_shown_one_block_each_and_their_faults_apart() {
    let file = |path: &str, certificates, key| ShownFile {
        path: path.to_owned(),
        content: FileContent { certificates, key },
        error: None,
    };
    let report = ShowReport::new(
        vec![
            file("certs/db.lab.pem", vec![server(), authority()], None),
            file("certs/db.lab.key", Vec::new(), Some(key())),
            ShownFile {
                error: Some(ErrorReport::new(
                    ErrorCode::FileMissing,
                    "FILE: certs/app.pem does not exist",
                    "look for it",
                )),
                ..file("certs/app.pem", Vec::new(), None)
            },
        ],
        Vec::new(),
    );
    let text = rendered(|printer| show::print(&report, printer));
    let faults = rendered(|printer| show::faults(&report, printer));
    insta::assert_snapshot!("show", format!("{text}--- stderr\n{faults}"));
}

fn inventory() -> Inventory {
    let entry = |file: &str, content| Entry {
        file: file.to_owned(),
        content,
        key_file: None,
        certificate_files: Vec::new(),
        problems: Vec::new(),
    };
    let certificates = |certificate| FileContent {
        certificates: vec![certificate],
        key: None,
    };
    let keys = || FileContent {
        certificates: Vec::new(),
        key: Some(key()),
    };
    let problem = |verdict, code, message: &str, hint: &str| Problem {
        verdict,
        code,
        message: message.to_owned(),
        hint: hint.to_owned(),
    };
    Inventory {
        files: vec![
            entry("ca.pem", certificates(authority())),
            Entry {
                certificate_files: vec!["db.lab.pem".to_owned()],
                problems: vec![problem(
                    Verdict::Wrong,
                    "key_permissions",
                    "others can read it",
                    "run: chmod",
                )],
                ..entry("db.lab.key", keys())
            },
            Entry {
                key_file: Some("db.lab.key".to_owned()),
                problems: vec![problem(
                    Verdict::Warning,
                    "certificate_expires",
                    "it ends soon",
                    "renew it",
                )],
                ..entry("db.lab.pem", certificates(server()))
            },
        ],
        problems: vec![problem(
            Verdict::Warning,
            "left_behind",
            "something was left",
            "run: rm",
        )],
    }
}

#[test]
fn a_directory_is_one_line_for_each_file_with_what_is_wrong_below_it() {
    let report = CheckReport::new("certs".to_owned(), inventory());
    insta::assert_snapshot!("check", rendered(|printer| check::print(&report, printer)));
}

#[test]
fn json_of_a_directory_holds_all_of_it() {
    let report = CheckReport::new("certs".to_owned(), inventory());
    insta::assert_snapshot!("check_json", serde_json::to_string_pretty(&report).unwrap());
}
