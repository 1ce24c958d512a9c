//! A driver's error as it may stand in a chain of sources: [`Described`].

use std::error::Error;
use std::fmt;
use std::io;

use crate::failure::printable;
use crate::wire::cause;

/// What a driver's error and its sources say, made printable, with OpenSSL's errors or the kind of
/// the system's error as its source.
///
/// The drivers' own errors hold text of the server as it came, terminal escapes included, and
/// whoever prints a chain of sources would print that.
#[derive(Debug)]
pub(crate) struct Described {
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Described {
    /// `closed`: whether the driver says, in words of its own, that the server went away.
    pub(crate) fn of(error: &(dyn Error + 'static), closed: bool) -> Self {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            let words = source.to_string();
            // Some errors repeat their source.
            if !text.contains(&words) {
                text = format!("{text}: {words}");
            }
            next = source.source();
        }
        let source: Option<Box<dyn Error + Send + Sync>> = match cause::openssl(error) {
            Some(stack) => Some(Box::new(stack.clone())),
            None => cause::io_kind(error)
                .or(closed.then_some(io::ErrorKind::UnexpectedEof))
                .map(|kind| Box::new(io::Error::from(kind)) as _),
        };
        Self {
            text: printable(&text),
            source,
        }
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Described {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use super::Described;

    #[test]
    fn words_of_the_whole_chain_are_kept_and_made_printable() {
        let inner = io::Error::other("\u{1b}[2Jgone");
        let outer = io::Error::new(io::ErrorKind::ConnectionReset, inner);
        let described = Described::of(&outer, false);
        assert_eq!(described.to_string(), "\\u{1b}[2Jgone");
        let source = described
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(
            source.map(io::Error::kind),
            Some(io::ErrorKind::ConnectionReset)
        );
    }
}
