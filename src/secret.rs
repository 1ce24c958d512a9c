//! Text that must never be shown: wiped from memory when dropped, invisible to `Debug`.

use std::fmt;

use zeroize::Zeroizing;

/// A password or passphrase.
///
/// It has no `Display`, its `Debug` prints a placeholder, equality is not offered, and its memory is
/// overwritten when it is dropped. The only way to the text is [`Secret::expose`], so that every
/// use can be found by searching for that word.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Do not log it, format it or put it into an error.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_of_a_secret_shows_nothing_of_it() {
        let shown = format!(
            "{:?} {:#?}",
            Secret::new("hunter2"),
            Some(Secret::new("hunter2"))
        );
        assert!(
            !shown.contains("hunter2") && shown.contains("hidden"),
            "{shown}"
        );
    }
}
