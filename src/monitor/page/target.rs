//! One target: its state, its stages as a line of lights, and what goes with them.

use maud::{Markup, html};

use super::{ago, certificates, findings, icons};
use crate::check::{PinState, Status};
use crate::endpoint::Engine;
use crate::monitor::judge::name;
use crate::monitor::snapshot::{ServerStatus, StageStatus, State, TargetStatus, TlsStatus};
use crate::monitor::sparkline::{HEIGHT, Sparkline, WIDTH, millis};

/// A target as a section of the page.
pub(super) fn render(index: usize, target: &TargetStatus, interval_seconds: f64) -> Markup {
    html! {
        article.target.(target.state.as_str()) id={ "target-" (index) } aria-labelledby={ "name-" (index) } {
            (heading(index, target))
            (stages(index, target))
            (told(target))
            div.panels {
                (timing(index, target, interval_seconds))
                (certificates::render(index, target))
                (trust(index, target))
            }
            (findings::render(index, target.audit.as_ref()))
        }
    }
}

fn heading(index: usize, target: &TargetStatus) -> Markup {
    html! {
        header.heading {
            div {
                h2 id={ "name-" (index) } {
                    (target.role) " " span.place { "at " (target.endpoint) }
                }
                p.muted {
                    @match &target.server {
                        Some(server) => { (server.version) ", " (nature(server)) },
                        None => (engine(target.engine)),
                    }
                    @if let Some(age) = target.probe_age_seconds { " · looked " (ago(age)) }
                }
            }
            p.badge.(target.state.as_str()) {
                (icons::state(target.state))
                strong { (icons::word(target.state)) }
            }
        }
        @if target.state != State::Healthy { p.reason { (sentence(&target.summary)) } }
    }
}

fn nature(server: &ServerStatus) -> &'static str {
    match (server.read_only, server.encrypted) {
        (true, true) => "read-only, encrypted",
        (false, true) => "read-write, encrypted",
        (true, false) => "read-only, not encrypted",
        (false, false) => "read-write, not encrypted",
    }
}

fn engine(engine: Engine) -> &'static str {
    match engine {
        Engine::MySql => "MySQL or MariaDB",
        Engine::Postgres => "PostgreSQL",
    }
}

fn stages(index: usize, target: &TargetStatus) -> Markup {
    if target.stages.is_empty() {
        return html! {};
    }
    html! {
        h3.unseen { "Stages" }
        ol.stages {
            @for stage in &target.stages { (light(stage)) }
        }
        details.more data-key={ "stages-" (index) } {
            summary { "What each stage found" }
            dl {
                @for stage in target.stages.iter().filter(|stage| !stage.detail.is_empty()) {
                    dt { (name(stage.stage)) }
                    dd { (stage.detail) }
                }
            }
        }
    }
}

fn light(stage: &StageStatus) -> Markup {
    let ran = stage.status != Status::Skipped;
    html! {
        li.(class(stage.status)) {
            (icons::light(stage.status))
            span.name { (name(stage.stage)) }
            span.unseen { " " (icons::outcome(stage.status)) " " }
            span.took {
                @if ran { (millis(stage.elapsed_ms)) }
                @else if stage.detail.is_empty() { "not reached" }
                @else { "not needed" }
            }
        }
    }
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warn => "warned",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
    }
}

/// Errors and warnings of the stages.
fn told(target: &TargetStatus) -> Markup {
    html! {
        @for stage in &target.stages {
            @if let Some(error) = &stage.error {
                section.callout.failing {
                    h3 { (name(stage.stage)) ": " code { (error.code) } }
                    p { (sentence(&error.message)) }
                    @if !error.hint.is_empty() { p.hint { strong { "What to do: " } (sentence(&error.hint)) } }
                }
            }
            @if !stage.warnings.is_empty() {
                section.callout.degraded {
                    h3 { (name(stage.stage)) ": warning" }
                    @for warning in &stage.warnings { p { (sentence(warning)) } }
                }
            }
        }
    }
}

