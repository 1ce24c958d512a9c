//! What of a server's greeting is shown to clients: [`of`].
//!
//! The greeting comes before TLS, so anybody on the way may have written it. What a whole tunnel's
//! clients are told for some time is made of it, and must neither keep them from logging in nor steer
//! their terminals.

use super::login::{CACHING_SHA2, NATIVE};
use crate::wire::mysql::{Capabilities, Greeting};

/// The longest version that is passed on. Real ones stay below 40 bytes.
const VERSION: usize = 64;
/// `SERVER_STATUS_AUTOCOMMIT`, which is how every session begins.
const STATUS: u16 = 2;
/// What no client can log in without, or, that of the database, writes a response without that can be
/// read. Every server has them.
const NEEDED: u32 = Capabilities::PROTOCOL_41
    | Capabilities::PLUGIN_AUTH
    | Capabilities::SECURE_CONNECTION
    | Capabilities::CONNECT_WITH_DB;

/// The greeting, as far as clients may rely on it.
pub(super) fn of(greeting: &Greeting) -> Greeting {
    let version = greeting.version.iter().copied();
    let printable = version.filter(|byte| matches!(byte, b' '..=b'~'));
    let capabilities = greeting.capabilities.known().with(NEEDED);
    let plugin = match greeting.plugin.as_deref() {
        Some(NATIVE) => NATIVE,
        Some(CACHING_SHA2) => CACHING_SHA2,
        _ if capabilities.has(Capabilities::MYSQL) => CACHING_SHA2,
        _ => NATIVE,
    };
    Greeting {
        version: printable.take(VERSION).collect(),
        capabilities,
        status: STATUS,
        plugin: Some(plugin.to_vec()),
        ..greeting.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::wire::mysql::{Capabilities, Greeting};

    fn greeting(version: &[u8], common: u32, plugin: Option<&[u8]>) -> Greeting {
        Greeting {
            version: version.to_vec(),
            connection: 7,
            nonce: vec![7; 20],
            capabilities: Capabilities::of(common),
            charset: 45,
            status: 2,
            plugin: plugin.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn greetings_of_real_servers_stay_as_they_are() {
        for (version, common, plugin) in [
            (&b"9.7.4"[..], 0xdfff_ffff, &b"caching_sha2_password"[..]),
            (
                b"5.5.5-10.11.14-MariaDB-0+deb12u2",
                0xc1ff_fffe,
                b"mysql_native_password",
            ),
        ] {
            let real = greeting(version, common, Some(plugin));
            assert_eq!(of(&real), real);
        }
    }

    #[test]
    fn altered_greeting_neither_steers_a_terminal_nor_keeps_clients_out() {
        let long = b"\x1b[2J\x9b31m\x079".repeat(100);
        let altered = Greeting {
            status: 0xffff,
            ..greeting(&long, 0, Some(b"mysql_clear_password"))
        };
        let shown = of(&altered);
        assert_eq!(shown.version.len(), 64);
        assert!(shown.version.starts_with(b"[2J31m9[2J"));
        assert_eq!(shown.status, 2);
        // CLIENT_CONNECT_WITH_DB, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH.
        assert_eq!(shown.capabilities, Capabilities::of(0x0008_8208));
        assert_eq!(shown.plugin.as_deref(), Some(&b"mysql_native_password"[..]));
        let unknown = of(&greeting(b"8", u32::MAX, None));
        assert_eq!(unknown.capabilities, Capabilities::of(0xdfff_ffff));
        assert_eq!(
            unknown.plugin.as_deref(),
            Some(&b"caching_sha2_password"[..])
        );
    }
}
