//! What a PostgreSQL server may ask for before it is trusted with a login.

use super::refused::{Refused, SCRAM_MAX_ITERATIONS, SCRAM_MIN_ITERATIONS};
use crate::settings::ChannelBinding;

/// What is demanded of the login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demands {
    /// Whether the server's certificate chain was verified, or the way to it is local.
    pub(crate) trusted: bool,
    pub(crate) channel_binding: ChannelBinding,
}

/// What the driver answers with to bind the login to the channel.
const BOUND_MECHANISM: &[u8] = b"SCRAM-SHA-256-PLUS";

/// What a server asked for before it let the account in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginMethod {
    /// Nothing: it takes everyone's word, or that of the client certificate.
    Nothing,
    /// The password itself.
    Cleartext,
    /// A hash that only a password stored as MD5 can be compared with.
    Md5,
    /// A proof by SCRAM, or by another mechanism of that frame.
    Sasl,
    /// A ticket or a token.
    Other,
}

/// The login as the server leads it and the driver follows.
#[derive(Debug)]
pub(crate) struct Login {
    demands: Demands,
    asked: LoginMethod,
    scram: Scram,
    /// Whether the driver chose the mechanism that is bound to the channel.
    binds: bool,
    accepted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Scram {
    NotUsed,
    Offered,
    Begun,
    Proven,
}

impl Login {
    pub(crate) fn new(demands: Demands) -> Self {
        Self {
            demands,
            asked: LoginMethod::Nothing,
            scram: Scram::NotUsed,
            binds: false,
            accepted: false,
        }
    }

    /// Whether the server has accepted the login.
    pub(crate) fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// What the server asked for so far.
    pub(super) fn asked(&self) -> LoginMethod {
        self.asked
    }

    /// Whether the server proved itself in a login, and accepted it.
    pub(super) fn is_proven(&self) -> bool {
        self.accepted && self.scram == Scram::Proven
    }

    /// The same of a login that is bound to the channel.
    pub(super) fn is_bound(&self) -> bool {
        self.binds && self.is_proven()
    }

    /// Whether the driver's next message names the mechanism that it chose. No other answer of its
    /// is to be looked into: it may be the password.
    pub(super) fn awaits_choice(&self) -> bool {
        self.scram == Scram::Offered
    }

    /// Notes what the driver chose, by the body of its `SASLInitialResponse`. What the server offers
    /// says nothing: the driver binds only where the certificate gives it something to bind to.
    pub(crate) fn chose(&mut self, body: &[u8]) {
        self.binds = body.split(|byte| *byte == 0).next() == Some(BOUND_MECHANISM);
        self.scram = Scram::Begun;
    }

