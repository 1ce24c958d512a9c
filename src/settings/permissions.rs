//! libpq's rule for private key files: nobody but their owner may read them, or root's group when
//! root owns them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::fault::Fault;
use super::shown_path::{may_show, shown_path};
use crate::code::ErrorCode;
use crate::shell;

/// Refuses a key file that others may read.
///
/// A file owned by root may be readable by its group (0640); any other only by its owner (0600).
/// This is the rule of libpq (`initialize_SSL` in `fe-secure-openssl.c`).
///
/// `metadata` is that of the open file the key was read from: by now the path may lead elsewhere.
pub(crate) fn require_private(
    variable: &str,
    path: &Path,
    metadata: &Metadata,
) -> Result<(), Fault> {
    if is_private(metadata) {
        return Ok(());
    }
    let mode = metadata.mode() & 0o777;
    let wanted = if metadata.uid() == 0 {
        "0640 or stricter"
    } else {
        "0600 or stricter"
    };
    Err(Fault {
        code: ErrorCode::KeyPermissions,
        variable: variable.to_owned(),
        message: format!(
            "{variable}: {} can be read by others (mode {mode:04o}, wanted {wanted})",
            shown_path(variable, path)
        ),
        hint: format!(
            "run: chmod {} {}",
            if metadata.uid() == 0 { "0640" } else { "0600" },
            if may_show(variable, path) {
                shell::word(&path.display().to_string())
            } else {
                "FILE".to_owned()
            }
        ),
    })
}

/// Whether a file can be read by nobody but those whom the rule allows.
pub(crate) fn is_private(metadata: &Metadata) -> bool {
    let shared = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    metadata.mode() & shared == 0
}
