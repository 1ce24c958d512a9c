//! How many sessions there may be, in all and for one client: [`Admission`].

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::Peer;

/// Below this a share of the whole would be too little for one pool.
const LEAST_PER_CLIENT: usize = 16;

/// The sessions of one listener, counted.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    /// What the operator said of each client; `None`: the share that is usual.
    per_client: Option<usize>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_peer: HashMap<Peer, usize>,
}

/// The place of one session. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Place {
    admission: Admission,
    peer: Peer,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The listener carries as many sessions as it may.
    Listener,
    /// This client has as many as it may.
    Client,
}

impl Full {
    /// The word for logs and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener_full",
            Self::Client => "client_full",
        }
    }
}

impl Admission {
    pub(super) fn new(limit: NonZeroUsize, per_client: Option<NonZeroUsize>) -> Self {
        Self(Arc::new(Inner {
            limit: limit.get(),
            per_client: per_client.map(NonZeroUsize::get),
            held: Mutex::default(),
        }))
    }

    /// A place for this client's next session, if there is one.
    pub(super) fn admit(&self, peer: Peer) -> Result<Place, Full> {
        let peer = peer.household();
        let mut held = self.held();
        if held.all >= self.0.limit {
            return Err(Full::Listener);
        }
        let of_peer = held.by_peer.get(&peer).copied().unwrap_or_default();
        if of_peer >= self.share(peer) {
            return Err(Full::Client);
        }
        held.all += 1;
        held.by_peer.insert(peer, of_peer + 1);
        Ok(Place {
            admission: self.clone(),
            peer,
        })
    }

    fn share(&self, peer: Peer) -> usize {
        let Inner {
            limit, per_client, ..
        } = *self.0;
        per_client.unwrap_or_else(|| {
            if peer.is_local() {
                limit
            } else {
                (limit / 4).max(LEAST_PER_CLIENT)
            }
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing that could panic happens while it is held.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.admission.held();
        held.all -= 1;
        if let Some(count) = held.by_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn admission(limit: usize, per_client: usize) -> Admission {
        Admission::new(
            NonZeroUsize::new(limit).unwrap(),
            NonZeroUsize::new(per_client),
        )
    }

    fn address(text: &str) -> Peer {
        Peer::Address(text.parse().unwrap())
    }

    fn fill(admission: &Admission, peer: Peer) -> (Vec<Place>, Full) {
        let mut places = Vec::new();
        loop {
            match admission.admit(peer) {
                Ok(place) => places.push(place),
                Err(full) => return (places, full),
            }
        }
    }

    #[test]
    fn places_are_given_up_to_the_limit_and_given_again() {
        let admission = admission(3, 0);
        let (mut places, full) = fill(&admission, Peer::User(7));
        assert_eq!((places.len(), full), (3, Full::Listener));
        places.pop();
        assert!(admission.admit(Peer::User(8)).is_ok());
        drop(places);
        assert!(admission.held().by_peer.is_empty());
    }

    #[test]
    fn client_elsewhere_gets_a_quarter_or_sixteen_and_one_on_this_machine_all() {
        for (limit, peer, share) in [
            (1000, "192.0.2.1", 250),
            (40, "192.0.2.1", 16),
            (8, "192.0.2.1", 8),
            (100, "127.0.0.1", 100),
            (100, "::1", 100),
        ] {
            let admission = admission(limit, 0);
            assert_eq!(
                fill(&admission, address(peer)).0.len(),
                share,
                "{peer} of {limit}"
            );
        }
    }

    #[test]
    fn stated_share_counts_for_everyone() {
        let admission = admission(10, 2);
        let (_first, full) = fill(&admission, address("127.0.0.1"));
        assert_eq!(full, Full::Client);
        let (second, _) = fill(&admission, address("127.0.0.2"));
        assert_eq!(second.len(), 2);
        let (third, _) = fill(&admission, address("2001:db8::1"));
        assert_eq!(third.len(), 2);
        let neighbour = address("2001:db8::ffff:0:0:1");
        assert_eq!(admission.admit(neighbour).unwrap_err(), Full::Client);
        assert!(admission.admit(address("2001:db8:0:1::1")).is_ok());
    }
}
