//! The group of a key exchange, by the name that people know it by.

use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::ssl::SslRef;

/// The group of the key that the server made for this handshake. OpenSSL tells the key, not the
/// group, so that of a hybrid with a post-quantum part nothing is known.
pub(super) fn of(ssl: &SslRef) -> Option<String> {
    let key = ssl.peer_tmp_key().ok()?;
    let name = match key.id() {
        Id::X25519 => "X25519",
        Id::X448 => "X448",
        Id::EC => match key.ec_key().ok()?.group().curve_name()? {
            Nid::X9_62_PRIME256V1 => "P-256",
            Nid::SECP384R1 => "P-384",
            Nid::SECP521R1 => "P-521",
            other => other.short_name().ok()?,
        },
        Id::DH => return Some(format!("DH {}", key.bits())),
        _ => return None,
    };
    Some(name.to_owned())
}
