//! The list of servers, tried in order under one deadline.

use std::future::Future;

use tokio::time::{Instant, timeout_at};

use super::error::ConnectError;
use crate::code::{ErrorCode, Stage};
use crate::endpoint::{Endpoint, Engine};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wire::Progress;

/// What one server of the list is given for its attempt.
#[derive(Clone)]
pub(crate) struct Turn {
    /// How far it has come, for whoever has to report on it.
    pub(crate) progress: Progress,
    /// The end of its share of the time.
    pub(crate) deadline: Instant,
}

/// Tries each server of the list until one gives a connection.
///
/// The whole list shares `WA_DB_CONNECT_TIMEOUT`: each server may use an equal part of what is
/// left, so that one that swallows packets cannot use up the time of those behind it. A refused
/// login ends the list, as it does in libpq: the next server would refuse it too, and accounts
/// are locked that way.
pub(crate) async fn first_of<T, F, A>(
    settings: &Settings,
    mut attempt: A,
) -> Result<T, ConnectError>
where
    A: FnMut(Endpoint, Turn) -> F,
    F: Future<Output = Result<T, Failure>>,
{
    let deadline = Instant::now() + settings.connect_timeout();
    let mut failed: Option<ConnectError> = None;
    let endpoints = settings.endpoints();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let progress = Progress::start(Stage::Resolve);
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(endpoints.len() - index).unwrap_or(u32::MAX);
        let turn = Turn {
            progress: progress.clone(),
            deadline: Instant::now() + share,
        };
        let outcome = timeout_at(turn.deadline, attempt(endpoint.clone(), turn))
            .await
            .unwrap_or_else(|_| Err(timed_out(progress.stage(), settings)));
        let failure = match outcome {
            Ok(connection) => return Ok(connection),
            Err(failure) => failure,
        };
        let error = ConnectError::of_server(endpoint, &progress, failure);
        let ends_list = error.failure().is_refused_login();
        if ends_list {
            settings.password().refused();
        }
        failed = Some(match failed {
            Some(earlier) => earlier.and(error),
            None => error,
        });
        if ends_list {
            break;
        }
    }
    Err(failed.unwrap_or_else(|| {
        ConnectError::settings(Failure::new(
            Stage::Settings,
            ErrorCode::VariableMissing,
            "WA_DB_HOSTNAME names no server",
            "set WA_DB_HOSTNAME",
        ))
    }))
}

fn timed_out(stage: Stage, settings: &Settings) -> Failure {
    let deadline = settings.connect_timeout();
    let doing = match stage {
        Stage::Settings | Stage::Resolve => "its name was resolved",
        Stage::Connect => "the connection was made",
        Stage::Tls => "TLS was set up",
        Stage::Authenticate => "the login was done",
        Stage::Session | Stage::Pool => "the session was ready",
    };
    Failure::new(
        stage,
        ErrorCode::Timeout,
        format!(
            "the server at WA_DB_HOSTNAME let WA_DB_CONNECT_TIMEOUT ({deadline:?}) pass before {doing}"
        ),
        match (stage, settings.engine()) {
            // The driver makes dial, greeting and login in one go.
            (Stage::Connect, Engine::MySql) => {
                "check that the server is up and not overloaded, and that WA_DB_ENGINE fits (a server of PostgreSQL sends no greeting); raise WA_DB_CONNECT_TIMEOUT if it is merely far away"
            }
            (Stage::Settings | Stage::Resolve, _) => {
                "check that the name server answers; raise WA_DB_CONNECT_TIMEOUT if it is merely slow"
            }
            _ => {
                "check that the server is up and not overloaded; raise WA_DB_CONNECT_TIMEOUT if it is merely far away"
            }
        },
    )
}
