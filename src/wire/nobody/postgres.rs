//! PostgreSQL: a start-up message, and the first thing that the server says to it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Tried;
use crate::failure::hearsay;

/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 196_608;
/// The database that every installation has.
const DATABASE: &str = "postgres";
/// The goodbye.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
/// Longer messages than this, or more of them, are no answer to a start-up message.
const LONGEST: usize = 8 * 1024;
const MOST: usize = 4;

/// Begins a login on a connection on which nothing was said yet, and leaves it there: a client that
/// goes away when it is asked for its password is nothing that the server complains of.
pub(crate) async fn knock<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Tried {
    told(ask(stream, &super::name(), DATABASE).await)
}

/// The same by the account's own name, of a server that takes no login by others: a line of
/// `pg_hba.conf` may be for that account and database alone. No proof is sent here either.
pub(crate) async fn knock_as<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    user: &str,
    database: &str,
) -> Tried {
    let asked = ask(stream, user, database).await;
    if matches!(asked, Ok(Tried::Entertained(_))) {
        // What was asked for is known, whether the goodbye arrives or not.
        let _ = stream.write_all(&TERMINATE).await;
    }
    told(asked)
}

fn told(asked: io::Result<Tried>) -> Tried {
    asked.unwrap_or_else(|error| Tried::Unclear(format!("the connection broke: {error}")))
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    user: &str,
    database: &str,
) -> io::Result<Tried> {
    stream.write_all(&start_up(user, database)).await?;
    for _ in 0..MOST {
        let kind = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(length) = length.checked_sub(4).filter(|length| *length <= LONGEST) else {
            return Ok(Tried::Unclear(
                "its answer is none of PostgreSQL's".to_owned(),
            ));
        };
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        match kind {
            b'R' => return Ok(Tried::Entertained(asked_for(&body).to_owned())),
            b'E' => return Ok(turned_down(&body)),
            // A notice, or that the server speaks an older minor version: the answer is yet to come.
            b'N' | b'v' => {}
            _ => break,
        }
    }
    Ok(Tried::Unclear(
        "its answer is none of PostgreSQL's".to_owned(),
    ))
}

fn start_up(user: &str, database: &str) -> Vec<u8> {
    let mut body = PROTOCOL.to_be_bytes().to_vec();
    for text in ["user", user, "database", database, ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}

/// What an authentication request asks for.
fn asked_for(body: &[u8]) -> &'static str {
    let kind = body.first_chunk().map(|kind| u32::from_be_bytes(*kind));
    match kind {
        Some(0) => "let it in without a password",
        Some(3) => "asked for the password in clear text",
        Some(5) => "asked for an MD5 hash of the password",
        Some(10) => "asked for a proof of the password (SCRAM)",
        _ => "asked for a proof",
    }
}

/// Which error it is. Texts may be in any language; the SQLSTATE and the name of the routine that
/// raised the error are not.
fn turned_down(body: &[u8]) -> Tried {
    let field = |kind: u8| {
        let mut fields = body.split(|byte| *byte == 0);
        fields.find_map(|field| field.strip_prefix(&[kind]))
    };
    match (field(b'C'), field(b'R')) {
        // No line of pg_hba.conf is for such a connection, or one rejects it.
        (Some(b"28000"), Some(b"ClientAuthentication")) => Tried::Refused,
        (Some(b"28000" | b"28P01"), _) => {
            Tried::Entertained("turned down the name, not the connection".to_owned())
        }
        _ => {
            let text = String::from_utf8_lossy(field(b'M').unwrap_or_default());
            Tried::Unclear(format!("it answered with an error ({})", hearsay(&text)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What becomes of a login that a server answers with these bytes; and what the server was sent.
    async fn answered(answer: &[u8]) -> (Tried, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(answer).await.unwrap();
        let mut sent = Vec::new();
        let tried = if answer.is_empty() {
            drop(far);
            knock(&mut near).await
        } else {
            let tried = knock(&mut near).await;
            drop(near);
            far.read_to_end(&mut sent).await.unwrap();
            tried
        };
        (tried, sent)
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[tokio::test]
    async fn a_request_for_a_proof_is_told_from_a_refusal_of_the_connection() {
        let no_line = b"SFATAL\0VFATAL\0C28000\0MKein Eintrag\0Fauth.c\0RClientAuthentication\0\0";
        let no_role = b"SFATAL\0C28000\0Mrole does not exist\0RInitializeSessionUserId\0\0";
        let starting = b"SFATAL\0C57P03\0Mstarting\x1b up\0RProcessStartupPacket\0\0";
        for (answer, tried) in [
            (message(b'E', no_line), "Refused"),
            (message(b'E', no_role), "Entertained(\"turned down the name"),
            (
                message(b'E', starting),
                "Unclear(\"it answered with an error",
            ),
            (message(b'R', &[0, 0, 0, 10]), "(SCRAM)"),
            (message(b'R', &[0, 0, 0, 3]), "in clear text"),
            (message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]), "MD5"),
            (message(b'R', &[0, 0, 0, 0]), "without a password"),
            (message(b'R', &[]), "asked for a proof"),
            (
                [message(b'N', b"Mnote\0\0"), message(b'R', &[0, 0, 0, 3])].concat(),
                "in clear text",
            ),
            (
                message(b'N', b"\0").repeat(9),
                "Unclear(\"its answer is none",
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
                "Unclear(\"its answer",
            ),
            (vec![b'R', 0, 0, 0, 1], "Unclear(\"its answer"),
            (vec![b'R', 0xff, 0xff, 0xff, 0xff], "Unclear(\"its answer"),
            (Vec::new(), "Unclear(\"the connection broke"),
        ] {
            let (seen, _) = answered(&answer).await;
            let shown = format!("{seen:?}");
            assert!(shown.contains(tried) && !shown.contains('\x1b'), "{shown}");
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_but_a_start_up_message_with_a_new_name_each_time() {
        let clear = message(b'R', &[0, 0, 0, 3]);
        let (_, first) = answered(&clear).await;
        let (_, second) = answered(&clear).await;
        assert_ne!(first, second);
        let length = u32::from_be_bytes(*first.first_chunk().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), first.len());
        let text = String::from_utf8_lossy(&first[8..]);
        assert!(text.starts_with("user\0wa-db-audit-"), "{text:?}");
        assert!(text.ends_with("\0database\0postgres\0\0"), "{text:?}");
    }

    #[tokio::test]
    async fn account_itself_knocks_with_its_name_and_database_and_says_goodbye_without_a_proof() {
        for (answer, goodbye) in [
            (message(b'R', &[0, 0, 0, 10]), &TERMINATE[..]),
            (message(b'R', &[0, 0, 0, 0]), &TERMINATE),
            (message(b'E', b"C28000\0RClientAuthentication\0\0"), &[]),
        ] {
            let (mut near, mut far) = tokio::io::duplex(64 * 1024);
            far.write_all(&answer).await.unwrap();
            let tried = knock_as(&mut near, "webapp", "appdb").await;
            assert_eq!(tried == Tried::Refused, goodbye.is_empty(), "{tried:?}");
            drop(near);
            let mut sent = Vec::new();
            far.read_to_end(&mut sent).await.unwrap();
            let expected = [&start_up("webapp", "appdb")[..], goodbye].concat();
            assert_eq!(sent, expected);
        }
    }
}
