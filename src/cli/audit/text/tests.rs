#![allow(clippy::unwrap_used)]

use super::*;
use crate::cli::audit::fixtures;
use crate::cli::fixtures::{PLAIN, stripped};
use crate::cli::printer::Style;

fn rendered(report: &AuditReport, detail: Detail, style: Style) -> String {
    let mut out = Vec::new();
    print(report, detail, &mut Printer::new(&mut out, style)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_holds_for_several_targets_is_told_once_and_the_worst_first() {
    let report = fixtures::report();
    let text = rendered(&report, Detail::Normal, PLAIN);
    insta::assert_snapshot!("normal", text);
    for (finding, times) in [
        ("[link-no-pins]", 1),
        ("[link-plaintext-logins]", 1),
        ("[link-tls-version]", 1),
    ] {
        assert_eq!(text.matches(finding).count(), times, "{text}");
    }
}

#[test]
fn verbose_says_why_of_each_and_quiet_shows_what_fails() {
    let report = fixtures::report();
    insta::assert_snapshot!("verbose", rendered(&report, Detail::Everything, PLAIN));
    insta::assert_snapshot!("quiet", rendered(&report, Detail::Failing, PLAIN));
}

#[test]
fn warnings_that_quiet_leaves_out_are_told_once_for_all_targets() {
    let mut out = Vec::new();
    warnings(&fixtures::misspelt(), &mut Printer::new(&mut out, PLAIN)).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "warning: WA_DB_SLL_CA is not known and has no effect\n\
         warning: the server does not tell its clock\n"
    );
}

#[test]
fn narrow_terminal_without_unicode_has_lines_that_hang_below_their_beginning() {
    let style = Style {
        unicode: false,
        width: Some(60),
        ..PLAIN
    };
    let text = rendered(&fixtures::report(), Detail::Everything, style);
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!("narrow", text);
}

#[test]
fn summary_says_what_the_exit_code_is_for() {
    use Severity::{Critical, High, Low, Medium};
    let both = [("link-no-pins", Low), ("link-system-store", Medium)];
    let four = [("a", Low), ("b", High), ("c", High), ("d", Critical)];
    for (found, fail_on, expected) in [
        (
            &[][..],
            High,
            "nothing found (exit code 0: high or worse would fail it)",
        ),
        (
            &both,
            High,
            "1 medium, 1 low (exit code 0: high or worse would fail it)",
        ),
        (
            &both,
            Low,
            "1 medium, 1 low (exit code 18: low or worse fails it)",
        ),
        (
            &four,
            High,
            "1 critical, 2 high, 1 low (exit code 18: high or worse fails it)",
        ),
        (
            &four[..3],
            Critical,
            "2 high, 1 low (exit code 0: critical or worse would fail it)",
        ),
    ] {
        let report = fixtures::of(found, fail_on);
        for detail in [Detail::Failing, Detail::Normal, Detail::Everything] {
            let text = rendered(&report, detail, PLAIN);
            assert_eq!(text.lines().last(), Some(expected), "{text}");
        }
    }
    let clean = rendered(&fixtures::of(&[], High), Detail::Failing, PLAIN);
    assert_eq!(clean.lines().count(), 1, "{clean}");
}

#[test]
fn faulty_settings_are_told_once_for_both_roles_and_one_by_one() {
    insta::assert_snapshot!(
        "faulty",
        rendered(&fixtures::faulty(), Detail::Normal, PLAIN)
    );
}

#[test]
fn colour_adds_nothing_but_escape_sequences() {
    let style = Style {
        colour: true,
        ..PLAIN
    };
    let coloured = rendered(&fixtures::report(), Detail::Everything, style);
    assert!(
        coloured.contains("\u{1b}[1;31mhigh\u{1b}[0m"),
        "{coloured:?}"
    );
    let plain = rendered(&fixtures::report(), Detail::Everything, PLAIN);
    assert_eq!(stripped(&coloured), plain);
    for line in plain.lines() {
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn words_of_a_server_cannot_steer_the_terminal_nor_start_a_line() {
    for detail in [Detail::Failing, Detail::Normal, Detail::Everything] {
        let text = rendered(&fixtures::hostile(), detail, PLAIN);
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(steers), "{text:?}");
        assert!(!text.contains("\n  high  nothing"), "{text}");
    }
}
