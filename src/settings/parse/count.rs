//! Whole numbers with bounds.

use std::ops::RangeInclusive;

use crate::settings::fault::{Fault, shown};

/// A whole number within bounds.
pub(in crate::settings) fn count(
    variable: &str,
    text: &str,
    bounds: RangeInclusive<usize>,
) -> Result<usize, Fault> {
    let value = text.trim();
    // `parse` alone would take a plus sign.
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { value.parse().ok() } else { None };
    number
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| {
            let (low, high) = (bounds.start(), bounds.end());
            Fault::invalid(
                variable,
                format!(
                    "{variable} is {}, which is no number from {low} to {high}",
                    shown(text)
                ),
                format!("write a whole number from {low} to {high}"),
            )
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::count;

    #[test]
    fn only_whole_numbers_within_the_bounds_count() {
        for (text, expected) in [("1", 1), ("16", 16), (" 8 ", 8), ("100", 100)] {
            assert_eq!(count("X", text, 1..=100).unwrap(), expected);
        }
        for text in [
            "",
            "0",
            "101",
            "-1",
            "+1",
            "1.0",
            "0x1",
            "many",
            "99999999999999999999999",
        ] {
            assert!(count("X", text, 1..=100).is_err(), "{text:?}");
        }
    }
}
