//! Signs for states, each of a shape of its own: nothing is told by colour alone.

use maud::{Markup, html};

use crate::check::Status;
use crate::monitor::snapshot::State;

const CHECK: &str = "M7.5 12.5l3 3 6-6.5";
const BANG: &str = "M12 8.5v4.5M12 16.4v.1";
const CROSS: &str = "M9 9l6 6M15 9l-6 6";
const DASH: &str = "M8.5 12h7";
const CIRCLE: &str = "M12 2.5a9.5 9.5 0 1 1 0 19 9.5 9.5 0 0 1 0-19z";
const TRIANGLE: &str = "M12 2.8c.7 0 1.3.4 1.7 1l8.2 14.4c.8 1.4-.2 3-1.7 3H3.8c-1.5 0-2.5-1.6-1.7-3L10.3 3.8c.4-.6 1-1 1.7-1z";
const OCTAGON: &str = "M8.1 2.5h7.8l5.6 5.6v7.8l-5.6 5.6H8.1l-5.6-5.6V8.1z";

/// The sign of a state.
pub(super) fn state(state: State) -> Markup {
    let (shape, sign) = match state {
        State::Healthy => (CIRCLE, CHECK),
        State::Starting => (CIRCLE, DASH),
        State::Degraded => (TRIANGLE, BANG),
        State::Failing => (OCTAGON, CROSS),
    };
    drawn(state.as_str(), shape, sign)
}

/// The light of a stage.
pub(super) fn light(status: Status) -> Markup {
    let (class, shape, sign) = match status {
        Status::Ok => ("healthy", CIRCLE, CHECK),
        Status::Warn => ("degraded", TRIANGLE, BANG),
        Status::Failed => ("failing", OCTAGON, CROSS),
        Status::Skipped => ("starting", CIRCLE, DASH),
    };
    drawn(class, shape, sign)
}

fn drawn(class: &str, shape: &str, sign: &str) -> Markup {
    html! {
        svg.sign.(class) viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            path.shape d=(shape) {}
            path.mark d=(sign) {}
        }
    }
}

/// A state in a word.
pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Healthy => "Healthy",
        State::Starting => "Starting",
        State::Degraded => "Attention",
        State::Failing => "Failing",
    }
}

/// What became of a stage, in a word or two.
pub(super) fn outcome(status: Status) -> &'static str {
    match status {
        Status::Ok => "passed",
        Status::Warn => "passed with a warning",
        Status::Failed => "failed",
        Status::Skipped => "not run",
    }
}

/// The picture of a tab.
pub(super) fn favicon(state: State) -> String {
    let (shape, sign, colour) = match state {
        State::Healthy => (CIRCLE, CHECK, "1a7f4b"),
        State::Starting => (CIRCLE, DASH, "5a6673"),
        State::Degraded => (TRIANGLE, BANG, "b26a00"),
        State::Failing => (OCTAGON, CROSS, "c62a1c"),
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
         %3Cpath fill='%23{colour}' d='{shape}'/%3E\
         %3Cpath fill='none' stroke='white' stroke-width='2.4' stroke-linecap='round' d='{sign}'/%3E%3C/svg%3E"
    )
}
