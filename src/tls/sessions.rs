//! TLS sessions that servers let us take up again: [`Sessions`].
//!
//! They live and die with one policy: what was proven under another one counts for nothing. Only
//! the session of a server whose chain and name were verified in full is kept, no longer than each
//! certificate of that chain is valid, and none where revocation lists have to be asked each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    Ssl, SslContextBuilder, SslRef, SslSession, SslSessionCacheMode, SslSessionRef, SslVersion,
};

use zeroize::Zeroizing;

use super::chain::Chain;
use super::facts;
use super::policy::TlsPolicy;
use crate::settings::Verification;

/// The most servers whose sessions are kept, and the most of each: a server gives two at a time.
const SERVERS: usize = 64;
const OF_EACH: usize = 4;

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// The name that its certificate was held to.
    pub(crate) name: String,
    /// The address that was dialled.
    pub(crate) address: SocketAddr,
}

/// What was proven of a server when its session began.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The certificates that it sent.
    pub(crate) served: Chain,
    /// The chain up to the trusted root.
    pub(crate) verified: Chain,
    /// When the first of them ends.
    until: SystemTime,
}

/// The sessions of one policy.
pub(super) struct Sessions<K = Server, S = SslSession>(Mutex<HashMap<K, Vec<Kept<S>>>>);

struct Kept<S> {
    session: S,
    proof: Arc<Proof>,
}

impl<K: Eq + Hash, S> Sessions<K, S> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    fn put(&self, server: K, session: S, proof: Arc<Proof>) {
        let mut sessions = self.lock();
        if sessions.len() >= SERVERS && !sessions.contains_key(&server) {
            sessions.clear();
        }
        let of_server = sessions.entry(server).or_default();
        if of_server.len() == OF_EACH {
            of_server.remove(0);
        }
        of_server.push(Kept { session, proof });
    }

    /// The latest that still counts. It is given once: used again, it would let onlookers tell that
    /// both connections are ours (RFC 8446, appendix C.4).
    fn take(&self, server: &K, now: SystemTime) -> Option<(S, Arc<Proof>)> {
        let mut sessions = self.lock();
        let of_server = sessions.get_mut(server)?;
        of_server.retain(|kept| kept.proof.until > now);
        of_server.pop().map(|kept| (kept.session, kept.proof))
    }

    /// A server that failed is met anew the next time.
    fn forget(&self, server: &K) {
        self.lock().remove(server);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Vec<Kept<S>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One handshake's part in it: what it takes up, and what it leaves.
pub(crate) struct Resumption {
    offered: Option<Arc<Proof>>,
    record: Option<Arc<Record>>,
}

/// What a connection knows of the sessions that it will be given.
struct Record {
    sessions: Arc<Sessions>,
    server: Server,
    /// Set once everything is proven that the policy asks for.
    proof: OnceLock<Arc<Proof>>,
}

impl Record {
    fn keep(&self, session: &SslSessionRef) {
        // One without an identifier or a ticket can be taken up by nobody.
        if let Some(proof) = self.proof.get()
            && !session.id().is_empty()
            && let Ok(copy) = apart(session)
        {
            let server = self.server.clone();
            self.sessions.put(server, copy, Arc::clone(proof));
        }
    }
}

/// The same session, apart from its connection: OpenSSL spoils a connection's session for good where it ends
/// without TLS's goodbye, as TLS 1.0 had it, and servers of MySQL's protocol hang up first.
fn apart(session: &SslSessionRef) -> Result<SslSession, ErrorStack> {
    SslSession::from_der(&Zeroizing::new(session.to_der()?))
}

impl TlsPolicy {
    /// Offers the server a session that it gave before, and keeps those that it gives now.
    pub(crate) fn resume(&self, ssl: &mut Ssl, server: Option<Server>) -> Resumption {
        let is_proven_by_the_chain =
            self.verification() == Verification::Full && self.lists().is_none();
        let (Some(server), Some(index)) = (server.filter(|_| is_proven_by_the_chain), index())
        else {
            return Resumption {
                offered: None,
                record: None,
            };
        };
        let sessions = Arc::clone(self.sessions());
        let kept = sessions.take(&server, SystemTime::now());
        let offered = kept.and_then(|(session, proof)| offer(ssl, &session).then_some(proof));
        let record = Arc::new(Record {
            sessions,
            server,
            proof: OnceLock::new(),
        });
        ssl.set_ex_data(index, Arc::clone(&record));
        Resumption {
            offered,
            record: Some(record),
        }
    }
}

impl Resumption {
    /// What was proven before, if the server took the session up.
    pub(crate) fn proof(&self, ssl: &SslRef) -> Option<&Proof> {
        self.offered.as_deref().filter(|_| ssl.session_reused())
    }

    /// The handshake has failed: what the server gave before counts for nothing any more.
    pub(crate) fn failed(&self) {
        if let Some(record) = &self.record {
            record.sessions.forget(&record.server);
        }
    }

    /// The server has proven all that the policy asks for, with these certificates.
    pub(crate) fn proven(&self, ssl: &SslRef, served: &Chain, verified: &Chain) {
        let (Some(record), Some(until)) = (&self.record, first_end(verified)) else {
            return;
        };
        let proof = Proof {
            served: served.clone(),
            verified: verified.clone(),
            until,
        };
        let _ = record.proof.set(Arc::new(proof));
        // Before TLS 1.3 the session is complete with the handshake; after, it comes with a ticket.
        if ssl.version2() == Some(SslVersion::TLS1_2)
            && let Some(session) = ssl.session()
        {
            record.keep(session);
        }
    }
}

/// Has the context tell of the sessions that servers give.
pub(super) fn told_by(context: &mut SslContextBuilder) {
    context.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
    context.set_new_session_callback(|ssl, session| {
        let record = index().and_then(|index| ssl.ex_data(index));
        if let Some(record) = record {
            record.keep(&session);
        }
    });
}

#[expect(
    unsafe_code,
    reason = "openssl leaves it to its caller that session and context belong together"
)]
fn offer(ssl: &mut SslRef, session: &SslSession) -> bool {
    // SAFETY: `set_session` wants the session to come from the context of `ssl`. It is a copy of one that
    // does: a policy has one context for as long as it lives, makes every `ssl` from it, and its
    // `Sessions` are filled by that context's connections alone.
    unsafe { ssl.set_session(session) }.is_ok()
}

