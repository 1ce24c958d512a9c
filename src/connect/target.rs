//! Whether a server is of the kind that `WA_DB_TARGET` asks for.

use crate::code::{ErrorCode, Stage};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::settings::TargetSession;

/// Refuses a server of the other kind.
///
/// # Errors
/// `read_only`, naming the server.
pub(crate) fn judge(
    target: TargetSession,
    read_only: bool,
    endpoint: &Endpoint,
) -> Result<(), Failure> {
    let (found, wanted) = match (target, read_only) {
        (TargetSession::ReadWrite, true) => ("read-only", "read-write"),
        (TargetSession::ReadOnly, false) => ("writable", "read-only"),
        _ => return Ok(()),
    };
    Err(Failure::new(
        Stage::Session,
        ErrorCode::ReadOnly,
        format!("{endpoint} is {found} and WA_DB_TARGET is {wanted}"),
        "list a server of that kind in WA_DB_HOSTNAME, or set WA_DB_TARGET to any",
    ))
}
