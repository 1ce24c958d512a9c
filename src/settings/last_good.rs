//! The last secret that a file held while it could be used: [`LastGood`].

use std::sync::{Mutex, PoisonError};

use super::fault::Fault;
use crate::secret::Secret;

/// Keeps the last good secret of a file that is read over and over, for the times when the file is
/// missing, half written, or cannot be read or opened.
#[derive(Default)]
pub(super) struct LastGood(Mutex<State>);

#[derive(Default)]
struct State {
    secret: Option<Secret>,
    /// What was warned of since the file could last be used.
    told: Option<String>,
}

impl LastGood {
    /// The secret that was read, which is then kept; or, where there is a fault, the one that was kept
    /// before. Each fault is warned of once.
    ///
    /// # Errors
    /// The fault, where nothing is kept yet.
    pub(super) fn or_kept(&self, read: Result<Secret, Fault>) -> Result<Secret, Fault> {
        // Nothing panics while it holds the lock, and every state is a sound one.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(secret) => {
                *state = State {
                    secret: Some(secret.clone()),
                    told: None,
                };
                Ok(secret)
            }
            Err(fault) => {
                let Some(kept) = state.secret.clone() else {
                    return Err(fault);
                };
                let problem = fault.message;
                if state.told.as_ref() != Some(&problem) {
                    tracing::warn!(
                        problem,
                        "the secret's file cannot be used: the last secret that it held stays in use"
                    );
                    state.told = Some(problem);
                }
                Ok(kept)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io;
    use std::sync::{Arc, Mutex};

    use super::LastGood;
    use crate::code::ErrorCode;
    use crate::secret::Secret;
    use crate::settings::Fault;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn fault(message: &str) -> Result<Secret, Fault> {
        let variable = "WA_DB_PASSWORD_FILE";
        Err(Fault::new(ErrorCode::FileUnreadable, variable, message, ""))
    }

    #[test]
    fn a_fault_is_told_where_nothing_is_kept_and_warned_of_once_where_something_is() {
        let (file, log) = (LastGood::default(), Log::default());
        let subscriber = {
            let log = log.clone();
            tracing_subscriber::fmt()
                .with_writer(move || log.clone())
                .finish()
        };
        let is = |read, expected: Result<&str, &str>| {
            let got = file.or_kept(read);
            let got = got.as_ref().map(Secret::expose);
            assert_eq!(got.map_err(|fault| fault.message.as_str()), expected);
        };
        tracing::subscriber::with_default(subscriber, || {
            is(fault("it is empty"), Err("it is empty"));
            is(Ok(Secret::new("hunter2")), Ok("hunter2"));
            is(fault("it is empty"), Ok("hunter2"));
            is(fault("it is empty"), Ok("hunter2"));
            is(fault("there is none"), Ok("hunter2"));
            is(Ok(Secret::new("hunter3")), Ok("hunter3"));
            is(fault("there is none"), Ok("hunter3"));
        });
        let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let times = |what: &str| told.matches(what).count();
        assert_eq!((times("WARN"), times("it is empty")), (3, 1), "{told}");
        assert_eq!(times("there is none"), 2, "{told}");
        assert_eq!(times("hunter"), 0, "{told}");
    }
}
