//! The part of the settings that says whom to trust.

use super::*;

/// Two pins, and another one.
const PINS: &str = "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=;\
                    sha256/E9CZ9INDbd+2eRQozYqqbQ2yXLVKB9+xcprMF+44U1g=";
const OTHER_PIN: &str = "sha256/LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

#[test]
fn every_variable_of_the_wire_depth_reaches_its_field() {
    let settings = webapp(&[
        ("WA_DB_ENGINE", "PGSQL"),
        ("WA_DB_SSL_CRL", "/crls"),
        ("WA_DB_SSL_CRL_STALE", "warn"),
        ("WA_DB_SECURITY_LEVEL", "intermediate"),
        ("WA_DB_SSL_PINS", PINS),
        ("WA_DB_SSL_PINS_REPORT_ONLY", OTHER_PIN),
        ("WA_DB_SSL_REPORT_FILE", "/reports.jsonl"),
        ("WA_DB_SSL_REPORT_URI", "https://reports.example/"),
        ("WA_DB_SSL_NEGOTIATION", "direct"),
    ]);
    let tls = settings.tls();
    assert_eq!(tls.crl.as_deref(), Some(Path::new("/crls")));
    assert_eq!(tls.crl_stale, CrlStale::Warn);
    assert_eq!(tls.security_level, Some(SecurityLevel::Intermediate));
    let pins = |set: &Option<PinSet>| set.as_ref().unwrap().to_string();
    assert_eq!(pins(&tls.pins), PINS);
    assert_eq!(pins(&tls.pins_report_only), OTHER_PIN);
    let reports = tls.reports.file.as_deref();
    assert_eq!(reports, Some(Path::new("/reports.jsonl")));
    let uri = tls.reports.uri.as_ref().unwrap();
    assert_eq!(uri.to_string(), "https://reports.example/");
    assert_eq!(tls.negotiation, Negotiation::Direct);
    assert!(settings.warnings().is_empty(), "{}", warnings(&settings));
}

#[test]
fn each_variable_that_the_drivers_cannot_obey_asks_for_wire_depth_by_name() {
    for (variable, value) in [
        ("WA_DB_SSL_CRL", "/crl.pem"),
        ("WA_DB_SECURITY_LEVEL", "OLD"),
        ("WA_DB_SSL_PINS", OTHER_PIN),
        ("WA_DB_SSL_PINS_REPORT_ONLY", OTHER_PIN),
        ("WA_DB_SSL_REPORT_FILE", "/reports.jsonl"),
        ("WA_DB_SSL_REPORT_URI", "http://127.0.0.1:9/"),
        ("WA_DB_SSL_NEGOTIATION", "direct"),
    ] {
        let settings = webapp(&[("WA_DB_ENGINE", "pgsql"), (variable, value)]);
        assert_eq!(settings.tls().depth(), Depth::Wire(vec![variable]));
    }
    for (variable, value) in [
        ("WA_DB_SSL_CA", "/ca.pem"),
        ("WA_DB_SSL_VERIFY", "off"),
        ("WA_DB_SSL_CRL_STALE", "warn"),
        ("WA_DB_SSL_NEGOTIATION", "postgres"),
        ("WA_WEB_SECURITY_LEVEL", "OLD"),
        ("WA_DB_TUNNEL_ALLOWED_CLIENTS", "10.0.0.0/8"),
    ] {
        assert_eq!(webapp(&[(variable, value)]).tls().depth(), Depth::Direct);
    }
}

#[test]
fn lists_that_are_not_enforced_are_warned_of() {
    let crl = ("WA_DB_SSL_CRL", "/crl.pem");
    let settings = webapp(&[crl, ("WA_DB_SSL_VERIFY", "off")]);
    assert!(warnings(&settings).contains("a revoked certificate is accepted"));
    assert!(webapp(&[crl]).warnings().is_empty());
}

#[test]
fn verification_is_turned_off_for_webapp_alone_and_never_without_a_word() {
    for word in ["0", "false", "off", "no", "False", "OFF"] {
        let settings = webapp(&[("WA_DB_SSL_VERIFY", word)]);
        assert_eq!(settings.tls().verification, Verification::Off, "{word}");
        assert!(warnings(&settings).contains("pose as the server"));
        let settings = coreapp(&[("WA_DB_SSL_VERIFY", word)]);
        assert_eq!(settings.tls().verification, Verification::Full, "{word}");
        assert!(warnings(&settings).contains("WA_DB_SSL_VERIFY counts for webapp only"));
    }
    for word in ["", "1", "true", "on", "YES"] {
        for settings in [
            webapp(&[("WA_DB_SSL_VERIFY", word)]),
            coreapp(&[("WA_DB_SSL_VERIFY", word)]),
        ] {
            assert_eq!(settings.tls().verification, Verification::Full, "{word}");
            assert!(settings.warnings().is_empty());
        }
    }
    for role in [Role::Webapp, Role::Coreapp] {
        let found = faults(role, &[("WA_DB_SSL_VERIFY", "verify-ca")]);
        assert_eq!(
            found,
            [("WA_DB_SSL_VERIFY".to_owned(), ErrorCode::VariableInvalid)]
        );
    }
}

#[test]
fn the_tls_files_are_kept_beside_faults_so_that_theirs_can_be_told_too() {
    let environment =
        Environment::from_pairs([("WA_DB_SSL_CA", "/ca.pem"), ("WA_DB_SSL_VERIFY", "?")]);
    let error = Settings::from_environment(Role::Webapp, &environment).unwrap_err();
    let tls = error.tls().unwrap();
    assert_eq!(tls.ca.as_deref(), Some(Path::new("/ca.pem")));
    assert_eq!(tls.verification, Verification::Full);
}
