//! What a server may say while a client logs in: [`Answer`].

use super::fields::Fields;

/// A method of MariaDB's. Its nonce is [`ED25519_NONCE`] bytes of any value and nothing behind them.
pub(crate) const ED25519: &[u8] = b"client_ed25519";
const ED25519_NONCE: usize = 32;

/// A server's packet between the client's response and the end of the login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The client is in: from here on, this is a session.
    Ok,
    /// It is not.
    Error(ErrorPacket),
    /// Another method is to be used, with this nonce.
    Switch { plugin: &'a [u8], nonce: &'a [u8] },
    /// The method of servers before 4.1, which has no name.
    OldSwitch,
    /// The method goes on.
    More(&'a [u8]),
    /// One more proof, by this method (MySQL's multi-factor authentication).
    NextFactor { plugin: &'a [u8] },
    /// A command's progress, which MariaDB sends in the form of an error.
    Progress,
    /// None of these.
    Unknown,
}

impl<'a> Answer<'a> {
    /// Tells what a payload is.
    pub(crate) fn parse(payload: &'a [u8]) -> Self {
        let Some((kind, body)) = payload.split_first() else {
            return Self::Unknown;
        };
        let mut fields = Fields::of(body);
        match kind {
            0x00 => Self::Ok,
            0x01 => Self::More(body),
            0x02 => match fields.until_zero() {
                Some(plugin) => Self::NextFactor { plugin },
                None => Self::Unknown,
            },
            0xfe if body.is_empty() => Self::OldSwitch,
            0xfe => match fields.until_zero() {
                Some(plugin) => {
                    let rest = fields.rest();
                    // The nonces of the others hold no zero, and end with one.
                    let whole = plugin == ED25519 && rest.len() == ED25519_NONCE;
                    let nonce = match rest.strip_suffix(&[0]) {
                        Some(nonce) if !whole => nonce,
                        _ => rest,
                    };
                    Self::Switch { plugin, nonce }
                }
                None => Self::Unknown,
            },
            0xff if body.starts_with(&[0xff, 0xff]) => Self::Progress,
            0xff => ErrorPacket::parse(payload).map_or(Self::Unknown, Self::Error),
            _ => Self::Unknown,
        }
    }
}

/// A server's error: `ERR_Packet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorPacket {
    pub(crate) number: u16,
    /// Left out before the client has said what it can.
    pub(crate) state: Option<[u8; 5]>,
    pub(crate) text: Vec<u8>,
}

impl ErrorPacket {
    /// Reads a payload. `None`: it is no error, or has no number.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(payload);
        if fields.u8()? != 0xff {
            return None;
        }
        let number = fields.u16()?;
        let rest = fields.rest();
        let (state, text) = match rest.strip_prefix(b"#").and_then(<[u8]>::split_first_chunk) {
            Some((state, text)) => (Some(*state), text),
            None => (None, rest),
        };
        Some(Self {
            number,
            state,
            text: text.to_vec(),
        })
    }

    /// The payload.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut packet = vec![0xff];
        packet.extend(self.number.to_le_bytes());
        if let Some(state) = &self.state {
            packet.push(b'#');
            packet.extend_from_slice(state);
        }
        packet.extend_from_slice(&self.text);
        packet
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Answer, ErrorPacket};

    #[test]
    fn answers_of_real_servers_are_told_apart() {
        let switch = b"\xfecaching_sha2_password\0twenty bytes of nonce\0";
        for (payload, answer) in [
            (&b"\0\0\0\x02\0\0\0"[..], Answer::Ok),
            (b"\x01\x04", Answer::More(&[4])),
            (b"\x01-----BEGIN", Answer::More(b"-----BEGIN")),
            (b"\xfe", Answer::OldSwitch),
            (
                switch,
                Answer::Switch {
                    plugin: b"caching_sha2_password",
                    nonce: b"twenty bytes of nonce",
                },
            ),
            (
                b"\xfemysql_clear_password\0",
                Answer::Switch {
                    plugin: b"mysql_clear_password",
                    nonce: b"",
                },
            ),
            (
                b"\xfeclient_ed25519\0of 32 bytes, the last one zero!\0",
                Answer::Switch {
                    plugin: b"client_ed25519",
                    nonce: b"of 32 bytes, the last one zero!\0",
                },
            ),
            (
                b"\xfeclient_ed25519\0of 32 bytes and a zero behind it\0",
                Answer::Switch {
                    plugin: b"client_ed25519",
                    nonce: b"of 32 bytes and a zero behind it",
                },
            ),
            (
                b"\x02caching_sha2_password\0n",
                Answer::NextFactor {
                    plugin: b"caching_sha2_password",
                },
            ),
            (b"\xff\xff\xff\x01\x01\x01", Answer::Progress),
            (b"", Answer::Unknown),
            (b"\xff\x15", Answer::Unknown),
            (b"\xfewithout a zero", Answer::Unknown),
            (b"\x77", Answer::Unknown),
        ] {
            assert_eq!(Answer::parse(payload), answer);
        }
    }

    #[test]
    fn an_error_is_read_with_its_state_and_without() {
        for (payload, number, state, text) in [
            (
                &b"\xff\x15\x04#28000Access denied"[..],
                1045,
                Some(*b"28000"),
                "Access denied",
            ),
            (
                b"\xff\x10\x04Too many connections",
                1040,
                None,
                "Too many connections",
            ),
            (b"\xff\x01\x02#H", 513, None, "#H"),
        ] {
            let error = ErrorPacket {
                number,
                state,
                text: text.as_bytes().to_vec(),
            };
            assert_eq!(error.build(), payload);
            assert_eq!(ErrorPacket::parse(payload), Some(error));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Answer::parse(&bytes);
            for kind in [1, 2, 0xfe, 0xff] {
                let _ = Answer::parse(&[&[kind], &*bytes].concat());
            }
        }

        #[test]
        fn an_error_that_was_built_is_read_the_same(
            number: u16,
            state: Option<[u8; 5]>,
            text in "[a-z ]{0,40}",
        ) {
            let error = ErrorPacket { number, state, text: text.into_bytes() };
            prop_assert_eq!(ErrorPacket::parse(&error.build()), Some(error));
        }
    }
}
