//! MySQL's packets, as far as a fake needs them (MySQL client/server protocol, version 10).

use std::io;

use super::super::link::Link;
use super::super::persona::Cell;

/// The client may send and receive TLS after the greeting.
pub(super) const CLIENT_SSL: u32 = 1 << 11;

/// Long password and flag, found rows, database on connect, local files, protocol 4.1,
/// transactions, secure connection, multiple statements and results, plugin authentication with its
/// attributes and long data.
const CAPABILITIES: u32 = 0x0000_0001
    | 0x0000_0002
    | 0x0000_0004
    | 0x0000_0008
    | 0x0000_0080
    | 0x0000_0200
    | 0x0000_2000
    | 0x0000_8000
    | 0x0001_0000
    | 0x0002_0000
    | 0x0004_0000
    | 0x0008_0000
    | 0x0010_0000
    | 0x0020_0000;

/// The challenge: twenty bytes without a zero among them.
pub(super) const NONCE: &[u8; 20] = b"twenty-fake-bytes-%&";
/// The largest payload of one packet.
pub(super) const LARGEST: usize = 0x00ff_ffff;
const UTF8MB4: u16 = 45;
const BINARY: u16 = 63;

/// One packet with a true length.
pub fn mysql_packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    mysql_frame(
        sequence,
        u32::try_from(payload.len()).unwrap_or(u32::MAX),
        payload,
    )
}

/// One packet with whatever length the test wants to claim (three bytes of it are sent).
pub fn mysql_frame(sequence: u8, claimed: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = claimed.to_le_bytes()[..3].to_vec();
    bytes.push(sequence);
    bytes.extend_from_slice(payload);
    bytes
}

/// The payload of a greeting.
pub fn mysql_greeting(version: &str, plugin: &str, tls: bool) -> Vec<u8> {
    let capabilities = CAPABILITIES | if tls { CLIENT_SSL } else { 0 };
    let [low0, low1, high0, high1] = capabilities.to_le_bytes();
    let mut payload = vec![10];
    payload.extend_from_slice(version.as_bytes());
    payload.extend_from_slice(&[0, 7, 0, 0, 0]);
    payload.extend_from_slice(&NONCE[..8]);
    payload.extend_from_slice(&[
        0,
        low0,
        low1,
        UTF8MB4.to_le_bytes()[0],
        2,
        0,
        high0,
        high1,
        21,
    ]);
    payload.extend_from_slice(&[0; 10]);
    payload.extend_from_slice(&NONCE[8..]);
    payload.push(0);
    payload.extend_from_slice(plugin.as_bytes());
    payload.push(0);
    payload
}

/// The payload of an error; before the handshake is done a server leaves the SQL state out.
pub fn mysql_error(code: u16, state: Option<&str>, text: &str) -> Vec<u8> {
    let mut payload = vec![0xff];
    payload.extend_from_slice(&code.to_le_bytes());
    if let Some(state) = state {
        payload.push(b'#');
        payload.extend_from_slice(state.as_bytes());
    }
    payload.extend_from_slice(text.as_bytes());
    payload
}

/// The payload of an OK, autocommit on.
pub fn mysql_ok() -> Vec<u8> {
    vec![0, 0, 0, 2, 0, 0, 0]
}

/// The payload of a request to switch to `plugin`.
pub fn mysql_auth_switch(plugin: &str) -> Vec<u8> {
    [&[0xfe], plugin.as_bytes(), &[0], NONCE, &[0]].concat()
}

/// The payload that ends columns or rows.
pub(super) fn end() -> Vec<u8> {
    vec![0xfe, 0, 0, 2, 0]
}

/// The packets that describe `row`'s columns, their count first, numbered from `sequence`.
pub(super) fn columns(sequence: u8, row: &[(String, Cell)]) -> Numbered {
    let mut packets = Numbered::from(sequence);
    packets.push(&[u8::try_from(row.len()).unwrap_or(250)]);
    put_columns(&mut packets, row);
    packets
}

/// Adds the descriptions of `row`'s columns and their end.
pub(super) fn put_columns(packets: &mut Numbered, row: &[(String, Cell)]) {
    for (name, cell) in row {
        let (kind, charset, length): (u8, u16, u32) = match cell {
            Cell::Int(_) | Cell::Bool(_) => (3, BINARY, 11),
            Cell::Text(_) | Cell::Null => (253, UTF8MB4, 1024),
        };
        let mut payload = Vec::new();
        for text in ["def", "", "", "", name, ""] {
            put_text(&mut payload, text.as_bytes());
        }
        payload.push(12);
        payload.extend_from_slice(&charset.to_le_bytes());
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(&[kind, 0, 0, 0, 0, 0]);
        packets.push(&payload);
    }
    packets.push(&end());
}

/// The payload of one row of text.
pub(super) fn row(row: &[(String, Cell)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (_, cell) in row {
        match cell {
            Cell::Null => payload.push(0xfb),
            Cell::Text(text) => put_text(&mut payload, text.as_bytes()),
            Cell::Int(number) => put_text(&mut payload, number.to_string().as_bytes()),
            Cell::Bool(truth) => put_text(&mut payload, if *truth { b"1" } else { b"0" }),
        }
    }
    payload
}

/// The payload of one row in the binary protocol.
pub(super) fn binary_row(row: &[(String, Cell)]) -> Vec<u8> {
    // The bitmap of NULLs starts at its third bit.
    let mut nulls = vec![0_u8; (row.len() + 9) / 8];
    let mut values = Vec::new();
    for (place, (_, cell)) in row.iter().enumerate() {
        match cell {
            Cell::Null => nulls[(place + 2) / 8] |= 1 << ((place + 2) % 8),
            Cell::Text(text) => put_text(&mut values, text.as_bytes()),
            Cell::Int(number) => values.extend_from_slice(&number.to_le_bytes()),
            Cell::Bool(truth) => values.extend_from_slice(&i32::from(*truth).to_le_bytes()),
        }
    }
    [vec![0], nulls, values].concat()
}

/// Packets in a row, numbered as they are added.
pub(super) struct Numbered {
    pub(super) bytes: Vec<u8>,
    next: u8,
}

impl Numbered {
    pub(super) fn from(sequence: u8) -> Self {
        Self {
            bytes: Vec::new(),
            next: sequence,
        }
    }

    pub(super) fn push(&mut self, payload: &[u8]) {
        self.bytes.extend(mysql_packet(self.next, payload));
        self.next = self.next.wrapping_add(1);
    }
}

/// Reads one packet: its number and its payload.
pub(super) fn read_packet(link: &mut Link) -> io::Result<(u8, Vec<u8>)> {
    let head = link.receive(4)?;
    let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    Ok((head[3], link.receive(length)?))
}

/// Text with its length in front: one byte, or 0xfc and two bytes.
fn put_text(payload: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 251 => payload.push(length),
        _ => {
            payload.push(0xfc);
            payload.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
        }
    }
    payload.extend_from_slice(text);
}
