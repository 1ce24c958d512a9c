//! What the newest audit found, by severity, each with its fix.

use maud::{Markup, html};

use super::clock;
use crate::audit::Severity;
use crate::monitor::snapshot::{AuditStatus, Finding};

/// The findings of a target.
pub(super) fn render(index: usize, audit: Option<&AuditStatus>) -> Markup {
    html! {
        section.findings aria-labelledby={ "findings-" (index) } {
            @match audit {
                None => {
                    h3 id={ "findings-" (index) } { "Findings" }
                    p.muted { "Not audited yet." }
                }
                Some(AuditStatus { audited_at: None, stopped, .. }) => {
                    h3 id={ "findings-" (index) } { "Findings" }
                    p.muted { "Not audited yet" @if let Some(why) = stopped { ": " (why) } "." }
                }
                Some(AuditStatus { audited_at: Some(at), stopped, findings }) => {
                    (audited(index, at, stopped.as_deref(), findings))
                }
            }
        }
    }
}

fn audited(index: usize, at: &str, stopped: Option<&str>, findings: &[Finding]) -> Markup {
    let (suppressed, open): (Vec<_>, Vec<_>) =
        findings.iter().partition(|one| one.suppressed.is_some());
    html! {
        h3 id={ "findings-" (index) } {
            "Findings"
            @for severity in Severity::ALL.into_iter().rev() {
                @let count = open.iter().filter(|one| one.severity == severity).count();
                @if count > 0 { " " span.severity.(severity.as_str()) { (count) " " (severity.as_str()) } }
            }
        }
        @if open.is_empty() && stopped.is_none() { p.muted { "Nothing to be done." } }
        @for (number, finding) in open.iter().enumerate() { (one(index, number, finding)) }
        @if !suppressed.is_empty() {
            details.more data-key={ "suppressed-" (index) } {
                summary { (suppressed.len()) " suppressed" }
                @for (number, finding) in suppressed.iter().enumerate() { (one(index, open.len() + number, finding)) }
            }
        }
        p.small.muted {
            "Audited at " time datetime=(at) { (clock(at)) }
            @if let Some(stopped) = stopped { "; it could not go on: " (stopped) } @else { "." }
        }
    }
}

fn one(index: usize, number: usize, finding: &Finding) -> Markup {
    html! {
        details.finding data-key={ "finding-" (index) "-" (finding.id) "-" (number) } {
            summary {
                span.severity.(finding.severity.as_str()) { (finding.severity.as_str()) }
                span.title { (finding.title) }
                code { (finding.id) }
            }
            dl.facts {
                @if !finding.evidence.is_empty() { dt { "Seen" } dd { (finding.evidence) } }
                @if let Some(suppressed) = &finding.suppressed { dt { "Suppressed" } dd { (suppressed) } }
                @if !finding.why.is_empty() { dt { "Why it matters" } dd { (finding.why) } }
                @if !finding.fix.is_empty() { dt { "Fix" } dd { pre { code { (finding.fix) } } } }
            }
        }
    }
}
