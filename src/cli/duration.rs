//! Durations on the command line: [`duration`] and [`positive_duration`].

use std::time::Duration;

/// `250ms`, `10s`, `5m`, `1h`; a bare number is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let millis = match unit {
        _ if number.is_empty() => return Err(EXPECTED.to_owned()),
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(EXPECTED.to_owned()),
    };
    let number: Option<u64> = number.parse().ok();
    let millis = number.and_then(|number| number.checked_mul(millis));
    millis
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("the longest duration is {}h", LONGEST.as_secs() / 3_600))
}

/// The same, but not zero: a deadline of nothing cannot be met.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a duration of zero leaves no time".to_owned()),
        duration => Ok(duration),
    }
}

const EXPECTED: &str = "expected a duration such as 250ms, 10s, 5m or 1h";

/// A year: more is a slip of the keyboard, and far from what a clock can add up.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_has_a_unit_or_counts_in_seconds() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("7", Some(7_000)),
            ("0", Some(0)),
            ("8760h", Some(31_536_000_000)),
            ("8761h", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10 s", None),
            ("10sec", None),
            ("99999999999999999999", None),
            ("18446744073709551615h", None),
        ] {
            let parsed = duration(text).ok();
            assert_eq!(parsed, millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn deadline_of_nothing_is_refused() {
        assert!(positive_duration("0ms").is_err());
        assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
    }
}