/// Where a connection keeps its record.
fn index() -> Option<Index<Ssl, Arc<Record>>> {
    static INDEX: OnceLock<Result<Index<Ssl, Arc<Record>>, ErrorStack>> = OnceLock::new();
    INDEX.get_or_init(Ssl::new_ex_index).as_ref().ok().copied()
}

fn first_end(chain: &Chain) -> Option<SystemTime> {
    let ends: Option<Vec<_>> = chain
        .certificates()
        .iter()
        .map(|certificate| facts::expires(certificate))
        .collect();
    ends?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use super::{Chain, OF_EACH, Proof, SERVERS, Sessions};

    fn proof(until: SystemTime) -> Arc<Proof> {
        Arc::new(Proof {
            served: Chain::default(),
            verified: Chain::default(),
            until,
        })
    }

    #[test]
    fn a_session_is_given_once_and_the_latest_first() {
        let now = SystemTime::now();
        let proof = proof(now + Duration::from_secs(1));
        let sessions = Sessions::<&str, usize>::new();
        for session in 0..=OF_EACH {
            sessions.put("db", session, Arc::clone(&proof));
        }
        assert!(sessions.take(&"other", now).is_none());
        for session in (1..=OF_EACH).rev() {
            assert_eq!(sessions.take(&"db", now).map(|kept| kept.0), Some(session));
        }
        assert!(sessions.take(&"db", now).is_none(), "the first made room");
    }

    #[test]
    fn a_server_that_failed_is_forgotten_and_no_other() {
        let now = SystemTime::now();
        let proof = proof(now + Duration::from_secs(1));
        let sessions = Sessions::<&str, usize>::new();
        for (server, session) in [("db", 1), ("db", 2), ("other", 3)] {
            sessions.put(server, session, Arc::clone(&proof));
        }
        sessions.forget(&"db");
        assert!(sessions.take(&"db", now).is_none());
        assert!(sessions.take(&"other", now).is_some());
    }

    #[test]
    fn a_session_ends_with_the_first_of_its_certificates() {
        let now = SystemTime::now();
        let sessions = Sessions::<&str, usize>::new();
        sessions.put("db", 1, proof(now));
        assert!(sessions.take(&"db", now).is_none());
    }

    #[test]
    fn no_more_servers_are_kept_than_there_is_room_for() {
        let now = SystemTime::now();
        let proof = proof(now + Duration::from_secs(1));
        let sessions = Sessions::<usize, ()>::new();
        for server in 0..10 * SERVERS {
            sessions.put(server, (), Arc::clone(&proof));
        }
        assert!(sessions.lock().len() <= SERVERS);
        assert!(sessions.take(&(10 * SERVERS - 1), now).is_some());
    }
}
