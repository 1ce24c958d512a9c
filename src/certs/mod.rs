//! A private CA, and the certificates of servers and clients that it issues: what `wa-db certs` does.
//!
//! Everything is built and verified on the same OpenSSL that the connections use: what is issued here has
//! been verified before it is written. Files are written so that nobody ever sees half of one, that nobody
//! but its owner can read a key at any moment, and that none is overwritten unasked.

mod authority;
mod constraints;
mod described;
mod error;
mod files;
mod former;
mod inventory;
mod issue;
mod key;
mod names;
mod renew;
mod sign;
mod validity;

pub(crate) use self::authority::{Authority, AuthoritySpec};
pub(crate) use self::constraints::{Constraints, Domain, Network};
pub(crate) use self::described::{Described, DescribedKey, FileContent, read_file};
pub(crate) use self::error::CertsError;
pub(crate) use self::files::Overwrite;
pub(crate) use self::former::Former;
pub(crate) use self::inventory::{Entry, Inventory, Problem, Verdict, take_inventory};
pub(crate) use self::issue::{Issued, Order, issue};
pub(crate) use self::key::KeyType;
pub(crate) use self::names::{CommonName, Holder, HostName};
pub(crate) use self::renew::{Renewal, renew};
