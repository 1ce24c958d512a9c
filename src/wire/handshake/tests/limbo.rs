//! x509-limbo, a collection of certificate chains with the verdict that each deserves, against our
//! own handshake.
//!
//! Every case is run that is about a server, has a name to expect and the server's private key: a
//! server in memory presents the certificates of the case, and [`perform`] shakes hands with it by a
//! policy loaded from files with the roots and revocation lists of the case. What a case says of the
//! time and of the longest chain is set in the verify parameters. The cases without a key cannot be
//! served and are not run; neither are those about clients or without a name.
//!
//! Where the verdict is another one, `deviations.json` must say why; a deviation that is none any
//! more fails too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use flate2::read::GzDecoder;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod};
use openssl::x509::X509;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::duplex;
use tokio_openssl::SslStream;
use wa_db_lab::pki::write_file;

use crate::settings::{Environment, Role, Settings};
use crate::tls::TlsPolicy;
use crate::wire::handshake::{Peer, Rejected, perform};

/// How many cases there are to run, so that none is lost without a word.
const CASES: usize = 178;

#[derive(Deserialize)]
struct Limbo {
    testcases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    validation_kind: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    peer_certificate_key: Option<String>,
    validation_time: Option<String>,
    expected_result: Verdict,
    expected_peer_name: Option<Name>,
    max_chain_depth: Option<i32>,
    crls: Vec<String>,
}

#[derive(Deserialize)]
struct Name {
    value: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Verdict {
    Success,
    Failure,
}

/// Cases whose verdict here is another one than theirs, and why.
#[derive(Deserialize)]
struct Deviations {
    reason: String,
    verdict: Verdict,
    cases: BTreeSet<String>,
}

fn testdata(name: &str) -> File {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/x509-limbo");
    File::open(directory.join(name)).unwrap()
}

impl Case {
    /// All that can be run.
    fn all() -> Vec<Self> {
        let text = GzDecoder::new(testdata("limbo.json.gz"));
        let limbo: Limbo = serde_json::from_reader(text).unwrap();
        let mut cases = limbo.testcases;
        cases.retain(|case| {
            case.validation_kind == "SERVER"
                && case.expected_peer_name.is_some()
                && case.peer_certificate_key.is_some()
        });
        cases
    }

    /// A server that presents what the case has it present, however weak.
    fn server(&self) -> SslContext {
        let mut builder = SslContextBuilder::new(SslMethod::tls_server()).unwrap();
        builder.set_security_level(0);
        let leaf = X509::from_pem(self.peer_certificate.as_bytes()).unwrap();
        builder.set_certificate(&leaf).unwrap();
        let key = self.peer_certificate_key.as_ref().unwrap();
        let key = PKey::private_key_from_pem(key.as_bytes()).unwrap();
        builder.set_private_key(&key).unwrap();
        for intermediate in &self.untrusted_intermediates {
            let intermediate = X509::from_pem(intermediate.as_bytes()).unwrap();
            builder.add_extra_chain_cert(intermediate).unwrap();
        }
        builder.build()
    }

    /// The policy of somebody who has the case's files; its faults, where the files alone are refused.
    fn policy(&self, directory: &Path) -> Result<TlsPolicy, String> {
        let path = |name: &str, content: &[String]| {
            let file = directory.join(name);
            write_file(&file, content.concat());
            file.to_str().unwrap().to_owned()
        };
        let mut variables = BTreeMap::from([
            ("WA_DB_ENGINE", "PGSQL".to_owned()),
            ("WA_DB_HOSTNAME", "db.lab".to_owned()),
            ("WA_DB_USERNAME", "app".to_owned()),
            ("WA_DB_SSL_CA", path("ca.pem", &self.trusted_certs)),
        ]);
        if !self.crls.is_empty() {
            variables.insert("WA_DB_SSL_CRL", path("crl.pem", &self.crls));
        }
        let environment = Environment::from_pairs(variables);
        let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
        let now = self.time().map_or_else(SystemTime::now, SystemTime::from);
        TlsPolicy::load_at(settings.tls(), now).map_err(|faults| faults[0].message.clone())
    }

    /// The time to verify at, unless it is now.
    fn time(&self) -> Option<OffsetDateTime> {
        let time = self.validation_time.as_deref()?;
        Some(OffsetDateTime::parse(time, &Rfc3339).unwrap())
    }
}

/// The handshake. `Err` says what is wrong.
async fn shake(case: &Case, directory: &Path) -> Result<(), String> {
    let policy = case.policy(directory)?;
    let name = &case.expected_peer_name.as_ref().unwrap().value;
    let peer = Peer {
        name,
        alpn: None,
        address: None,
    };
    let mut ssl = policy
        .handshake(name)
        .map_err(|failure| failure.to_string())?;
    let parameters = ssl.param_mut();
    if let Some(time) = case.time() {
        parameters.set_time(time.unix_timestamp());
    }
    if let Some(depth) = case.max_chain_depth {
        parameters.set_depth(depth);
    }
    let (ours, theirs) = duplex(1 << 20);
    let mut serving = SslStream::new(Ssl::new(&case.server()).unwrap(), theirs).unwrap();
    let serving = async {
        // What the client does with it is for the client to say.
        let _ = std::pin::Pin::new(&mut serving).accept().await;
        drop(serving);
    };
    let (outcome, ()) = tokio::join!(perform(ssl, ours, &policy, peer), serving);
    outcome
        .map(drop)
        .map_err(|Rejected { failure, .. }| format!("{}: {failure}", failure.code()))
}

#[tokio::test]
async fn every_verdict_is_limbos_or_is_listed_with_its_reason() {
    let listed: Vec<Deviations> = serde_json::from_reader(testdata("deviations.json")).unwrap();
    assert!(listed.iter().all(|group| !group.reason.is_empty()));
    let names = || listed.iter().flat_map(|group| &group.cases);
    let mut unmet: BTreeSet<&String> = names().collect();
    assert_eq!(unmet.len(), names().count(), "a case is listed twice");
    let cases = Case::all();
    assert_eq!(cases.len(), CASES);

    let mut wrong = Vec::new();
    for case in &cases {
        let directory = tempfile::tempdir().unwrap();
        let outcome = shake(case, directory.path()).await;
        let verdict = match outcome {
            Ok(()) => Verdict::Success,
            Err(_) => Verdict::Failure,
        };
        let deviation = listed.iter().find(|group| group.cases.contains(&case.id));
        let expected = deviation.map_or(case.expected_result, |group| group.verdict);
        if verdict != expected {
            wrong.push(format!("{}: {outcome:?}", case.id));
        }
        if expected == case.expected_result && deviation.is_some() {
            wrong.push(format!(
                "{}: listed as what it is no deviation from",
                case.id
            ));
        }
        unmet.remove(&case.id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unmet.is_empty(), "no such case: {unmet:?}");
}
