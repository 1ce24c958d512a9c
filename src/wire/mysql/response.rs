//! A client's first packet: [`Hello`], a request for TLS or a [`Response`].

use super::Capabilities;
use super::fields::{Fields, put_counted, put_until_zero};

/// The length of a request for TLS, which ends where a response names its user.
const TLS_REQUEST: usize = 32;

/// What both packets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) capabilities: Capabilities,
    pub(crate) max_packet: u32,
    pub(crate) charset: u8,
}

impl Hello {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut capabilities = Capabilities::of(fields.u32()?);
        let max_packet = fields.u32()?;
        let charset = fields.u8()?;
        fields.take(19)?;
        let extended = fields.u32()?;
        if !capabilities.has(Capabilities::MYSQL) {
            capabilities.mariadb = extended;
        }
        Some(Self {
            capabilities,
            max_packet,
            charset,
        })
    }

    /// Reads a payload that is a request for TLS and nothing else.
    pub(crate) fn parse_tls_request(payload: &[u8]) -> Option<Self> {
        let hello = Self::read(&mut Fields::of(payload))?;
        (payload.len() == TLS_REQUEST && hello.capabilities.has(Capabilities::SSL)).then_some(hello)
    }

    /// The bytes of it.
    pub(crate) fn head(&self) -> [u8; TLS_REQUEST] {
        let mut head = [0; TLS_REQUEST];
        head[..4].copy_from_slice(&self.capabilities.common.to_le_bytes());
        head[4..8].copy_from_slice(&self.max_packet.to_le_bytes());
        head[8] = self.charset;
        head[28..].copy_from_slice(&self.capabilities.mariadb.to_le_bytes());
        head
    }
}

