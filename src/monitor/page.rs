//! The status page: [`render`]. Everything that is shown goes through the template, which escapes it.

mod certificates;
mod findings;
mod icons;
mod target;

use maud::{DOCTYPE, Markup, html};

use super::snapshot::Status;

/// How often a page that may run its script refreshes itself, in seconds, at most and at least.
const OFTEN: f64 = 2.0;
const SELDOM: f64 = 10.0;
/// How often one refreshes that may not.
const WITHOUT_SCRIPT: u32 = 30;

/// The page.
pub(super) fn render(status: &Status) -> Markup {
    let refresh = (status.interval_seconds / 2.0).clamp(OFTEN, SELDOM);
    html! {
        (DOCTYPE)
        html lang="en" data-refresh=(refresh) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex, nofollow";
                title { (title(status)) }
                link id="icon" rel="icon" href=(icons::favicon(status.state));
                link rel="stylesheet" href="/status.css";
                noscript { meta http-equiv="refresh" content=(WITHOUT_SCRIPT); }
                script defer src="/status.js" {}
            }
            body {
                a.skip href="#main" { "Skip to the status" }
                p #offline.offline role="alert" hidden { "The monitor does not answer: what is shown here is old." }
                p #announcement.unseen role="status" {}
                main #main tabindex="-1" data-summary=(status.summary) {
                    (verdict(status))
                    @for (index, target) in status.targets.iter().enumerate() {
                        (target::render(index, target, status.interval_seconds))
                    }
                }
                (footer(status))
            }
        }
    }
}

/// The state first: tabs show little more than a word.
fn title(status: &Status) -> String {
    format!(
        "{}: {} – wa-db monitor",
        icons::word(status.state),
        status.summary
    )
}

