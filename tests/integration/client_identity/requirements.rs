//! What an account of MySQL or MariaDB may require of its connection.

use wa_db_lab::pki::Leaf;
use wa_db_lab::server::{DATABASE, Engine, Server};

use super::demanding::{Demanding, Files};
use crate::support::{Variables, with};
use crate::verdict::{PASSES, Verdict, both};

const REFUSED: Verdict = (14, "authentication_failed");

/// Makes an account with this requirement; the variables that log in as it.
fn account(server: &Server, base: &Variables, name: &str, requirement: &str) -> Variables {
    server.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED BY '{}' REQUIRE {requirement};\n\
         GRANT ALL ON {DATABASE}.* TO {name}@'%';",
        server.password()
    ));
    with(base, [("WA_DB_USERNAME", name)])
}

#[test]
fn c09_requirements_of_an_account_let_in_who_meets_them_and_nobody_else() {
    let demanding = Demanding::shared();
    for server in demanding.servers() {
        if server.engine() == Engine::Postgres {
            continue;
        }
        let base = demanding.base(server);
        let account = |name, requirement: &str| account(server, &base, name, requirement);
        let good = demanding.good();
        let ours = Files::of(&good);
        let roots_own = Files::of(&demanding.ca().issue(&Leaf::client().cn("app")));
        let issuer = good.issuer_line();

        let ssl = account("needs_tls", "SSL");
        let x509 = account("needs_x509", "X509");
        let by_issuer = account("needs_issuer", &format!("ISSUER '{issuer}'"));
        let subject = good.subject_line();
        let all = format!("SUBJECT '{subject}' AND ISSUER '{issuer}'");
        let all = account("needs_all", &all);
        // Each server prefers another of the suites of TLS 1.3.
        let spoken = both("suite", &ssl, PASSES)["tls"]["cipher"].clone();
        let spoken = spoken.as_str().expect("a suite was agreed on");
        let cipher = account("needs_cipher", &format!("CIPHER '{spoken}'"));
        let other_cipher = account("needs_other", "CIPHER 'TLS_AES_128_CCM_SHA256'");
        for (what, variables, verdict) in [
            ("SSL without", ssl.clone(), PASSES),
            ("SSL with", ours.identify(&ssl), PASSES),
            ("X509 without", x509.clone(), REFUSED),
            ("X509 with", ours.identify(&x509), PASSES),
            ("ISSUER without", by_issuer.clone(), REFUSED),
            ("ISSUER with", ours.identify(&by_issuer), PASSES),
            ("another ISSUER", roots_own.identify(&by_issuer), REFUSED),
            ("SUBJECT and ISSUER with", ours.identify(&all), PASSES),
            (
                "SUBJECT and another ISSUER",
                roots_own.identify(&all),
                REFUSED,
            ),
            // MySQL, unlike MariaDB, wants a certificate as soon as more than SSL is asked.
            ("CIPHER", ours.identify(&cipher), PASSES),
            ("another CIPHER", ours.identify(&other_cipher), REFUSED),
        ] {
            both(
                &format!("{:?}, {what}", server.engine()),
                &variables,
                verdict,
            );
        }
    }
}