/// `Protocol::HandshakeResponse41`: who the client is and its first proof.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) hello: Hello,
    pub(crate) user: Vec<u8>,
    pub(crate) proof: Vec<u8>,
    /// There is one exactly where [`Capabilities::CONNECT_WITH_DB`] says so.
    pub(crate) database: Option<Vec<u8>>,
    /// There is one exactly where [`Capabilities::PLUGIN_AUTH`] says so.
    pub(crate) plugin: Option<Vec<u8>>,
    /// The client's attributes and whatever else its flags announce, as they came.
    pub(crate) rest: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The proof may be a password.
        f.debug_struct("Response")
            .field("hello", &self.hello)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// Reads a payload. `None`: it is of the protocol before 4.1, or ends too early.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(payload);
        let hello = Hello::read(&mut fields)?;
        let capabilities = hello.capabilities;
        if !capabilities.has(Capabilities::PROTOCOL_41) {
            return None;
        }
        let user = fields.until_zero()?.to_vec();
        let proof = if capabilities.has(Capabilities::PLUGIN_AUTH_LENENC) {
            fields.counted()?
        } else if capabilities.has(Capabilities::SECURE_CONNECTION) {
            let length = fields.u8()?;
            fields.take(length.into())?
        } else {
            fields.until_zero()?
        };
        let proof = proof.to_vec();
        let mut last = |flag| {
            capabilities
                .has(flag)
                .then(|| fields.until_zero_or_end().to_vec())
        };
        Some(Self {
            hello,
            user,
            proof,
            database: last(Capabilities::CONNECT_WITH_DB),
            plugin: last(Capabilities::PLUGIN_AUTH),
            rest: fields.rest().to_vec(),
        })
    }

    /// The payload. The flags say what else is in it: a proof too long for the form they ask for is
    /// cut.
    pub(crate) fn build(&self) -> Vec<u8> {
        let capabilities = self.hello.capabilities;
        let mut packet = self.hello.head().to_vec();
        put_until_zero(&mut packet, &self.user);
        if capabilities.has(Capabilities::PLUGIN_AUTH_LENENC) {
            put_counted(&mut packet, &self.proof);
        } else if capabilities.has(Capabilities::SECURE_CONNECTION) {
            let length = u8::try_from(self.proof.len()).unwrap_or(u8::MAX);
            packet.push(length);
            packet.extend(self.proof.iter().take(length.into()));
        } else {
            put_until_zero(&mut packet, &self.proof);
        }
        if let Some(database) = &self.database {
            put_until_zero(&mut packet, database);
        }
        if let Some(plugin) = &self.plugin {
            put_until_zero(&mut packet, plugin);
        }
        packet.extend_from_slice(&self.rest);
        packet
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::{Capabilities, Hello, Response};

    fn hello(common: u32) -> Hello {
        Hello {
            capabilities: Capabilities::of(common),
            max_packet: 1 << 24,
            charset: 45,
        }
    }

    #[test]
    fn a_request_for_tls_is_told_from_a_response() {
        let asks = hello(Capabilities::SSL | Capabilities::PROTOCOL_41);
        assert_eq!(Hello::parse_tls_request(&asks.head()), Some(asks));
        // Another client's response may carry the flag; what goes on is no request.
        let longer = [asks.head().as_slice(), b"app\0\0"].concat();
        assert_eq!(Hello::parse_tls_request(&longer), None);
        let silent = hello(Capabilities::PROTOCOL_41).head();
        assert_eq!(Hello::parse_tls_request(&silent), None);
        for end in 0..asks.head().len() {
            assert_eq!(Hello::parse_tls_request(&asks.head()[..end]), None);
        }
    }

    #[test]
    fn a_response_shows_nothing_of_the_proof() {
        let response = Response {
            hello: hello(Capabilities::PROTOCOL_41),
            user: b"app".to_vec(),
            proof: b"hunter2".to_vec(),
            database: None,
            plugin: None,
            rest: Vec::new(),
        };
        let shown = format!("{response:?}");
        assert!(
            !shown.contains("104, 117") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn an_old_response_and_every_prefix_of_the_needed_fields_are_refused() {
        assert_eq!(Response::parse(&hello(0).head()), None);
        let response = Response {
            hello: hello(
                Capabilities::PROTOCOL_41
                    | Capabilities::SECURE_CONNECTION
                    | Capabilities::CONNECT_WITH_DB
                    | Capabilities::PLUGIN_AUTH,
            ),
            user: b"app".to_vec(),
            proof: vec![7; 20],
            database: Some(b"appdb".to_vec()),
            plugin: Some(b"mysql_native_password".to_vec()),
            rest: Vec::new(),
        };
        let bytes = response.build();
        for end in 0..32 + 4 + 21 {
            assert_eq!(Response::parse(&bytes[..end]), None, "{end}");
        }
        // Some senders leave out the last zero.
        assert_eq!(Response::parse(&bytes[..bytes.len() - 1]), Some(response));
    }

    fn some_response() -> impl Strategy<Value = Response> {
        let text = || proptest::collection::vec(1_u8.., 0..40);
        (
            (any::<u32>(), any::<u32>(), any::<u32>(), any::<u8>()),
            (text(), text(), text(), text()),
            proptest::collection::vec(any::<u8>(), 0..300),
        )
            .prop_map(
                |(
                    (common, mariadb, max_packet, charset),
                    (user, proof, database, plugin),
                    rest,
                )| {
                    let mut capabilities = Capabilities::of(common).with(Capabilities::PROTOCOL_41);
                    if !capabilities.has(Capabilities::MYSQL) {
                        capabilities.mariadb = mariadb;
                    }
                    let has = |flag| capabilities.has(flag);
                    Response {
                        hello: Hello {
                            capabilities,
                            max_packet,
                            charset,
                        },
                        user,
                        proof,
                        database: has(Capabilities::CONNECT_WITH_DB).then_some(database),
                        plugin: has(Capabilities::PLUGIN_AUTH).then_some(plugin),
                        rest,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn what_was_built_is_read_the_same(response in some_response()) {
            prop_assert_eq!(Response::parse(&response.build()), Some(response));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Response::parse(&bytes);
            let _ = Hello::parse_tls_request(&bytes);
        }
    }
}
