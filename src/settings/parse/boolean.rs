//! Booleans. A word that is neither yes nor no is a fault: guessing is how `"false"` came to mean
//! true in PHP.

use crate::settings::fault::{Fault, shown};

/// `1/true/on/yes` or `0/false/off/no`, in any case.
pub(in crate::settings) fn boolean(variable: &str, text: &str) -> Result<bool, Fault> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => Ok(true),
        "0" | "false" | "off" | "no" => Ok(false),
        _ => Err(Fault::invalid(
            variable,
            format!("{variable} is {}, which is neither yes nor no", shown(text)),
            "write 1, true, on or yes; or 0, false, off or no",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::boolean;

    #[test]
    fn both_answers_have_four_words_in_any_case() {
        for text in ["1", "true", "on", "yes", "TRUE", "Yes", " on\r\n"] {
            assert!(boolean("X", text).unwrap(), "{text:?}");
        }
        for text in ["0", "false", "off", "no", "False", "OFF", " no "] {
            assert!(!boolean("X", text).unwrap(), "{text:?}");
        }
        for text in [
            "", " ", "2", "00", "-1", "t", "f", "y", "n", "tru", "enabled", "none", "ＯＮ",
        ] {
            let fault = boolean("WA_DB_X", text).unwrap_err();
            assert!(fault.message.starts_with("WA_DB_X is"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_eight_words_is_a_boolean(text in "[a-zA-Z0-9]{0,6}") {
            let lower = text.to_ascii_lowercase();
            let known = ["1", "true", "on", "yes", "0", "false", "off", "no"];
            prop_assert_eq!(boolean("X", &text).is_ok(), known.contains(&lower.as_str()));
        }
    }
}