    /// Judges one authentication request by its body.
    pub(crate) fn judge(&mut self, body: &[u8]) -> Result<(), Refused> {
        let (kind, rest) = body
            .split_first_chunk::<4>()
            .ok_or(Refused::Flood("a broken authentication request"))?;
        let binding_required = self.demands.channel_binding == ChannelBinding::Require;
        let kind = u32::from_be_bytes(*kind);
        self.asked = match kind {
            0 | 11 | 12 => self.asked,
            3 => LoginMethod::Cleartext,
            5 => LoginMethod::Md5,
            10 => LoginMethod::Sasl,
            _ => LoginMethod::Other,
        };
        match kind {
            _ if self.accepted => Err(Refused::OutOfTurn(LATE_REQUEST)),
            0 if matches!(self.scram, Scram::Offered | Scram::Begun) => Err(Refused::NoProof),
            0 if binding_required && !self.binds => Err(Refused::NoChannelBinding),
            0 => {
                self.accepted = true;
                Ok(())
            }
            3 | 5 if binding_required => Err(Refused::NoChannelBinding),
            3 if !self.demands.trusted => {
                Err(Refused::PasswordRequest("the password in clear text"))
            }
            5 if !self.demands.trusted => {
                Err(Refused::PasswordRequest("an MD5 hash of the password"))
            }
            10 if !self.demands.trusted && !offers_scram_alone(rest) => Err(
                Refused::PasswordRequest("a login by another mechanism than SCRAM-SHA-256"),
            ),
            10 => {
                self.scram = Scram::Offered;
                self.binds = false;
                let is_offered = rest
                    .split(|byte| *byte == 0)
                    .any(|name| name == BOUND_MECHANISM);
                if binding_required && !is_offered {
                    Err(Refused::NoChannelBinding)
                } else {
                    Ok(())
                }
            }
            11 => check_iterations(rest),
            12 => {
                self.scram = Scram::Proven;
                Ok(())
            }
            _ if !self.demands.trusted => Err(Refused::PasswordRequest(
                "a login by another method than SCRAM",
            )),
            _ => Ok(()),
        }
    }
}

/// Whether every mechanism in the list keeps the secret: others hand over a token or a ticket, which is
/// worth as much as a password to whoever gets it.
fn offers_scram_alone(list: &[u8]) -> bool {
    list.split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .all(|name| name == BOUND_MECHANISM || name == b"SCRAM-SHA-256")
}

/// An authentication request that comes once the login is done.
pub(super) const LATE_REQUEST: &str = "an authentication request after the login";

/// `r=nonce,s=salt,i=4096` of RFC 5802. What does not parse is left to the driver, which refuses it.
fn check_iterations(message: &[u8]) -> Result<(), Refused> {
    let count = message
        .split(|byte| *byte == b',')
        .find_map(|part| part.strip_prefix(b"i="));
    let Some(count) =
        count.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok())
    else {
        return Ok(());
    };
    if (SCRAM_MIN_ITERATIONS..=SCRAM_MAX_ITERATIONS).contains(&count) {
        Ok(())
    } else {
        Err(Refused::Iterations(count))
    }
}

#[cfg(test)]
mod tests {
    use super::{Demands, LATE_REQUEST, Login, LoginMethod, Refused};
    use crate::settings::ChannelBinding;

