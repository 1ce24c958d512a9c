//! What a client asks for before anything is dialled: [`hear`].

use tokio::io::AsyncWriteExt;

use super::startup::{self, Kind, Packet};
use crate::tunnel::client::{ClientStream, Incoming};
use crate::tunnel::outcome::Ended;

/// The first byte of TLS, which is no length of a first packet.
const TLS_RECORD: u8 = 0x16;
/// What a client must have named that speaks TLS from the first byte (RFC 7301).
const PROTOCOL: &[u8] = b"postgresql";
/// Requests for encryption before the start: one of each kind, as the server has it.
const REQUESTS: usize = 2;

/// A client that said what it is here for.
pub(super) struct Opening {
    pub(super) client: ClientStream,
    pub(super) said: Said,
}

/// What a client is here for.
pub(super) enum Said {
    Startup(Packet),
    Cancel(Packet),
}

/// Hears the client until it says what it is here for, and sets up TLS where the listener has it.
///
/// # Errors
/// It left, or said what has no meaning.
pub(super) async fn hear(incoming: Incoming) -> Result<Opening, Ended> {
    let Incoming {
        stream: mut client,
        tls,
        ..
    } = incoming;
    if let Some(tls) = &tls
        && begins_with_tls(&client).await?
    {
        client = secure(client, tls).await?;
        let agreed = client.ssl().and_then(|ssl| ssl.selected_alpn_protocol());
        if agreed != Some(PROTOCOL) {
            return Err(Ended::Client(
                "TLS from the first byte without ALPN postgresql",
            ));
        }
    }
    for _ in 0..=REQUESTS {
        let packet = startup::read(&mut client).await.map_err(|_| {
            Ended::Client("the client left or does not speak PostgreSQL's protocol")
        })?;
        let may_start = tls.is_none() || !client.is_plaintext();
        match packet.kind() {
            Kind::SslRequest => match &tls {
                Some(tls) if client.is_plaintext() => {
                    answer(&mut client, b"S").await?;
                    client = secure(client, tls).await?;
                }
                _ => answer(&mut client, b"N").await?,
            },
            Kind::GssEncRequest => answer(&mut client, b"N").await?,
            Kind::CancelRequest if may_start => return Ok(said(client, Said::Cancel(packet))),
            Kind::Startup(_) if may_start => return Ok(said(client, Said::Startup(packet))),
            Kind::CancelRequest => {
                return Err(Ended::Client(
                    "a cancel request in plaintext where TLS is spoken",
                ));
            }
            Kind::Startup(_) => {
                super::tell(&mut client, &super::ErrorAnswer::tls_required()).await;
                return Err(Ended::Client("a login in plaintext where TLS is spoken"));
            }
        }
    }
    Err(Ended::Client(
        "the client asks for encryption again and again",
    ))
}

fn said(client: ClientStream, said: Said) -> Opening {
    Opening { client, said }
}

async fn begins_with_tls(client: &ClientStream) -> Result<bool, Ended> {
    let ClientStream::Tcp(stream) = client else {
        return Ok(false);
    };
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) => Ok(first == [TLS_RECORD]),
        _ => Err(Ended::Client("the client left without a word")),
    }
}

async fn secure(
    client: ClientStream,
    tls: &openssl::ssl::SslContext,
) -> Result<ClientStream, Ended> {
    client.secure(tls).await.map_err(|error| {
        tracing::debug!(%error, "TLS with a client failed");
        Ended::Client("TLS with the client failed")
    })
}

async fn answer(client: &mut ClientStream, byte: &[u8; 1]) -> Result<(), Ended> {
    client
        .write_all(byte)
        .await
        .map_err(|_| Ended::Client("the client left"))
}
