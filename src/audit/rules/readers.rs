//! Who besides the service can read the file of a secret: [`readers`].

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use crate::audit::severity::Severity;

/// Owner and group of a file.
pub(super) type Ids = (u32, u32);

/// Mode, owner and group of a file.
pub(super) fn rights(metadata: &Metadata) -> (u32, Ids) {
    let ids = (metadata.uid(), metadata.gid());
    (metadata.mode() & 0o777, ids)
}

/// Who besides its owner can read a file of this mode, owner and group, and how bad that is where it holds
/// a secret. `None`: nobody. The rule is libpq's for keys.
pub(super) fn readers(mode: u32, (owner, group): Ids) -> Option<(String, Severity)> {
    match mode & 0o077 {
        0 => None,
        0o040 if owner == 0 => Some((
            format!("everyone of group {group} can read it"),
            Severity::Low,
        )),
        _ => Some(("others can read it, or write it".to_owned(), Severity::High)),
    }
}
