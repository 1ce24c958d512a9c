//! Files with the mode a test asks for, whatever the umask says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file anyone may read (0644).
pub fn write_file(path: &Path, content: impl AsRef<[u8]>) {
    write_with_mode(path, content.as_ref(), 0o644);
}

/// Writes a file only its owner may read (0600).
pub fn write_private(path: &Path, content: impl AsRef<[u8]>) {
    write_with_mode(path, content.as_ref(), 0o600);
}

/// Writes beside the target and renames, so that a reader sees the old file or the new.
fn write_with_mode(path: &Path, content: &[u8], mode: u32) {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::write(&beside, content)
        .and_then(|()| fs::set_permissions(&beside, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&beside, path));
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
