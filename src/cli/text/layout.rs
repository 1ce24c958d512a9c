//! Marks, indents and numbers of the text output.

use super::super::printer::Style;
use crate::check::Millis;

/// What is drawn, in the characters that the terminal has.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Layout {
    pub(in crate::cli) ok: &'static str,
    pub(in crate::cli) warn: &'static str,
    pub(in crate::cli) failed: &'static str,
    pub(in crate::cli) skipped: &'static str,
    /// Between role and server.
    pub(in crate::cli) arrow: &'static str,
    /// Before what is said about a stage: two columns right of the stage's name.
    pub(in crate::cli) indent: &'static str,
}

impl Layout {
    pub(in crate::cli) fn of(style: Style) -> Self {
        if style.unicode {
            Self {
                ok: "✓",
                warn: "!",
                failed: "✗",
                skipped: "-",
                arrow: " → ",
                indent: "      ",
            }
        } else {
            Self {
                ok: "ok  ",
                warn: "warn",
                failed: "FAIL",
                skipped: "-   ",
                arrow: " -> ",
                indent: "         ",
            }
        }
    }
}

/// A time as people read it: `0.2 ms`, `41.0 ms`, `1.25 s`.
pub(super) fn millis(time: Millis) -> String {
    let time = time.get();
    if time < 1_000.0 {
        format!("{time:.1} ms")
    } else {
        format!("{:.2} s ", time / 1_000.0)
    }
}