fn timing(index: usize, target: &TargetStatus, interval_seconds: f64) -> Markup {
    let drawn = Sparkline::draw(&target.history, interval_seconds);
    html! {
        section.panel aria-labelledby={ "time-" (index) } {
            h3 id={ "time-" (index) } { "Connect time" }
            p.figure {
                @match target.connect_ms {
                    Some(time) => (millis(time)),
                    None => span.muted { "–" span.unseen { "no connection" } },
                }
            }
            @if let Some(drawn) = drawn {
                figure {
                    svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(drawn.words) {
                        path.area d=(drawn.area) {}
                        path.line d=(drawn.line) {}
                        path.dots d=(drawn.dots) {}
                        path.failures d=(drawn.failures) {}
                    }
                    p.axis aria-hidden="true" { span { "1 h ago" } span { "now" } }
                    figcaption { (drawn.words) "." }
                }
            }
            p.small.muted {
                (target.probes) " looks"
                @if target.failed_probes > 0 { ", " (target.failed_probes) " failed" }
            }
        }
    }
}

fn trust(index: usize, target: &TargetStatus) -> Markup {
    html! {
        section.panel aria-labelledby={ "trust-" (index) } {
            h3 id={ "trust-" (index) } { "Trust" }
            @match &target.tls {
                Some(tls) => (trusted(tls, target.pins)),
                None => p.muted { "No TLS handshake was seen." },
            }
        }
    }
}

fn trusted(tls: &TlsStatus, pins: PinState) -> Markup {
    let (sign, verified) = match (tls.verified, tls.would_fail) {
        (true, _) => (Status::Ok, "yes, chain and name".to_owned()),
        (false, Some(code)) => (Status::Warn, format!("no, and would fail: {code}")),
        (false, None) if tls.protocol.is_none() => (Status::Failed, "no, refused".to_owned()),
        (false, None) => (Status::Warn, "not in full".to_owned()),
    };
    html! {
        dl.facts {
            dt { "Verified" }
            dd.signed { (icons::light(sign)) span { (breakable(&verified)) } }
            @if let Some(protocol) = &tls.protocol { dt { "Protocol" } dd { (protocol) } }
            @if let Some(cipher) = &tls.cipher { dt { "Suite" } dd { (breakable(cipher)) } }
            @if tls.protocol.is_some() {
                dt { "Login bound" }
                dd { @if tls.channel_bound { "yes, to this channel" } @else { "no" } }
            }
            dt { "Pins" }
            dd { (pinned(pins)) }
        }
    }
}

/// Words that are joined by underscores, which may be broken behind those.
fn breakable(text: &str) -> Markup {
    html! {
        @for (index, word) in text.split('_').enumerate() {
            @if index > 0 { "_" wbr; }
            (word)
        }
    }
}

fn pinned(pins: PinState) -> &'static str {
    match pins {
        PinState::Unset => "none set",
        PinState::Matched => "matched, with a backup",
        PinState::NoBackup => "matched, without a backup",
        PinState::Mismatch => "no key matches: refused",
        PinState::WouldMismatch => "no key matches: reported",
        PinState::Unknown => "not seen",
    }
}

/// A message of ours as a sentence: they begin small and have no full stop.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let Some(first) = characters.next() else {
        return String::new();
    };
    // A name of the environment is written as it is.
    let is_word = characters.clone().next().is_some_and(char::is_lowercase);
    let mut sentence = String::new();
    if is_word {
        sentence.extend(first.to_uppercase());
    } else {
        sentence.push(first);
    }
    sentence.push_str(characters.as_str());
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn messages_become_sentences() {
        for (message, written) in [
            ("the server is away", "The server is away."),
            ("WA_DB_PORT is odd", "WA_DB_PORT is odd."),
            ("done.", "Done."),
            ("", ""),
            ("a", "a."),
        ] {
            assert_eq!(sentence(message), written);
        }
    }
}
