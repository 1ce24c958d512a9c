//! The way to the server up to its login: [`meet`].

use crate::code::Stage;
use crate::failure::Failure;
use crate::tunnel::upstream::{Attempt, Reached, Server, Upstream};
use crate::wire::mysql::Greeting;
use crate::wire::{Greeted, SslRequest};

/// A server that has greeted and on whose stream TLS is set up.
pub(super) struct Met {
    pub(super) reached: Reached,
    pub(super) greeting: Greeting,
}

/// Reaches the first server that greets and is trusted.
///
/// # Errors
/// Every server that was tried, in one failure.
///
/// # Cancel Safety
/// Dropping the future closes what was opened.
pub(super) async fn meet(upstream: &Upstream, request: SslRequest) -> Result<Met, Failure> {
    upstream
        .reach(async |attempt: Attempt| {
            let Attempt {
                endpoint,
                policy,
                turn,
            } = &attempt;
            let dialer = upstream.dialer();
            let secure = async |address, stream| {
                let greeted = Greeted::read(address, stream).await?;
                let greeting = greeted.greeting.clone();
                turn.progress.enter(Stage::Tls);
                let secured = dialer.answer(greeted, endpoint, policy, request).await?;
                Ok((greeting, secured))
            };
            let met = dialer.each(endpoint, turn.deadline, &turn.progress, secure);
            let (greeting, secured) = met.await.map_err(|rejected| rejected.failure)?;
            upstream.shown(secured.facts.expires);
            let (stream, server) = (secured.stream, Server::of(attempt, secured.address));
            Ok(Met {
                reached: Reached { stream, server },
                greeting,
            })
        })
        .await
}