fn verdict(status: &Status) -> Markup {
    let state = status.state;
    let newest = status
        .targets
        .iter()
        .filter_map(|target| target.probe_age_seconds)
        .reduce(f64::min);
    html! {
        header.verdict.(state.as_str()) {
            (icons::state(state))
            div {
                p.brand { "wa-db monitor" }
                h1 { (status.summary) }
                p.muted {
                    @if let Some(age) = newest { span.nowrap { "Last look " (ago(age)) } " · " }
                    span.nowrap { "every " (span(status.interval_seconds)) }
                    " · "
                    span.nowrap { "as of " time datetime=(status.generated_at) { (clock(&status.generated_at)) } }
                }
            }
        }
        @if status.targets.len() > 1 {
            nav aria-label="Connections" {
                ul.tally {
                    @for (index, target) in status.targets.iter().enumerate() {
                        li {
                            a.chip.(target.state.as_str()) href={ "#target-" (index) } {
                                (icons::state(target.state))
                                span { (target.role) }
                                span.muted { (target.endpoint) }
                                span.unseen { (icons::word(target.state)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn footer(status: &Status) -> Markup {
    html! {
        footer {
            nav aria-label="For programs" {
                a href="/metrics" { "Metrics" }
                a href="/status.json" { "JSON" }
                a href="/readyz" { "Readiness" }
                a href="/healthz" { "Health" }
            }
            p { "wa-db " (status.program) ", watching since " time datetime=(status.started_at) { (date(&status.started_at)) " " (clock(&status.started_at)) } }
        }
    }
}

/// A time ago, in words.
fn ago(seconds: f64) -> String {
    if seconds < 1.0 {
        return "just now".to_owned();
    }
    format!("{} ago", span(seconds))
}

/// A length of time, in its largest fitting unit.
fn span(seconds: f64) -> String {
    match seconds {
        5400.0.. => format!("{:.0} h", seconds / 3600.0),
        90.0.. => format!("{:.0} min", seconds / 60.0),
        10.0.. => format!("{seconds:.0} s"),
        _ => format!("{} s", (seconds * 10.0).round() / 10.0),
    }
}

/// The date of a time in RFC 3339.
fn date(moment: &str) -> &str {
    moment.split_once('T').map_or(moment, |(date, _)| date)
}

/// The time of day of a time in RFC 3339, which is in UTC.
fn clock(moment: &str) -> String {
    let time = moment.split_once('T').map_or("", |(_, time)| time);
    format!("{} UTC", time.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audit::Severity;
    use crate::code::{ErrorCode, Stage};
    use crate::monitor::board::{Board, Target};
    use crate::monitor::fixtures::{self, board};

    fn passing(target: &Target) -> crate::check::Probe {
        fixtures::passing(target, Duration::from_millis(3), 90)
    }

    fn warning(target: &Target) -> crate::check::Probe {
        fixtures::warning(passing(target), target, Stage::Tls)
    }

    fn failing(target: &Target) -> crate::check::Probe {
        fixtures::failing(target, Stage::Tls, ErrorCode::HostnameMismatch)
    }

    fn page(board: &Board) -> String {
        render(&board.status()).into_string()
    }

    #[test]
    fn title_says_the_state_first() {
        for (looks, title) in [
            (
                &[Some(passing as fn(&Target) -> _)][..],
                "Healthy: The connection is healthy",
            ),
            (
                &[Some(passing), Some(passing), Some(passing)],
                "Healthy: All 3 connections are healthy",
            ),
            (&[Some(passing), None], "Starting: Taking a first look"),
            (
                &[Some(passing), Some(warning), None],
                "Attention: 1 of 3 connections needs attention",
            ),
            (
                &[Some(failing), Some(warning), Some(passing)],
                "Failing: 1 of 3 connections fails",
            ),
            (
                &[Some(failing), Some(failing)],
                "Failing: Both connections fail",
            ),
        ] {
            let page = page(&board(looks.iter().copied()));
            let expected = format!("<title>{title} – wa-db monitor</title>");
            assert!(page.contains(&expected), "{title}");
        }
    }

    #[test]
    fn text_from_anywhere_stays_text_on_the_page_and_in_json() {
        let looks: [Option<fn(&Target) -> _>; 3] = [Some(passing), Some(warning), Some(failing)];
        let board = board(looks);
        let findings =
            Severity::ALL.map(|severity| fixtures::finding(fixtures::HOSTILE, severity, false));
        board.audited(0, findings.to_vec(), None);
        let page = page(&board);
        assert_eq!(page.matches("<script").count(), 1, "our own");
        assert!(page.contains("&lt;script&gt;"), "it is shown");
        assert!(!page.contains("alert(1)</script>") && !page.contains("'&\\u"));
        let json = serde_json::to_string(&board.status()).unwrap_or_default();
        for text in [page, json] {
            let bad = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!text.contains(bad), "{text}");
        }
    }

    #[test]
    fn nothing_on_the_page_needs_what_its_policy_forbids() {
        let page = page(&board([Some(passing as fn(&Target) -> _), Some(failing)]));
        for forbidden in [
            " style=",
            "<style",
            " on",
            "javascript:",
            "http://",
            "https://",
            "//",
        ] {
            let allowed = page
                .replace("http://www.w3.org/2000/svg", "")
                .replace(" only", "")
                .replace(" one", "");
            assert!(!allowed.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn findings_are_counted_by_severity_and_suppressed_ones_stand_apart() {
        let board = board([Some(passing as fn(&Target) -> _)]);
        assert!(page(&board).contains("Not audited yet."));
        board.not_audited(0, "it waits");
        let waiting = page(&board);
        assert!(waiting.contains("Not audited yet: it waits."));
        assert!(!waiting.contains("Nothing to be done.") && !waiting.contains("Audited at"));
        board.audited(0, Vec::new(), Some("tls: expired"));
        let stopped = page(&board);
        assert!(stopped.contains("it could not go on: tls: expired"));
        assert!(!stopped.contains("Nothing to be done."));
        board.audited(0, Vec::new(), None);
        assert!(page(&board).contains("Nothing to be done."));
        let findings = vec![
            fixtures::finding("rule-a", Severity::High, false),
            fixtures::finding("rule-b", Severity::Low, false),
            fixtures::finding("rule-c", Severity::Critical, true),
        ];
        board.audited(0, findings, None);
        let page = page(&board);
        assert!(
            page.contains(">1 high<") && page.contains(">1 low<"),
            "{page}"
        );
        assert!(!page.contains("1 critical<") && page.contains("1 suppressed"));
        assert!(
            page.contains("Attention: "),
            "a grave finding asks for attention"
        );
    }

    #[test]
    fn spans_are_written_in_their_largest_fitting_unit() {
        for (seconds, written) in [
            (0.5, "0.5 s"),
            (1.0, "1 s"),
            (30.0, "30 s"),
            (90.0, "2 min"),
            (600.0, "10 min"),
            (7200.0, "2 h"),
        ] {
            assert_eq!(span(seconds), written);
        }
        assert_eq!(ago(0.2), "just now");
        assert_eq!(clock("2026-11-22T03:20:11Z"), "03:20:11 UTC");
        assert_eq!(date("2026-11-22T03:20:11Z"), "2026-11-22");
    }
}
