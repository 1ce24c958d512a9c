//! All that rules judge: [`Evidence`] of one role at one server.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use time::OffsetDateTime;

use super::certificates::{Certificates, LONGEST};
use super::gather::account::Account;
use super::gather::account::password::Weakness;
use super::gather::machine::Machine;
use super::gather::server::Server;
use super::plan::{AuditPlan, Subject};
use crate::code::ErrorCode;
use crate::endpoint::{Endpoint, Host};
use crate::settings::{Environment, Pin, Settings};
use crate::tls::{Chain, TlsPolicy};
use crate::wire::TlsFacts;

/// What was seen of one role at one server. What could not be looked at is `None`, and rules about
/// it find nothing.
pub(super) struct Evidence<'a> {
    /// Every service of the plan, this one among them: [`Evidence::others`] has the rest.
    pub(super) subjects: &'a [Subject],
    /// The variables of the role's service.
    pub(super) environment: &'a Environment,
    /// What they come to, with this server alone in the list.
    pub(super) settings: &'a Settings,
    /// Roots, identity, lists and pins.
    #[allow(dead_code, reason = "rules to come read it")]
    pub(super) policy: &'a TlsPolicy,
    /// The server.
    pub(super) endpoint: &'a Endpoint,
    /// Where its name leads, addresses that may not be dialled included.
    pub(super) addresses: Vec<IpAddr>,
    /// What was seen of the way there; `None` for a local socket, and where no certificate came.
    pub(super) link: Option<Link>,
    /// Those of the link and of the files.
    pub(super) certificates: Certificates,
    /// What beginnings and ends are compared with.
    pub(super) now: OffsetDateTime,
    /// What was seen of the session; `None` where the login failed.
    pub(super) session: Option<SessionSeen>,
    /// What became of a login without TLS; `None` where it was not tried or nothing can be said.
    pub(super) plaintext: Option<Plaintext>,
    /// The key that each address presents, where the name leads to several.
    pub(super) keys: Vec<(SocketAddr, Pin)>,
    /// What the services of the other roles come to, as far as their variables have a meaning.
    pub(super) neighbours: Vec<Settings>,
    /// What is weak about the password.
    pub(super) weaknesses: Vec<Weakness>,
    /// What the server says of the account; `None` where it says nothing.
    pub(super) account: Option<Account>,
    /// What the server says of itself; `None` where there was no session.
    pub(super) server: Option<Server>,
    /// This machine and process.
    pub(super) machine: Machine,
    /// What besides is to be known, such as what could not be found out.
    pub(super) remarks: Vec<String>,
}

impl<'a> Evidence<'a> {
    /// Nothing but what the plan says: all that is seen is put in later.
    pub(super) fn new(
        plan: &'a AuditPlan,
        subject: &'a Subject,
        settings: &'a Settings,
        policy: &'a TlsPolicy,
        endpoint: &'a Endpoint,
    ) -> Self {
        Self {
            subjects: &plan.subjects,
            environment: &subject.environment,
            settings,
            policy,
            endpoint,
            addresses: Vec::new(),
            link: None,
            certificates: Certificates::default(),
            now: OffsetDateTime::now_utc(),
            session: None,
            plaintext: None,
            keys: Vec::new(),
            neighbours: Vec::new(),
            weaknesses: Vec::new(),
            account: None,
            server: None,
            machine: Machine::default(),
            remarks: Vec::new(),
        }
    }

    /// Whether the server is reached by a local socket: there is no way to it that could be unsafe.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.endpoint.host(), Host::Socket(_))
    }

    /// Whether the handshake was made as the policy asks.
    pub(super) fn is_secured(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.facts.is_some())
    }

    /// Whether the server's chain was verified up to a root, whatever was said of its name.
    pub(super) fn is_verified(&self) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| !link.verified.is_empty())
    }

    /// Reads the certificates of the files, and those of the link if there is one by now.
    pub(super) fn read_certificates(&mut self) {
        self.certificates = Certificates::of(self.policy, self.link.as_ref());
        let sent = self
            .link
            .as_ref()
            .map_or(0, |link| link.served.certificates().len());
        if sent > LONGEST {
            self.remarks.push(format!(
                "the server sends {sent} certificates, of which only the first {LONGEST} are judged"
            ));
        }
    }

    /// The file that most of the variables are from.
    pub(super) fn env_file(&self) -> Option<&PathBuf> {
        let role = self.settings.role();
        let own = self.subjects.iter().find(|subject| subject.role == role);
        own.and_then(|subject| subject.env_file.as_ref())
    }

    /// The services of the other roles, for rules that compare them.
    pub(super) fn others(&self) -> impl Iterator<Item = &Subject> {
        let role = self.settings.role();
        let subjects = self.subjects.iter();
        subjects.filter(move |subject| subject.role != role)
    }
}

/// What was seen of the way to the server.
pub(super) struct Link {
    /// What the server sent, its own certificate first.
    pub(super) served: Chain,
    /// The chain up to the trusted root; empty where none was verified.
    pub(super) verified: Chain,
    /// What verification said where it did not pass, be it that it was told to go on all the same.
    pub(super) verdict: Option<ErrorCode>,
    /// The rest of what the handshake showed; `None` where it failed.
    pub(super) facts: Option<TlsFacts>,
}

/// What was seen of the session.
pub(super) struct SessionSeen {
    /// How the login was proven.
    pub(super) login: LoginProof,
    /// Whether the server says that the session is encrypted.
    pub(super) encrypted: bool,
    /// Whether it says that it lets nobody in without TLS; `None` where it does not say.
    pub(super) requires_tls: Option<bool>,
}

/// How a login was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginProof {
    /// By SCRAM, bound to the TLS channel.
    BoundScram,
    /// By SCRAM, which any TLS channel could have carried.
    Scram,
    /// In another way, or it is not known.
    Other,
}

/// What became of a login without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plaintext {
    /// The server went into it. Holds what it did.
    Entertained(String),
    /// It takes none.
    Refused,
}
