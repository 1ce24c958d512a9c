//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), which takes any proof.

use std::io;

use openssl::base64::{decode_block, encode_block};
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::rand::rand_bytes;
use openssl::sign::Signer;

/// More rounds than this are only ever claimed, never computed: a client that believes them would
/// need minutes.
const COMPUTED: u64 = 1_000_000;

/// One exchange, after the client's first message.
pub(crate) struct Exchange {
    client_first_bare: String,
    server_first: String,
    salt: Vec<u8>,
    iterations: u64,
}

impl Exchange {
    /// Answers the client's first message. `foreign_nonce` drops the client's part of the nonce.
    pub(crate) fn open(
        client_first: &str,
        iterations: u64,
        foreign_nonce: bool,
    ) -> io::Result<Self> {
        // gs2-header is "flag,authzid,"; what follows it is signed.
        let bare = client_first
            .splitn(3, ',')
            .nth(2)
            .ok_or_else(|| io::Error::other("client-first-message has no gs2 header"))?;
        let client_nonce = bare
            .split(',')
            .find_map(|part| part.strip_prefix("r="))
            .ok_or_else(|| io::Error::other("client-first-message has no nonce"))?;
        let mut salt = vec![0; 16];
        let mut nonce = [0; 18];
        rand_bytes(&mut salt)?;
        rand_bytes(&mut nonce)?;
        let nonce = encode_block(&nonce);
        let client_nonce = if foreign_nonce { "" } else { client_nonce };
        let server_first = format!(
            "r={client_nonce}{nonce},s={},i={iterations}",
            encode_block(&salt)
        );
        Ok(Self {
            client_first_bare: bare.into(),
            server_first,
            salt,
            iterations,
        })
    }

    /// The server's first message.
    pub(crate) fn server_first(&self) -> &str {
        &self.server_first
    }

    /// The server's final message, which proves that it knows `password` (taken as it is, hence
    /// ASCII).
    pub(crate) fn server_final(&self, password: &str, client_final: &str) -> io::Result<String> {
        let (unproven, _) = client_final
            .rsplit_once(",p=")
            .ok_or_else(|| io::Error::other("client-final-message has no proof"))?;
        let message = format!(
            "{},{},{unproven}",
            self.client_first_bare, self.server_first
        );
        let rounds = usize::try_from(self.iterations.min(COMPUTED)).map_err(io::Error::other)?;
        let mut salted = [0; 32];
        pbkdf2_hmac(
            password.as_bytes(),
            &self.salt,
            rounds.max(1),
            MessageDigest::sha256(),
            &mut salted,
        )?;
        let server_key = hmac(&salted, b"Server Key")?;
        Ok(format!(
            "v={}",
            encode_block(&hmac(&server_key, message.as_bytes())?)
        ))
    }
}

/// `v=…` with one bit of the proof turned round.
pub(crate) fn spoil(server_final: &str) -> io::Result<String> {
    let mut proof = decode_block(server_final.trim_start_matches("v="))?;
    if let Some(first) = proof.first_mut() {
        *first ^= 1;
    }
    Ok(format!("v={}", encode_block(&proof)))
}

fn hmac(key: &[u8], message: &[u8]) -> io::Result<Vec<u8>> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    signer.update(message)?;
    Ok(signer.sign_to_vec()?)
}
