//! How secrets that are encrypted with age are recognised.

/// How files begin that age wrote: binary, of whatever version, or as text.
const BINARY: &[u8] = b"age-encryption.org/";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// What editors of Windows put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a file is encrypted with age.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    let start = trimmed(bytes);
    start.starts_with(BINARY) || start.starts_with(ARMOR)
}

/// A file without what may stand before the armor of age.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    bytes.trim_ascii_start()
}
