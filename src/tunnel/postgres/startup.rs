//! The packet that a client sends first, and what stands in it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// What the server itself takes at most (`MAX_STARTUP_PACKET_LENGTH` in its `libpq/pqcomm.h`).
const LIMIT: usize = 10_000;
/// Length and code.
const LEAST: usize = 8;

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
/// Major version 3.
const VERSION_3: u32 = 3;

/// A first packet, whole: its length, its code and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet(Vec<u8>);

/// What a first packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    SslRequest,
    GssEncRequest,
    CancelRequest,
    /// The start of a session, in this major version of the protocol.
    Startup(u32),
}

impl Packet {
    pub(super) fn kind(&self) -> Kind {
        let code = self.0.get(4..8).and_then(|code| code.try_into().ok());
        match code.map_or(0, u32::from_be_bytes) {
            SSL_REQUEST => Kind::SslRequest,
            GSSENC_REQUEST => Kind::GssEncRequest,
            CANCEL_REQUEST => Kind::CancelRequest,
            version => Kind::Startup(version >> 16),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a cancel request names its session by.
    pub(super) fn key(&self) -> &[u8] {
        self.0.get(LEAST..).unwrap_or_default()
    }

    /// The same start of a session for another account. Where no database was asked for, the server
    /// would take the account's name for one: `database` then stands there, if there is one.
    ///
    /// `None` where it is no start of a session that can be read.
    pub(super) fn for_account(&self, user: &str, database: Option<&str>) -> Option<Self> {
        if self.kind() != Kind::Startup(VERSION_3) {
            return None;
        }
        let mut wanted = vec![("user".as_bytes(), user.as_bytes())];
        let given = parameters(self.0.get(LEAST..)?)?;
        let names_database = given.iter().any(|(name, _)| *name == b"database");
        if let (false, Some(database)) = (names_database, database) {
            wanted.push((b"database", database.as_bytes()));
        }
        wanted.extend(given.into_iter().filter(|(name, _)| *name != b"user"));
        let mut body = self.0.get(4..LEAST)?.to_vec();
        for (name, value) in wanted {
            body.extend([name, &[0], value, &[0]].concat());
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).ok()?;
        Some(Self([&length.to_be_bytes()[..], &body].concat()))
    }
}

/// Names and values up to the empty name at the end.
fn parameters(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut found = Vec::new();
    loop {
        let (name, rest) = split_at_nul(bytes)?;
        if name.is_empty() {
            return rest.is_empty().then_some(found);
        }
        let (value, rest) = split_at_nul(rest)?;
        found.push((name, value));
        bytes = rest;
    }
}

fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Reads one packet, and no byte behind it: what follows an answered request is TLS.
///
/// # Errors
/// The client left, or sent what no client of PostgreSQL sends.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Packet> {
    let mut header = [0; LEAST];
    stream.read_exact(&mut header).await?;
    let [a, b, c, d, ..] = header;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if !(LEAST..=LIMIT).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // It may carry a token in an option: wiped if it does not come whole.
    let mut packet = Zeroizing::new(vec![0; length]);
    let (head, rest) = packet.split_at_mut(LEAST);
    head.copy_from_slice(&header);
    stream.read_exact(rest).await?;
    Ok(Packet(std::mem::take(&mut *packet)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn packet(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + LEAST).unwrap();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    #[tokio::test]
    async fn first_packets_are_told_apart_and_nothing_behind_them_is_read() {
        for (code, body, kind) in [
            (SSL_REQUEST, &b""[..], Kind::SslRequest),
            (GSSENC_REQUEST, b"", Kind::GssEncRequest),
            (CANCEL_REQUEST, b"pid_key_", Kind::CancelRequest),
            (196_608, b"user\0app\0\0", Kind::Startup(3)),
            (131_072, b"", Kind::Startup(2)),
        ] {
            let sent = [packet(code, body), b"more".to_vec()].concat();
            let mut stream = &sent[..];
            let read = read(&mut stream).await.unwrap();
            assert_eq!((read.kind(), stream), (kind, &b"more"[..]));
            assert_eq!(read.bytes(), packet(code, body));
        }
    }

    #[tokio::test]
    async fn what_is_too_short_too_long_or_cut_is_refused() {
        for sent in [
            &b""[..],
            b"\0\0\0\x08\0\x03\0",
            b"\0\0\0\x07\0\x03\0\0",
            b"\0\0\x27\x11\0\x03\0\0",
            b"\xff\xff\xff\xff\0\x03\0\0",
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(read(&mut &sent[..]).await.is_err(), "{sent:?}");
        }
        let whole = packet(196_608, b"user\0app\0\0");
        for cut in 0..whole.len() {
            assert!(read(&mut &whole[..cut]).await.is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn account_is_replaced_and_everything_else_stays() {
        for (given, wanted) in [
            (
                &b"user\0web\0database\0shop\0application_name\0psql\0\0"[..],
                &b"user\0app\0database\0shop\0application_name\0psql\0\0"[..],
            ),
            (b"user\0web\0\0", b"user\0app\0database\0main\0\0"),
            (
                b"replication\0true\0user\0web\0\0",
                b"user\0app\0database\0main\0replication\0true\0\0",
            ),
            (b"\0", b"user\0app\0database\0main\0\0"),
        ] {
            let given = Packet(packet(196_608, given));
            let replaced = given.for_account("app", Some("main")).unwrap();
            assert_eq!(replaced.bytes(), packet(196_608, wanted));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_rewritten() {
        for body in [
            &b""[..],
            b"user",
            b"user\0app",
            b"user\0app\0",
            b"user\0app\0\0more",
        ] {
            assert_eq!(Packet(packet(196_608, body)).for_account("app", None), None);
        }
        let cancel = Packet(packet(CANCEL_REQUEST, b"pid_key_"));
        assert_eq!(cancel.for_account("app", None), None);
    }
}
