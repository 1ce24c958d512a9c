//! A server's first packet: [`Greeting`].

use super::Capabilities;
use super::fields::{Fields, put_until_zero};

/// The protocol's version, which has been the same since MySQL 3.21.
const PROTOCOL: u8 = 10;
/// How much of the nonce stands before the flags, and the least that stands behind them.
const FIRST_PART: usize = 8;
const SECOND_PART: usize = 13;

/// `Protocol::HandshakeV10`: what a server says of itself before anything is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) version: Vec<u8>,
    pub(crate) connection: u32,
    /// What passwords are mixed with, without the zero that ends it.
    pub(crate) nonce: Vec<u8>,
    pub(crate) capabilities: Capabilities,
    pub(crate) charset: u8,
    pub(crate) status: u16,
    /// How the server would have the client prove itself, if it knows methods by name.
    pub(crate) plugin: Option<Vec<u8>>,
}

impl Greeting {
    /// Reads a payload. `None`: it is of another version, or ends too early.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(payload);
        if fields.u8()? != PROTOCOL {
            return None;
        }
        let version = fields.until_zero()?.to_vec();
        let connection = fields.u32()?;
        let mut nonce = fields.take(FIRST_PART)?.to_vec();
        fields.u8()?;
        let lower = fields.u16()?;
        let charset = fields.u8()?;
        let status = fields.u16()?;
        let upper = fields.u16()?;
        let mut capabilities = Capabilities::of(u32::from(upper) << 16 | u32::from(lower));
        let nonce_length = usize::from(fields.u8()?);
        fields.take(6)?;
        let extended = fields.u32()?;
        if !capabilities.has(Capabilities::MYSQL) {
            capabilities.mariadb = extended;
        }
        let second = nonce_length.saturating_sub(FIRST_PART).max(SECOND_PART);
        let (last, second) = fields.take(second)?.split_last()?;
        nonce.extend_from_slice(second);
        if *last != 0 {
            nonce.push(*last);
        }
        let plugin = capabilities
            .has(Capabilities::PLUGIN_AUTH)
            .then(|| fields.until_zero_or_end().to_vec());
        Some(Self {
            version,
            connection,
            nonce,
            capabilities,
            charset,
            status,
            plugin,
        })
    }

    /// The payload.
    pub(crate) fn build(&self) -> Vec<u8> {
        let [low, high, upper, highest] = self.capabilities.common.to_le_bytes();
        let (first, second) = self.nonce.split_at(self.nonce.len().min(FIRST_PART));
        let mut packet = Vec::with_capacity(64 + self.version.len() + self.nonce.len());
        packet.push(PROTOCOL);
        put_until_zero(&mut packet, &self.version);
        packet.extend(self.connection.to_le_bytes());
        packet.extend_from_slice(first);
        packet.extend([0, low, high, self.charset]);
        packet.extend(self.status.to_le_bytes());
        packet.extend([upper, highest]);
        packet.push(match self.plugin {
            Some(_) => u8::try_from(self.nonce.len() + 1).unwrap_or(u8::MAX),
            None => 0,
        });
        packet.extend([0; 6]);
        packet.extend(self.capabilities.mariadb.to_le_bytes());
        packet.extend_from_slice(second);
        let padding = SECOND_PART.saturating_sub(second.len()).max(1);
        packet.resize(packet.len() + padding, 0);
        if let Some(plugin) = &self.plugin {
            put_until_zero(&mut packet, plugin);
        }
        packet
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::{Capabilities, Greeting};

    /// As MySQL 9.7.4 and MariaDB 10.11.14 sent them, nonces apart.
    pub(crate) fn real() -> [Vec<u8>; 2] {
        let mysql = [
            b"\x0a9.7.4\0\x2a\0\0\0".as_slice(),
            b"abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15",
            &[0; 10],
            b"ijklmnopqrst\0caching_sha2_password\0",
        ];
        let mariadb = [
            b"\x0a5.5.5-10.11.14-MariaDB-0+deb12u2\0\x2a\0\0\0".as_slice(),
            b"abcdefgh\0\xfe\xff\x2d\x02\0\xff\xc1\x15",
            b"\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0",
        ];
        [mysql.concat(), mariadb.concat()]
    }

    #[test]
    fn real_greetings_are_read_and_written_back_byte_for_byte() {
        let [mysql, mariadb] = real();
        for (bytes, version, own, plugin) in [
            (mysql, "9.7.4", 0, "caching_sha2_password"),
            (
                mariadb,
                "5.5.5-10.11.14-MariaDB-0+deb12u2",
                0x1d,
                "mysql_native_password",
            ),
        ] {
            let greeting = Greeting::parse(&bytes).unwrap();
            assert_eq!(greeting.version, version.as_bytes());
            assert_eq!(greeting.nonce, b"abcdefghijklmnopqrst");
            assert_eq!(greeting.capabilities.mariadb, own);
            assert!(greeting.capabilities.has(Capabilities::SSL));
            assert_eq!(greeting.plugin.as_deref(), Some(plugin.as_bytes()));
            assert_eq!(greeting.build(), bytes);
        }
    }

    #[test]
    fn every_prefix_of_a_greeting_that_ends_before_its_plugin_is_refused() {
        for bytes in real() {
            let plugin = Greeting::parse(&bytes).unwrap().plugin.unwrap();
            for end in 0..bytes.len() - plugin.len() - 1 {
                assert_eq!(Greeting::parse(&bytes[..end]), None, "{end}");
            }
        }
    }

    #[test]
    fn taking_tls_out_changes_one_bit() {
        for bytes in real() {
            let mut greeting = Greeting::parse(&bytes).unwrap();
            greeting.capabilities = greeting.capabilities.without(Capabilities::SSL);
            let changed = greeting.build();
            let differing: Vec<_> = bytes.iter().zip(&changed).filter(|(a, b)| a != b).collect();
            assert_eq!((differing.len(), changed.len()), (1, bytes.len()));
            let (before, after) = differing[0];
            assert_eq!(before ^ after, 0x08);
        }
    }

    fn some_greeting() -> impl Strategy<Value = Greeting> {
        let text = || proptest::collection::vec(1_u8.., 0..40);
        (
            (
                text(),
                any::<u32>(),
                proptest::collection::vec(1_u8.., 20..200),
            ),
            (
                any::<u32>(),
                any::<u32>(),
                any::<u8>(),
                any::<u16>(),
                text(),
            ),
        )
            .prop_map(
                |((version, connection, nonce), (common, mariadb, charset, status, plugin))| {
                    let mut capabilities = Capabilities::of(common);
                    if !capabilities.has(Capabilities::MYSQL) {
                        capabilities.mariadb = mariadb;
                    }
                    let plugged = capabilities.has(Capabilities::PLUGIN_AUTH);
                    Greeting {
                        version,
                        connection,
                        // Without named methods there is no length for a longer one.
                        nonce: if plugged { nonce } else { nonce[..20].to_vec() },
                        capabilities,
                        charset,
                        status,
                        plugin: plugged.then_some(plugin),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn what_was_built_is_read_the_same(greeting in some_greeting()) {
            prop_assert_eq!(Greeting::parse(&greeting.build()), Some(greeting));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Greeting::parse(&bytes);
            let _ = Greeting::parse(&[&[10], &*bytes].concat());
        }
    }
}
