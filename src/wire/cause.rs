//! Finding the error that tells most in a chain of sources.

use std::error::Error;
use std::io;

use openssl::error::ErrorStack;

/// The first error of type `T` in the chain. Unlike a plain walk along `source()`, this looks
/// inside `io::Error`, which leaves the error it wraps out of its chain.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        next = match current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
    }
    None
}

/// OpenSSL's own errors, if any are in the chain.
pub(crate) fn openssl<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ErrorStack> {
    find::<ErrorStack>(error).or_else(|| find::<openssl::ssl::Error>(error)?.ssl_error())
}

/// What kind of input or output error it is, if it is one.
pub(crate) fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    find::<io::Error>(error).map(io::Error::kind)
}

/// Whether the peer went away without a word.
pub(crate) fn is_hangup(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use super::{find, io_kind};

    #[derive(Debug)]
    struct Inner;
    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("inner")
        }
    }
    impl std::error::Error for Inner {}

    #[test]
    fn an_error_inside_an_io_error_is_found() {
        let error = io::Error::other(io::Error::new(io::ErrorKind::TimedOut, Inner));
        assert!(find::<Inner>(&error).is_some());
        assert_eq!(io_kind(&error), Some(io::ErrorKind::Other));
    }
}
