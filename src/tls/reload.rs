//! Files that change under a running service: [`Reloading`] notices and keeps the last good state.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;

use super::fingerprint::Fingerprint;
use super::policy::TlsPolicy;
use crate::settings::{Fault, TlsSettings};

/// How long files that could not be used are left alone while they do not change. They may become
/// good by themselves: a certificate's first day comes, descriptors are free again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something built from a [`TlsPolicy`], made anew when one of the policy's files has changed.
///
/// Only metadata is compared, for each new physical connection. A replacement that cannot be used
/// keeps the last good state, warns once, and is tried again from time to time.
pub(crate) struct Reloading<T> {
    settings: TlsSettings,
    state: Mutex<State<T>>,
}

struct State<T> {
    policy: TlsPolicy,
    built: T,
    seen: Fingerprint,
    /// When to look again at files that did not change since they could not be used.
    try_again: Option<Instant>,
}

impl<T: Clone> Reloading<T> {
    /// Loads the files for the first time.
    ///
    /// # Errors
    /// Every fault of every file; here none is forgiven.
    pub(crate) fn new<E: From<Vec<Fault>>>(
        settings: TlsSettings,
        build: impl Fn(&TlsPolicy) -> Result<T, E>,
    ) -> Result<Self, E> {
        let policy = TlsPolicy::load(&settings)?;
        Self::starting_with(policy, settings, build)
    }

    /// The same with a policy that was loaded from these settings before.
    ///
    /// # Errors
    /// What cannot be built.
    pub(crate) fn starting_with<E>(
        policy: TlsPolicy,
        settings: TlsSettings,
        build: impl Fn(&TlsPolicy) -> Result<T, E>,
    ) -> Result<Self, E> {
        let built = build(&policy)?;
        Ok(Self {
            settings,
            state: Mutex::new(State {
                seen: policy.fingerprint().clone(),
                policy,
                built,
                try_again: None,
            }),
        })
    }

    /// The current policy and what is built from it, after a look at the files.
    pub(crate) fn current<E: std::fmt::Display + From<Vec<Fault>>>(
        &self,
        build: impl Fn(&TlsPolicy) -> Result<T, E>,
    ) -> (TlsPolicy, T) {
        let now = Fingerprint::of(&self.settings);
        let mut state = self.lock();
        let changed = now != state.seen;
        let due = state.try_again.is_some_and(|at| at <= Instant::now());
        if changed || due {
            // Taken as seen even if it is broken: the warning comes once for each change.
            state.seen = now;
            match TlsPolicy::load(&self.settings)
                .map_err(E::from)
                .and_then(|policy| Ok((build(&policy)?, policy)))
            {
                Ok((built, policy)) => {
                    count("loaded");
                    tracing::info!("certificate files changed: new connections use the new ones");
                    state.policy = policy;
                    state.built = built;
                    state.try_again = None;
                }
                Err(error) => {
                    state.try_again = Some(Instant::now() + PATIENCE);
                    if changed {
                        count("failed");
                        tracing::warn!(%error, "certificate files changed and cannot be used: the previous ones stay in use");
                    } else {
                        tracing::debug!(%error, "changed certificate files can still not be used");
                    }
                }
            }
        }
        (state.policy.clone(), state.built.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is replaced field by field only after everything fallible is done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changed files are rare: no handle is kept for their counter.
fn count(result: &'static str) {
    counter!("wa_db_reloads_total", "files" => "policy", "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;
    use std::path::Path;
    use std::time::Duration;

    use tokio::time::advance;
    use wa_db_lab::pki::{Ca, write_file};

    use super::{PATIENCE, Reloading};
    use crate::settings::{Environment, Fault, Role, Settings};

    #[derive(Debug, thiserror::Error)]
    #[error("not yet")]
    struct NotYet;

    impl From<Vec<Fault>> for NotYet {
        fn from(_: Vec<Fault>) -> Self {
            Self
        }
    }

    fn settings(ca: &Path) -> Settings {
        let environment = Environment::from_pairs([
            ("WA_DB_ENGINE", "PGSQL"),
            ("WA_DB_HOSTNAME", "db.lab"),
            ("WA_DB_USERNAME", "app"),
            ("WA_DB_SSL_CA", ca.to_str().unwrap()),
        ]);
        Settings::from_environment(Role::Webapp, &environment).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_become_good_by_themselves_are_used_after_a_minute() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        write_file(&file, Ca::root("old").cert_pem());
        let good = Cell::new(true);
        let tried = Cell::new(0);
        let build = |_: &_| {
            tried.set(tried.get() + 1);
            good.get().then(|| tried.get()).ok_or(NotYet)
        };
        let tls = settings(&file).tls().clone();
        let files = Reloading::new::<NotYet>(tls, build).unwrap();
        let current = || files.current::<NotYet>(build).1;
        assert_eq!((current(), tried.get()), (1, 1));

        good.set(false);
        write_file(&file, Ca::root("new, and longer").cert_pem());
        assert_eq!((current(), tried.get()), (1, 2), "the old state stays");
        assert_eq!((current(), tried.get()), (1, 2), "and is not questioned");
        advance(PATIENCE).await;
        assert_eq!((current(), tried.get()), (1, 3), "once a minute");
        assert_eq!((current(), tried.get()), (1, 3));

        good.set(true);
        advance(PATIENCE.saturating_sub(Duration::from_secs(1))).await;
        assert_eq!((current(), tried.get()), (1, 3), "not earlier");
        advance(Duration::from_secs(1)).await;
        assert_eq!((current(), tried.get()), (4, 4), "good at last");
        advance(PATIENCE * 2).await;
        assert_eq!((current(), tried.get()), (4, 4), "and settled");
    }
}
