//! Rules about the way to the server.

mod address;
mod login;
mod pins;
mod protocol;
mod verification;

use crate::audit::rule::Rule;

pub(super) const RULES: &[Rule] = &[
    verification::OFF,
    verification::SYSTEM_STORE,
    verification::NAME_OVERRIDE,
    protocol::NOT_ENCRYPTED,
    protocol::OLD_PROTOCOL,
    protocol::WEAK_SUITE,
    login::PLAINTEXT,
    login::UNBOUND,
    pins::NONE,
    pins::NO_BACKUP,
    address::PUBLIC,
    address::ANY_NETWORK,
    address::OUTSIDE,
    address::DIFFERENT_KEYS,
];
