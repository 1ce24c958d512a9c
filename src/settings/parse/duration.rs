//! Durations: `250ms`, `10s`, `5m`, `1h`, or a bare number in the variable's own unit.

use std::time::Duration;

use crate::settings::fault::{Fault, shown};

/// A year. Longer is a slip of the keyboard, and `MySQL`'s `wait_timeout` ends there too.
const MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a bare number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::settings) enum Bare {
    Seconds,
    Milliseconds,
}

/// Parses a duration of at most a year. Zero is allowed.
pub(in crate::settings) fn duration(
    variable: &str,
    text: &str,
    bare: Bare,
) -> Result<Duration, Fault> {
    let value = text.trim();
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    let millis_each: u64 = match (unit, bare) {
        ("ms", _) | ("", Bare::Milliseconds) => 1,
        ("s", _) | ("", Bare::Seconds) => 1_000,
        ("m", _) => 60_000,
        ("h", _) => 3_600_000,
        _ => return Err(malformed(variable, text, bare)),
    };
    if digits.is_empty() {
        return Err(malformed(variable, text, bare));
    }
    // Digits that do not fit a u64 are too long a time, not a malformed one.
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(millis_each))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX)
        .ok_or_else(|| {
            Fault::invalid(
                variable,
                format!("{variable} is {}, which is longer than a year", shown(text)),
                "write at most 8760h",
            )
        })
}

/// Parses a duration that zero makes no sense for; `instead` says what to do about a zero.
pub(in crate::settings) fn positive(
    variable: &str,
    text: &str,
    bare: Bare,
    instead: &str,
) -> Result<Duration, Fault> {
    let duration = duration(variable, text, bare)?;
    if duration.is_zero() {
        return Err(Fault::invalid(
            variable,
            format!("{variable} is zero, which leaves no time at all"),
            instead,
        ));
    }
    Ok(duration)
}

/// A duration as it would be written in a variable, with the largest unit that fits.
pub(in crate::settings) fn written(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, each) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= each && millis.is_multiple_of(each) {
            return format!("{}{unit}", millis / each);
        }
    }
    if millis == 0 {
        "0s".to_owned()
    } else {
        format!("{millis}ms")
    }
}

fn malformed(variable: &str, text: &str, bare: Bare) -> Fault {
    let unit = match bare {
        Bare::Seconds => "seconds",
        Bare::Milliseconds => "milliseconds",
    };
    Fault::invalid(
        variable,
        format!("{variable} is {}, which is no duration", shown(text)),
        format!("write a whole number with ms, s, m or h; a bare number is {unit}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_with_a_unit_is_a_duration() {
        for (text, bare, millis) in [
            ("250ms", Bare::Seconds, 250),
            ("10s", Bare::Milliseconds, 10_000),
            ("5m", Bare::Seconds, 300_000),
            ("1h", Bare::Seconds, 3_600_000),
            ("15", Bare::Seconds, 15_000),
            ("180000", Bare::Milliseconds, 180_000),
            (" 7s\r", Bare::Seconds, 7_000),
            ("0", Bare::Seconds, 0),
            ("007", Bare::Seconds, 7_000),
            ("8760h", Bare::Seconds, 31_536_000_000),
        ] {
            assert_eq!(
                duration("X", text, bare).unwrap(),
                Duration::from_millis(millis),
                "{text:?}"
            );
        }
    }

    #[test]
    fn anything_else_is_a_fault() {
        for text in [
            "", " ", "s", "ms", "-1", "-1s", "+5", "1.5s", "1,5", "10 s", "10S", "10sec", "1d",
            "1e3", "ten", "5m30s", "٣s", "0x10",
        ] {
            let fault = duration("WA_DB_X", text, Bare::Seconds).unwrap_err();
            assert!(
                fault.message.contains("no duration"),
                "{text:?}: {}",
                fault.message
            );
        }
        for text in ["8761h", "18446744073709551615", "99999999999999999999999h"] {
            let fault = duration("WA_DB_X", text, Bare::Seconds).unwrap_err();
            assert!(fault.message.contains("longer than a year"), "{text:?}");
        }
        for text in ["0", "0ms", "0h", "000"] {
            let fault = positive("WA_DB_X", text, Bare::Seconds, "write more").unwrap_err();
            assert!(fault.message.contains("zero"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "(?s).{0,30}") {
            let _ = duration("X", &text, Bare::Seconds);
        }

        #[test]
        fn a_written_duration_is_read_back_as_it_was(millis in 0_u64..=31_536_000_000) {
            let whole = Duration::from_millis(millis);
            prop_assert_eq!(duration("X", &written(whole), Bare::Seconds).unwrap(), whole);
        }
    }
}
