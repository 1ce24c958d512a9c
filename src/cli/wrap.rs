//! Long texts on a terminal, broken between words: [`wrap`].

/// Fewer columns than this give no better text than the terminal's own breaks.
const NARROWEST: usize = 20;

/// The lines of a text that begins `hang` columns into a terminal of this width, as do its later
/// lines. A word longer than a line stays whole: it is a path or a name that may be copied.
pub(super) fn wrap(text: &str, hang: usize, width: usize) -> Vec<&str> {
    let room = width.saturating_sub(hang);
    if room < NARROWEST {
        return vec![text];
    }
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = break_at(rest, room) {
        let (line, after) = rest.split_at(end);
        lines.push(line.trim_end());
        rest = after.trim_start();
    }
    lines.push(rest);
    lines
}

/// The blank to break a line at, if it is too long and has one: the last that leaves no more than
/// `room` characters before it, or else the first.
fn break_at(text: &str, room: usize) -> Option<usize> {
    if text.chars().count() <= room {
        return None;
    }
    let mut first = None;
    let mut last = None;
    for (column, (at, character)) in text.char_indices().enumerate() {
        // A blank at the very beginning is an indent, and there is nothing before it to keep.
        if character != ' ' || at == 0 {
            continue;
        }
        first = first.or(Some(at));
        if column > room {
            break;
        }
        last = Some(at);
    }
    last.or(first)
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn text_is_broken_at_the_last_blank_that_fits() {
        for (text, width, lines) in [
            ("", 30, &[""][..]),
            (
                "a text that fits in just so",
                27,
                &["a text that fits in just so"],
            ),
            (
                "a text that fits in just so",
                26,
                &["a text that fits in just", "so"],
            ),
            (
                "/a/path/that/is/longer/than/a/line is kept whole",
                22,
                &["/a/path/that/is/longer/than/a/line", "is kept whole"],
            ),
            (
                "größere Wörter zählen nach Zeichen",
                29,
                &["größere Wörter zählen nach", "Zeichen"],
            ),
            (
                "too narrow a place to break anything in",
                10,
                &["too narrow a place to break anything in"],
            ),
        ] {
            assert_eq!(wrap(text, 0, width), lines);
        }
    }

    #[test]
    fn the_indent_is_taken_from_the_width() {
        assert_eq!(
            wrap("twenty columns are left here", 9, 29),
            ["twenty columns are", "left here"]
        );
        assert_eq!(wrap("twenty columns are left here", 10, 29).len(), 1);
    }
}
