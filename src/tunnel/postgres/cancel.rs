//! Cancel requests, which are connections of their own: [`carry`].

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::startup::Packet;
use crate::tunnel::client::ClientStream;
use crate::tunnel::context::Shared;
use crate::tunnel::outcome::{Ended, Joined};
use crate::tunnel::upstream::Reached;

/// Brings the request to the session's server over TLS. The answer to it is that the connection is closed.
///
/// # Errors
/// Always: there is no session. The client is closed when the server has taken the request, so that
/// what it sends next comes after it.
pub(super) async fn carry(
    client: ClientStream,
    request: &Packet,
    shared: &Shared,
) -> Result<Joined, Ended> {
    let reached = match shared.keys.server(request.key()) {
        Some(server) => shared.upstream.secure_postgres_at(server).await,
        // A session of another tunnel's, perhaps.
        None => shared.upstream.secure_postgres().await,
    };
    let outcome = match reached {
        Ok(Reached { mut stream, .. }) => {
            let carried = async {
                stream.write_all(request.bytes()).await?;
                // It closes when the signal is sent.
                stream.read(&mut [0; 64]).await
            };
            match timeout(shared.settings.read_timeout(), carried).await {
                // Some servers close without a goodbye.
                Ok(_) => Ended::Done("a cancel request was carried"),
                Err(_) => Ended::Client("the server did not take a cancel request in time"),
            }
        }
        Err(failure) => Ended::Failed(failure),
    };
    drop(client);
    Err(outcome)
}
