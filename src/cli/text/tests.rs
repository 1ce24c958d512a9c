#![allow(clippy::unwrap_used)]

use super::*;
use crate::cli::fixtures::{self, PLAIN, stripped};
use crate::cli::printer::Style;

fn rendered(report: &CheckReport, verbosity: Verbosity, style: Style) -> String {
    let mut out = Vec::new();
    print(report, verbosity, &mut Printer::new(&mut out, style)).unwrap();
    String::from_utf8(out).unwrap()
}

fn normal(report: &CheckReport) -> String {
    rendered(report, Verbosity::Normal, PLAIN)
}

#[test]
fn passing_check_shows_every_stage_and_the_certificate() {
    insta::assert_snapshot!("passing", normal(&fixtures::passing()));
}

#[test]
fn failing_check_shows_error_hint_and_what_was_not_reached() {
    insta::assert_snapshot!("failing", normal(&fixtures::failing()));
}

#[test]
fn faulty_settings_are_listed_one_by_one() {
    insta::assert_snapshot!("faulty_settings", normal(&fixtures::faulty_settings()));
}

#[test]
fn verification_off_shows_the_warning_and_what_verification_would_have_said() {
    insta::assert_snapshot!("unverified", normal(&fixtures::unverified(false)));
    insta::assert_snapshot!("unverified_strict", normal(&fixtures::unverified(true)));
}

#[test]
fn unix_socket_says_why_stages_were_not_needed() {
    insta::assert_snapshot!("socket", normal(&fixtures::socket()));
}

#[test]
fn quiet_check_shows_failures_and_one_line() {
    let quiet = |report: &CheckReport| rendered(report, Verbosity::Quiet, PLAIN);
    insta::assert_snapshot!("quiet_failing", quiet(&fixtures::failing()));
    insta::assert_snapshot!("quiet_strict", quiet(&fixtures::unverified(true)));
    assert_eq!(quiet(&fixtures::passing()), "2 targets passed\n");
    assert_eq!(
        quiet(&fixtures::unverified(false)),
        "1 target passed, 1 warning\n"
    );
}

#[test]
fn verbose_check_shows_keys_and_the_chain() {
    insta::assert_snapshot!(
        "verbose",
        rendered(&fixtures::failing(), Verbosity::Verbose, PLAIN)
    );
}

#[test]
fn ascii_output_holds_ascii_only_and_keeps_its_columns() {
    let style = Style {
        unicode: false,
        ..PLAIN
    };
    let text = rendered(&fixtures::failing(), Verbosity::Normal, style);
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!("ascii", text);
}

#[test]
fn colour_adds_nothing_but_escape_sequences() {
    let style = Style {
        colour: true,
        ..PLAIN
    };
    let coloured = rendered(&fixtures::failing(), Verbosity::Verbose, style);
    assert!(
        coloured.contains("\u{1b}[1;31merror:\u{1b}[0m"),
        "{coloured:?}"
    );
    assert_eq!(
        stripped(&coloured),
        rendered(&fixtures::failing(), Verbosity::Verbose, PLAIN)
    );
}

#[test]
fn server_text_cannot_steer_the_terminal_nor_start_a_line() {
    for verbosity in [Verbosity::Quiet, Verbosity::Normal, Verbosity::Verbose] {
        let text = rendered(&fixtures::hostile(), verbosity, PLAIN);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
        assert!(
            !text.lines().any(|line| line.starts_with("  ✓ tls")),
            "{text}"
        );
        assert!(text.contains("\\u{1b}[2J"), "{text}");
    }
}

#[test]
fn no_line_ends_in_blanks() {
    for report in [fixtures::passing(), fixtures::failing(), fixtures::socket()] {
        for line in normal(&report).lines() {
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn certificates_that_were_not_sent_are_told_from_those_that_were() {
    let rendered_with = |is_sent: bool| {
        let mut tls = fixtures::tls();
        if !is_sent {
            tls.from_store = tls.chain[1..].to_vec();
        }
        let report = CheckReport::new(vec![fixtures::passed_target().with_tls(tls)], false);
        rendered(&report, Verbosity::Verbose, PLAIN)
    };
    for (is_sent, label, other) in [
        (true, "sent along   CN=", "trust store"),
        (false, "trust store  CN=", "sent along"),
    ] {
        let text = rendered_with(is_sent);
        assert!(text.contains(label) && !text.contains(other), "{text}");
    }
}

#[test]
fn check_without_a_verdict_says_so() {
    let report = CheckReport::new(Vec::new(), true);
    assert_eq!(
        normal(&report),
        "the check did not get to its end (exit code 1)\n"
    );
}

#[test]
fn verdict_on_what_is_not_verified_is_given_once() {
    let off = normal(&fixtures::unverified(false));
    assert_eq!(off.matches("certificate_untrusted").count(), 1, "{off}");
}
