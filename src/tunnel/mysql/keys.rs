//! The key with which clients in plaintext send their password: [`Key`].

use openssl::error::ErrorStack;
use openssl::pkey::Private;
use openssl::rsa::{Padding, Rsa};
use zeroize::Zeroizing;

/// What MySQL's own servers make for themselves.
const BITS: u32 = 2048;

/// A key pair that lives as long as the tunnel. A client that sees no TLS sends a password only
/// encrypted, and the tunnel is the server to it.
pub(super) struct Key {
    private: Rsa<Private>,
    public: Vec<u8>,
}

impl Key {
    /// Makes one, which takes a while.
    pub(super) fn generate() -> Result<Self, ErrorStack> {
        let private = Rsa::generate(BITS)?;
        let public = private.public_key_to_pem()?;
        Ok(Self { private, public })
    }

    /// The packet with the public half: more data, in PEM.
    pub(super) fn packet(&self) -> Vec<u8> {
        [&[1], self.public.as_slice()].concat()
    }

    /// The password that a client has mixed with the nonce and encrypted, with the zero that ends it.
    pub(super) fn open(&self, sealed: &[u8], nonce: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let size = usize::try_from(self.private.size()).ok()?;
        let mut opened = Zeroizing::new(vec![0; size]);
        let length = self
            .private
            .private_decrypt(sealed, &mut opened, Padding::PKCS1_OAEP)
            .ok()?;
        opened.truncate(length);
        for (byte, mixed) in opened.iter_mut().zip(nonce.iter().cycle()) {
            *byte ^= mixed;
        }
        (opened.last() == Some(&0)).then_some(opened)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use openssl::rsa::{Padding, Rsa};

    use super::Key;

    #[test]
    fn password_longer_than_the_nonce_is_read_and_what_another_key_sealed_is_not() {
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let nonce = b"twenty bytes of salt";
        let password = b"a password longer than the nonce that it is mixed with\0";
        let packet = key.packet();
        let public = Rsa::public_key_from_pem(packet.strip_prefix(&[1]).unwrap()).unwrap();
        let mixed: Vec<u8> = password
            .iter()
            .zip(nonce.iter().cycle())
            .map(|(byte, mixed)| byte ^ mixed)
            .collect();
        let mut sealed = vec![0; 256];
        let length = public
            .public_encrypt(&mixed, &mut sealed, Padding::PKCS1_OAEP)
            .unwrap();
        sealed.truncate(length);
        assert_eq!(key.open(&sealed, nonce).unwrap().as_slice(), password);
        assert!(other.open(&sealed, nonce).is_none());
        assert!(key.open(&sealed, b"another nonce entire").is_none());
        assert!(key.open(b"", nonce).is_none());
    }
}
