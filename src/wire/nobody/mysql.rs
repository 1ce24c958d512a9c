//! MySQL and MariaDB: a handshake response, and the server's verdict on it.

use tokio::io::{AsyncRead, AsyncWrite};

use super::Tried;
use crate::failure::hearsay;
use crate::wire::mysql::{Answer, Broken, Channel, ErrorPacket, Greeting, Hello, Response};

/// Packets beyond these are no answer to a login without a proof.
const MOST: usize = 4;
const LONGEST: usize = 8 * 1024;

/// `ER_SECURE_TRANSPORT_REQUIRED`, the same number at both. They say it to a login that is proven; what
/// stands before a server may say it at once.
const SECURE_TRANSPORT_REQUIRED: u16 = 3159;
/// What a server says to a login that it went into: access denied, with and without a password, or
/// that the client cannot do what the account's method asks.
const DENIED: [u16; 3] = [1045, 1698, 1251];

/// Logs in with an empty proof and sees the login through to its end: a server counts against a
/// host the connections that break off before.
pub(in crate::wire) async fn knock<S: AsyncRead + AsyncWrite + Unpin>(
    mut channel: Channel<S>,
    greeting: &Greeting,
    hello: Hello,
) -> Tried {
    let plugin = greeting.plugin.clone();
    let response = Response {
        hello,
        user: super::name().into_bytes(),
        proof: Vec::new(),
        database: None,
        plugin: Some(plugin.unwrap_or_default()),
        rest: Vec::new(),
    };
    let mut asked = None;
    let verdict = see_through(&mut channel, response, &mut asked).await;
    match (verdict, asked) {
        (Ok(tried), None) => tried,
        // Whatever came of it then: it asked for a proof.
        (_, Some(asked)) => Tried::Entertained(asked),
        (Err(broken), None) => Tried::Unclear(broken.to_string()),
    }
}

async fn see_through<S: AsyncRead + AsyncWrite + Unpin>(
    channel: &mut Channel<S>,
    response: Response,
    asked: &mut Option<String>,
) -> Result<Tried, Broken> {
    channel
        .write(&response.build())
        .await
        .map_err(Broken::Closed)?;
    for _ in 0..MOST {
        let packet = channel.read(LONGEST).await?;
        match Answer::parse(&packet) {
            Answer::Ok => {
                return Ok(Tried::Entertained(
                    "let it in without a password".to_owned(),
                ));
            }
            Answer::Error(error) => return Ok(turned_down(&error)),
            Answer::Switch { .. } | Answer::OldSwitch | Answer::More(_) => {
                *asked = Some("asked for a proof of the password".to_owned());
                // No proof: what follows is its refusal.
                channel.write(&[]).await.map_err(Broken::Closed)?;
            }
            Answer::NextFactor { .. } | Answer::Progress | Answer::Unknown => break,
        }
    }
    Ok(Tried::Unclear("its answer is none of MySQL's".to_owned()))
}

fn turned_down(error: &ErrorPacket) -> Tried {
    if error.number == SECURE_TRANSPORT_REQUIRED {
        return Tried::Refused;
    }
    if DENIED.contains(&error.number) {
        return Tried::Entertained("turned down the name, not the connection".to_owned());
    }
    let text = String::from_utf8_lossy(&error.text);
    let (number, text) = (error.number, hearsay(&text));
    Tried::Unclear(format!("it answered with error {number} ({text})"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::wire::mysql::Capabilities;
    use crate::wire::starttls::mysql::own_hello;

    fn greeting() -> Greeting {
        Greeting {
            version: b"9.7.4".to_vec(),
            connection: 42,
            nonce: b"abcdefghijklmnopqrst".to_vec(),
            capabilities: Capabilities::of(u32::MAX),
            charset: 45,
            status: 2,
            plugin: Some(b"caching_sha2_password".to_vec()),
        }
    }

    /// What becomes of a login that a server answers with these packets, and what it was sent.
    async fn answered(answers: &[&[u8]]) -> (Tried, Vec<Vec<u8>>) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let serving = async {
            let mut far = Channel::going_on(far, 1);
            let mut sent = Vec::new();
            for answer in answers {
                sent.push(far.read(LONGEST).await.unwrap().to_vec());
                far.write(answer).await.unwrap();
            }
            sent
        };
        let near = Channel::going_on(near, 1);
        let greeting = greeting();
        tokio::join!(knock(near, &greeting, own_hello()), serving)
    }

    #[tokio::test]
    async fn a_refusal_of_the_connection_is_told_from_one_of_the_name() {
        let switch = b"\xfemysql_native_password\0abcdefghijklmnopqrst\0";
        let denied = b"\xff\x15\x04#28000Access denied";
        let insecure = b"\xff\x57\x0c#HY000Connections using insecure transport are prohibited";
        let blocked = b"\xff\x69\x04#HY000Host is \x1bblocked";
        for (answers, tried) in [
            (&[&insecure[..]][..], "Refused"),
            (&[denied], "turned down the name"),
            (&[switch, denied], "asked for a proof"),
            (&[b"\x01\x04", denied], "asked for a proof"),
            (&[switch], "asked for a proof"),
            (&[b"\0\0\0\x02\0\0\0"], "let it in without a password"),
            (&[blocked], "Unclear(\"it answered with error 1129"),
            (&[b"HTTP"], "Unclear(\"its answer is none"),
            (&[], "Unclear(\"the connection was closed"),
        ] {
            let (seen, sent) = answered(answers).await;
            let shown = format!("{seen:?}");
            assert!(shown.contains(tried) && !shown.contains('\x1b'), "{shown}");
            for (index, packet) in sent.iter().enumerate() {
                if index > 0 {
                    assert!(packet.is_empty(), "a proof was sent: {packet:?}");
                    continue;
                }
                let response = Response::parse(packet).unwrap();
                assert!(response.proof.is_empty() && response.database.is_none());
                assert!(response.user.starts_with(b"wa-db-audit-"), "{response:?}");
                assert_eq!(response.plugin, greeting().plugin);
            }
        }
    }
}
