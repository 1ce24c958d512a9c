//! The account of the settings, for which the tunnel logs in itself: [`Credentials`].

use mysql_common::scramble::{create_response_for_ed25519, scramble_native, scramble_sha256};
use zeroize::Zeroizing;

use super::login::{CACHING_SHA2, NATIVE, SHA256};
use crate::code::{ErrorCode, Stage};
use crate::failure::{Failure, hearsay};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::wire::mysql::ED25519;

/// Who the tunnel is to the server.
pub(super) struct Credentials {
    password: Option<Secret>,
}

impl Credentials {
    /// Reads the password, again for each session.
    ///
    /// # Errors
    /// Those of its file.
    pub(super) fn of(settings: &Settings) -> Result<Self, Failure> {
        let password = settings.password().read()?;
        Ok(Self { password })
    }

    /// The proof that a method asks for, mixed with the server's nonce.
    ///
    /// # Errors
    /// The method is not known, or gives the password away to a server that is not `verified`.
    pub(super) fn proof(
        &self,
        method: &[u8],
        nonce: &[u8],
        verified: bool,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let password = self.bytes();
        let proof = match method {
            _ if password.is_empty() && method != SHA256 => Some(Vec::new()),
            NATIVE => scramble_native(nonce, password).map(Into::into),
            CACHING_SHA2 => scramble_sha256(nonce, password).map(Into::into),
            ED25519 => Some(create_response_for_ed25519(password, nonce).into()),
            SHA256 if verified => return Ok(self.in_clear()),
            _ => None,
        };
        let proof = proof.ok_or_else(|| {
            Failure::new(
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                format!(
                    "the server asks for a login method for WA_DB_USERNAME that is not supported or not safe here ({})",
                    hearsay(&String::from_utf8_lossy(method))
                ),
                "let the account use caching_sha2_password, ed25519 or mysql_native_password",
            )
        })?;
        Ok(Zeroizing::new(proof))
    }

    /// The password itself, as methods take it within TLS.
    pub(super) fn in_clear(&self) -> Zeroizing<Vec<u8>> {
        let mut clear = Zeroizing::new(Vec::with_capacity(self.bytes().len() + 1));
        clear.extend_from_slice(self.bytes());
        clear.push(0);
        clear
    }

    fn bytes(&self) -> &[u8] {
        self.password
            .as_ref()
            .map_or(&[], |password| password.expose().as_bytes())
    }
}
