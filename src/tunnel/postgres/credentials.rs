//! The login that the tunnel makes itself: [`Credentials`].

use openssl::ssl::SslRef;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding as Binding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use zeroize::Zeroizing;

use super::inbound::frame;
use crate::code::{ErrorCode, Stage};
use crate::connect::{Refused, server_end_point};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::settings::{ChannelBinding, Settings};

/// The account of the settings, and how far its login has come.
pub(super) struct Credentials {
    user: String,
    password: Option<Secret>,
    /// What the login can be bound to: a hash of the server's certificate.
    binding: Option<Vec<u8>>,
    demand: ChannelBinding,
    scram: Option<ScramSha256>,
}

/// What a request of the server is answered with.
pub(super) enum Response {
    /// Nothing: the server goes on.
    Silence,
    /// A message, wiped after it was sent.
    Message(Zeroizing<Vec<u8>>),
    /// The same, with the mechanism that it chooses in its body.
    Choice(Zeroizing<Vec<u8>>),
}

impl Credentials {
    /// The account, with its password as it is now.
    ///
    /// # Errors
    /// The password file cannot be read.
    pub(super) fn of(settings: &Settings, server: &SslRef) -> Result<Self, Failure> {
        Ok(Self {
            user: settings.username().to_owned(),
            password: settings.password().read()?,
            binding: server_end_point(server),
            demand: settings.channel_binding(),
            scram: None,
        })
    }

    /// Answers a request that was judged to be permitted.
    ///
    /// # Errors
    /// There is no password, the method is not supported, or the server does not prove itself.
    pub(super) fn answer(&mut self, request: &[u8]) -> Result<Response, Failure> {
        let (kind, rest) = request
            .split_first_chunk::<4>()
            .ok_or_else(|| Refused::Flood("a broken authentication request").failure())?;
        match u32::from_be_bytes(*kind) {
            0 => Ok(Response::Silence),
            3 => {
                let password = self.password()?.expose().as_bytes();
                Ok(message(&[password, &[0]]))
            }
            5 => {
                let salt = rest.try_into().map_err(|_| not_understood("an MD5 salt"))?;
                let password = self.password()?.expose().as_bytes();
                let hash = Zeroizing::new(md5_hash(self.user.as_bytes(), password, salt));
                Ok(message(&[hash.as_bytes(), &[0]]))
            }
            10 => self.begin(rest),
            11 => {
                let scram = self.scram()?;
                scram
                    .update(rest)
                    .map_err(|_| not_understood("a SCRAM challenge"))?;
                Ok(message(&[scram.message()]))
            }
            12 => {
                let proven = self.scram()?.finish(rest);
                proven.map_err(|_| Refused::NoProof.failure())?;
                Ok(Response::Silence)
            }
            _ => Err(Failure::new(
                Stage::Authenticate,
                ErrorCode::AuthenticationMethodRefused,
                "the server asks for a login method that is not supported for WA_DB_USERNAME (GSS, SSPI or unknown)",
                "let the server use scram-sha-256 for this account in pg_hba.conf",
            )),
        }
    }

    /// Chooses the mechanism: the one that is bound to the channel wherever that can be.
    fn begin(&mut self, offered: &[u8]) -> Result<Response, Failure> {
        let offers = |name: &str| {
            offered
                .split(|byte| *byte == 0)
                .any(|offer| offer == name.as_bytes())
        };
        let (mechanism, binding) = match self.binding.take() {
            Some(binding) if offers(SCRAM_SHA_256_PLUS) => {
                (SCRAM_SHA_256_PLUS, Binding::tls_server_end_point(binding))
            }
            None if self.demand == ChannelBinding::Require => {
                return Err(Refused::NoBindingHash.failure());
            }
            Some(_) => (SCRAM_SHA_256, Binding::unrequested()),
            None => (SCRAM_SHA_256, Binding::unsupported()),
        };
        if !offers(mechanism) {
            return Err(not_understood("no SCRAM mechanism"));
        }
        let scram = ScramSha256::new(self.password()?.expose().as_bytes(), binding);
        let first = scram.message();
        // A first message is a name and a nonce: far below the limit.
        let length = u32::try_from(first.len()).unwrap_or_default().to_be_bytes();
        let body = [mechanism.as_bytes(), &[0], &length, first].concat();
        self.scram = Some(scram);
        Ok(Response::Choice(Zeroizing::new(frame(b'p', &body))))
    }

    fn password(&self) -> Result<&Secret, Failure> {
        self.password.as_ref().ok_or_else(|| {
            Failure::new(
                Stage::Authenticate,
                ErrorCode::AuthenticationFailed,
                "the server asks for a password and neither WA_DB_PASSWORD nor WA_DB_PASSWORD_FILE is set",
                "set WA_DB_PASSWORD_FILE to a file with the account's password",
            )
        })
    }

    fn scram(&mut self) -> Result<&mut ScramSha256, Failure> {
        let scram = self.scram.as_mut();
        scram.ok_or_else(|| not_understood("a SCRAM message before a choice"))
    }
}

fn message(parts: &[&[u8]]) -> Response {
    let body = Zeroizing::new(parts.concat());
    Response::Message(Zeroizing::new(frame(b'p', &body)))
}

fn not_understood(what: &'static str) -> Failure {
    Refused::OutOfTurn(what).failure()
}
