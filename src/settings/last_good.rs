//! The last secret that a file held while it could be used: [`LastGood`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::counter;

use super::fault::Fault;
use crate::secret::Secret;

/// Keeps the last good secret of a file that is read over and over, for the times when the file is
/// missing or empty, or cannot be read or decrypted.
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
    /// The fault, where nothing is kept.
    pub(super) fn or_kept(&self, read: Result<Secret, Fault>) -> Result<Secret, Fault> {
        let fault = match read {
            Ok(secret) => {
                *self.state() = State {
                    secret: Some(secret.clone()),
                    told: None,
                };
                return Ok(secret);
            }
            Err(fault) => fault,
        };
        let (kept, is_news) = {
            let mut state = self.state();
            let Some(kept) = state.secret.clone() else {
                return Err(fault);
            };
            let told = state.told.replace(fault.message.clone());
            (kept, told.as_ref() != Some(&fault.message))
        };
        let problem = fault.message;
        if is_news {
            counter!("wa_db_reloads_total", "files" => "password", "result" => "failed")
                .increment(1);
            tracing::warn!(
                problem,
                "the secret's file cannot be used: the last secret that it held stays in use"
            );
        } else {
            tracing::debug!(problem, "the secret's file can still not be used");
        }
        Ok(kept)
    }

    /// A server refused the secret. If it is one that was kept while the file cannot be used, it goes: the
    /// file is to blame from now on, and no account is locked by repeating what is out of date.
    pub(super) fn refused(&self) {
        let mut state = self.state();
        if state.told.is_some() {
            *state = State::default();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and every state is a sound one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            file.refused();
            is(fault("there is none"), Ok("hunter3"));
            file.refused();
            is(fault("there is none"), Err("there is none"));
        });
        let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let times = |what: &str| told.matches(what).count();
        assert_eq!((times("WARN"), times("it is empty")), (3, 1), "{told}");
        assert_eq!(times("there is none"), 2, "{told}");
        assert_eq!(times("hunter"), 0, "{told}");
    }
}
