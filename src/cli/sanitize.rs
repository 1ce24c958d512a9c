//! Text from servers and files, made fit for a terminal: [`sanitize`].

use std::borrow::Cow;
use std::fmt::Write;

/// The text with every character escaped that could move the cursor, start an escape sequence or
/// turn the direction of writing: what a server says must not be able to draw over what we say.
pub(super) fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_dangerous(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// JSON text in which the same characters are escaped as JSON does it. The serializer leaves DEL,
/// the C1 controls and direction marks as they are; they can only stand inside strings.
pub(super) fn sanitize_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if is_dangerous(character) && character != '\n' {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Controls (C0, DEL, C1), line and paragraph separators, and the marks that change direction or
/// are invisible. All of them lie in the Basic Multilingual Plane.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn whatever_steers_a_terminal_is_escaped_and_the_rest_is_kept() {
        for (text, safe) in [
            ("plain é 名", "plain é 名"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\u{9b}31m \u{7f}", "\\u{9b}31m \\u{7f}"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
        ] {
            assert_eq!(sanitize(text), safe);
        }
    }

    #[test]
    fn json_stays_the_same_value_when_it_is_made_safe() {
        let text = "a\u{1b}b\u{9b}c\u{7f}d\u{202e}e\nf";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let safe = sanitize_json(&json);
        assert!(
            safe.chars().all(|c| c == '\n' || !is_dangerous(c)),
            "{safe:?}"
        );
        assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), [text]);
    }
}
