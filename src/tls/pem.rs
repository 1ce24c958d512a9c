//! Files as people have them: PEM bundles with any number of blocks, or DER.

use std::path::Path;

use openssl::x509::X509;

use crate::settings::{Content, Fault, read_regular};

/// The largest file that is read. The system stores of the distributions are a quarter of this.
const FILE_LIMIT: u64 = 1024 * 1024;

/// What stands between a block's BEGIN and END.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Certificate,
    PrivateKey,
    Other,
}

/// Reads a file that `variable` names. The bytes are wiped after use since they may be a key.
pub(crate) fn read(variable: &str, path: &Path) -> Result<Content, Fault> {
    read_regular(variable, path, FILE_LIMIT)
}

/// The kinds of the PEM blocks in order; empty for DER and for anything else.
pub(crate) fn blocks(bytes: &[u8]) -> Vec<Block> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            line.trim_ascii()
                .strip_prefix(b"-----BEGIN ")?
                .strip_suffix(b"-----")
        })
        .map(|label| match label {
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"TRUSTED CERTIFICATE" => Block::Certificate,
            _ if label.ends_with(b"PRIVATE KEY") => Block::PrivateKey,
            _ => Block::Other,
        })
        .collect()
}

/// Every certificate of a PEM bundle, or the one of a DER file. `None` where a certificate block
/// does not parse; an empty list where there is none.
pub(crate) fn certificates(bytes: &[u8]) -> Option<Vec<X509>> {
    let blocks = blocks(bytes);
    if blocks.is_empty() {
        return Some(
            X509::from_der(bytes)
                .map(|certificate| vec![certificate])
                .unwrap_or_default(),
        );
    }
    let expected = blocks
        .iter()
        .filter(|block| **block == Block::Certificate)
        .count();
    if expected == 0 {
        return Some(Vec::new());
    }
    // The parser stops without an error at the first block it cannot read, so count.
    let parsed = X509::stack_from_pem(bytes).ok()?;
    (parsed.len() == expected).then_some(parsed)
}

/// Whether the bytes hold a private key, PEM or DER.
pub(crate) fn holds_private_key(bytes: &[u8]) -> bool {
    let blocks = blocks(bytes);
    if blocks.is_empty() {
        // OpenSSL tries every kind of key in turn, which takes a millisecond.
        return openssl::pkey::PKey::private_key_from_der(bytes).is_ok();
    }
    blocks.contains(&Block::PrivateKey)
}
