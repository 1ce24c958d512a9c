//! Rules about certificates: the server's, those above it, the client's, and the files they lie in.

mod chain;
mod expiry;
mod files;
mod fix;
#[cfg(test)]
mod fixtures;
mod names;
mod purpose;
mod revocation;
mod strength;

use crate::audit::rule::Rule;

/// Every one of them.
pub(super) const RULES: [&[Rule]; 7] = [
    expiry::RULES,
    strength::RULES,
    purpose::RULES,
    chain::RULES,
    names::RULES,
    revocation::RULES,
    files::RULES,
];
