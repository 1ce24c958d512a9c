//! PostgreSQL's messages, as far as a fake needs them (protocol 3.0, chapter "Message Formats").

use std::io;

use super::super::link::Link;
use super::super::persona::Cell;

/// Code of the request for TLS.
pub(super) const SSL_REQUEST: u32 = 80_877_103;
/// Code of the request for GSSAPI encryption.
pub(super) const GSS_REQUEST: u32 = 80_877_104;
/// Code of the request to cancel a query.
pub(super) const CANCEL_REQUEST: u32 = 80_877_102;
/// More than this a fake does not read at once.
const LARGEST: usize = 1 << 24;

/// One message from the server with a true length.
pub fn postgres_message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    postgres_frame(tag, length, body)
}

/// One message from the server with whatever length the test wants to claim. A true one counts
/// itself and the body.
pub fn postgres_frame(tag: u8, claimed: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&claimed.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// An `ErrorResponse` of protocol 3.
pub fn postgres_error(code: &str, text: &str) -> Vec<u8> {
    postgres_message(b'E', &fields("FATAL", code, text))
}

/// The error text of protocol 2, which servers send before they know the client's version.
pub fn postgres_old_error(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'E'];
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(b"\n\0");
    bytes
}

/// A `NoticeResponse`.
pub fn postgres_notice(text: &str) -> Vec<u8> {
    postgres_message(b'N', &fields("NOTICE", "00000", text))
}

/// A `ParameterStatus`.
pub fn postgres_parameter(name: &str, value: &str) -> Vec<u8> {
    postgres_message(b'S', format!("{name}\0{value}\0").as_bytes())
}

/// An authentication request of this kind.
pub fn postgres_authentication(kind: u32, data: &[u8]) -> Vec<u8> {
    postgres_message(b'R', &[&kind.to_be_bytes(), data].concat())
}

/// A `ReadyForQuery` outside a transaction.
pub fn postgres_ready() -> Vec<u8> {
    postgres_message(b'Z', b"I")
}

/// A `CommandComplete`.
pub(super) fn complete(tag: &str) -> Vec<u8> {
    postgres_message(b'C', format!("{tag}\0").as_bytes())
}

/// The description of `row`'s columns.
pub(super) fn description(row: &[(String, Cell)], binary: bool) -> Vec<u8> {
    let mut body = count(row.len()).to_vec();
    for (name, cell) in row {
        let (oid, size): (u32, i16) = match cell {
            Cell::Text(_) | Cell::Null => (25, -1),
            Cell::Int(_) => (23, 4),
            Cell::Bool(_) => (16, 1),
        };
        body.extend_from_slice(name.as_bytes());
        // Neither table nor column stands behind the name.
        body.extend_from_slice(&[0; 7]);
        body.extend_from_slice(&oid.to_be_bytes());
        body.extend_from_slice(&size.to_be_bytes());
        body.extend_from_slice(&(-1_i32).to_be_bytes());
        body.extend_from_slice(&u16::from(binary).to_be_bytes());
    }
    postgres_message(b'T', &body)
}

/// One row of data.
pub(super) fn data(row: &[(String, Cell)], binary: bool) -> Vec<u8> {
    let mut body = count(row.len()).to_vec();
    for (_, cell) in row {
        let value = match cell {
            Cell::Null => None,
            Cell::Text(text) => Some(text.clone().into_bytes()),
            Cell::Int(number) if binary => Some(number.to_be_bytes().to_vec()),
            Cell::Int(number) => Some(number.to_string().into_bytes()),
            Cell::Bool(truth) if binary => Some(vec![u8::from(*truth)]),
            Cell::Bool(truth) => Some(if *truth { b"t".to_vec() } else { b"f".to_vec() }),
        };
        let length = value
            .as_ref()
            .map_or(-1, |value| i32::try_from(value.len()).unwrap_or(0));
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(&value.unwrap_or_default());
    }
    postgres_message(b'D', &body)
}

/// Reads a packet without a tag: its code or version, and the rest.
pub(super) fn read_untagged(link: &mut Link) -> io::Result<(u32, Vec<u8>)> {
    let body = read_body(link)?;
    let (code, rest) = body
        .split_first_chunk()
        .ok_or_else(|| io::Error::other("a start-up packet without a code"))?;
    Ok((u32::from_be_bytes(*code), rest.to_vec()))
}

/// Reads a message: its tag and its body.
pub(super) fn read_message(link: &mut Link) -> io::Result<(u8, Vec<u8>)> {
    let tag = link.receive(1)?;
    Ok((tag[0], read_body(link)?))
}

/// The text up to the first zero byte, and what follows it.
pub(super) fn cut_text(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    (text, bytes.get(end + 1..).unwrap_or_default())
}

fn read_body(link: &mut Link) -> io::Result<Vec<u8>> {
    let length = link.receive(4)?;
    let length = length
        .iter()
        .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    if !(4..=LARGEST).contains(&length) {
        return Err(io::Error::other(format!("a message of {length} bytes")));
    }
    link.receive(length - 4)
}

fn fields(severity: &str, code: &str, text: &str) -> Vec<u8> {
    format!("S{severity}\0V{severity}\0C{code}\0M{text}\0\0").into_bytes()
}

fn count(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}
