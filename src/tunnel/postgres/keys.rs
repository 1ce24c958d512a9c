//! Which server each session is at, by its key for cancel requests: [`Keys`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::endpoint::Endpoint;

/// The servers of the sessions under way. There are as many as sessions, which admission bounds.
#[derive(Debug, Default)]
pub(in crate::tunnel) struct Keys(Mutex<HashMap<Vec<u8>, Endpoint>>);

/// A session whose server is known; dropped with it.
pub(in crate::tunnel) struct Keyed {
    keys: Arc<Keys>,
    key: Vec<u8>,
}

impl Keys {
    /// Notes a session: the body of its `BackendKeyData`, and its server.
    pub(super) fn enter(self: &Arc<Self>, key: Vec<u8>, server: &Endpoint) -> Keyed {
        self.lock().insert(key.clone(), server.clone());
        Keyed {
            keys: Arc::clone(self),
            key,
        }
    }

    /// The server of the session with this key.
    pub(super) fn server(&self, key: &[u8]) -> Option<Endpoint> {
        self.lock().get(key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keyed {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}