    fn request(kind: u32, rest: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], rest].concat()
    }

    fn login(trusted: bool, channel_binding: ChannelBinding) -> Login {
        Login::new(Demands {
            trusted,
            channel_binding,
        })
    }

    #[test]
    fn each_request_is_judged_by_what_is_demanded() {
        use ChannelBinding::{Prefer, Require};
        let both = &b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"[..];
        let plain = &b"SCRAM-SHA-256\0\0"[..];
        for (trusted, binding, kind, rest, verdict) in [
            (true, Prefer, 0, &b""[..], Ok(())),
            (true, Prefer, 3, b"", Ok(())),
            (true, Prefer, 5, b"salt", Ok(())),
            (
                false,
                Prefer,
                3,
                b"",
                Err(Refused::PasswordRequest("the password in clear text")),
            ),
            (
                false,
                Prefer,
                5,
                b"salt",
                Err(Refused::PasswordRequest("an MD5 hash of the password")),
            ),
            (false, Prefer, 10, plain, Ok(())),
            (true, Require, 10, both, Ok(())),
            (true, Require, 10, plain, Err(Refused::NoChannelBinding)),
            (true, Require, 0, b"", Err(Refused::NoChannelBinding)),
            (true, Require, 3, b"", Err(Refused::NoChannelBinding)),
            (true, Prefer, 11, b"r=abc,s=c2FsdA==,i=4096", Ok(())),
            (
                true,
                Prefer,
                11,
                b"r=abc,s=c2FsdA==,i=4095",
                Err(Refused::Iterations(4095)),
            ),
            (
                true,
                Prefer,
                11,
                b"r=abc,s=c2FsdA==,i=2147483648",
                Err(Refused::Iterations(2_147_483_648)),
            ),
        ] {
            assert_eq!(
                login(trusted, binding).judge(&request(kind, rest)),
                verdict,
                "{kind} {rest:?}"
            );
        }
    }

    #[test]
    fn unverified_server_gets_no_token_and_no_ticket() {
        for (kind, rest) in [
            (10, &b"OAUTHBEARER\0\0"[..]),
            (10, b"SCRAM-SHA-256\0OAUTHBEARER\0\0"),
            (10, b"GS2-KRB5\0\0"),
            (2, b""),
            (6, b""),
            (7, b""),
            (8, b"token"),
            (9, b""),
            (99, b""),
        ] {
            let judged =
                |trusted| login(trusted, ChannelBinding::Prefer).judge(&request(kind, rest));
            let unverified = judged(false);
            assert!(
                matches!(unverified, Err(Refused::PasswordRequest(_))),
                "{kind}: {unverified:?}"
            );
            assert_eq!(judged(true), Ok(()), "{kind}");
        }
        let both = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        let mut unverified = login(false, ChannelBinding::Prefer);
        assert_eq!(unverified.judge(&request(10, both)), Ok(()));
    }

    #[test]
    fn success_without_the_servers_proof_is_refused() {
        let mut login = login(true, ChannelBinding::Prefer);
        assert_eq!(login.judge(&request(10, b"SCRAM-SHA-256\0\0")), Ok(()));
        assert_eq!(login.judge(&request(0, b"")), Err(Refused::NoProof));
        login.chose(b"SCRAM-SHA-256\0");
        assert_eq!(login.judge(&request(0, b"")), Err(Refused::NoProof));
        assert_eq!(login.judge(&request(12, b"v=proof")), Ok(()));
        assert_eq!(login.judge(&request(0, b"")), Ok(()));
    }

    #[test]
    fn a_login_is_bound_by_what_the_driver_chose_not_by_what_was_offered() {
        use ChannelBinding::{Prefer, Require};
        let offer = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        for (demand, chosen, verdict, bound) in [
            (Prefer, &b"SCRAM-SHA-256-PLUS\0rest"[..], Ok(()), true),
            (Require, b"SCRAM-SHA-256-PLUS\0rest", Ok(()), true),
            (Prefer, b"SCRAM-SHA-256\0rest", Ok(()), false),
            (
                Require,
                b"SCRAM-SHA-256\0rest",
                Err(Refused::NoChannelBinding),
                false,
            ),
        ] {
            let mut login = login(true, demand);
            assert_eq!(login.judge(&request(10, offer)), Ok(()));
            assert!(login.awaits_choice());
            login.chose(chosen);
            assert!(!login.awaits_choice());
            assert_eq!(login.judge(&request(12, b"v=proof")), Ok(()));
            assert!(!login.is_bound(), "nothing is bound before it is accepted");
            assert_eq!(login.judge(&request(0, b"")), verdict);
            assert_eq!(login.is_bound(), bound, "{demand:?} {chosen:?}");
        }
    }

    #[test]
    fn what_the_server_asked_for_is_remembered() {
        for (requests, asked) in [
            (&[0][..], LoginMethod::Nothing),
            (&[3, 0], LoginMethod::Cleartext),
            (&[5, 0], LoginMethod::Md5),
            (&[10, 11, 12, 0], LoginMethod::Sasl),
            (&[7, 0], LoginMethod::Other),
        ] {
            let mut login = login(true, ChannelBinding::Prefer);
            for kind in requests {
                assert_eq!(login.judge(&request(*kind, b"")), Ok(()), "{requests:?}");
            }
            assert_eq!(login.asked(), asked, "{requests:?}");
        }
    }

    #[test]
    fn a_request_after_the_login_is_refused() {
        let mut login = login(true, ChannelBinding::Prefer);
        assert_eq!(login.judge(&request(0, b"")), Ok(()));
        assert_eq!(
            login.judge(&request(3, b"")),
            Err(Refused::OutOfTurn(LATE_REQUEST))
        );
    }
}
