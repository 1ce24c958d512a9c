//! What the driver is told: [`all_options`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder};

use crate::connect::error::ConnectError;
use crate::endpoint::{Endpoint, Host};
use crate::failure::Failure;
use crate::settings::{Depth, Settings, Verification};
use crate::tls::{TlsPolicy, native};
use crate::wire::dial;

/// The longest packet that any server can be set to take or send. What a server takes in fact it
/// says itself, in its error.
pub(super) const LARGEST_PACKET: usize = 1024 * 1024 * 1024;

/// The longest packet of a server that nobody verified: what MySQL's own servers are set to.
const UNVERIFIED_PACKET: usize = 64 * 1024 * 1024;

/// Seconds that the driver's own pool, which is not used here, would keep a connection.
const POOL_OF_THE_DRIVER: usize = 28_800;

/// The options for each server of the list, all but the password.
pub(super) fn all_options(
    settings: &Settings,
    packet_limit: usize,
    policy: &TlsPolicy,
) -> Result<Arc<[Opts]>, ConnectError> {
    settings
        .endpoints()
        .iter()
        .map(|endpoint| {
            options(settings, packet_limit, policy, endpoint).map_err(ConnectError::from)
        })
        .collect()
}

/// The options with the password as it is now.
///
/// # Errors
/// Its file cannot be read.
pub(super) fn with_password(settings: &Settings, options: Opts) -> Result<OptsBuilder, Failure> {
    let password = settings.password().read()?;
    let password = password.map(|password| password.expose().to_owned());
    Ok(OptsBuilder::from_opts(options).pass(password))
}

fn options(
    settings: &Settings,
    packet_limit: usize,
    policy: &TlsPolicy,
    endpoint: &Endpoint,
) -> Result<Opts, Failure> {
    let mut builder = OptsBuilder::default()
        .user(Some(settings.username()))
        .db_name(settings.database())
        // On by default: after the verified login the driver would ask the server for a socket
        // path, dial it without TLS and log in there again.
        .prefer_socket(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(dial::KEEPALIVE_IDLE))
        // What is not set here, the driver asks the server for in another round trip, collects
        // however many rows come, and panics at an answer that is no number.
        .max_allowed_packet(Some(packet_limit.min(match policy.verification() {
            Verification::Off => UNVERIFIED_PACKET,
            Verification::ChainOnly | Verification::Full => LARGEST_PACKET,
        })))
        .wait_timeout(Some(POOL_OF_THE_DRIVER))
        .secure_auth(true)
        .enable_cleartext_plugin(false);
    if let Some(timeout) = settings.idle_timeout() {
        builder = builder.setup(vec![format!(
            "SET SESSION wait_timeout = {}",
            whole_seconds(timeout)
        )]);
    }
    let builder = match endpoint.host() {
        Host::Socket(path) => builder.socket(Some(socket_path(path))),
        Host::Name(name) => builder.ip_or_hostname(name.clone()),
        Host::Ip(ip) => builder.ip_or_hostname(ip.to_string()),
    };
    if matches!(endpoint.host(), Host::Socket(_)) {
        return Ok(builder.into());
    }
    let builder = builder.tcp_port(endpoint.port());
    if let Depth::Wire(_) = policy.depth() {
        return Ok(builder.into());
    }
    let name = policy.name_for(endpoint.host());
    Ok(builder
        .ssl_opts(native::mysql_options(policy, &name)?)
        .into())
}

fn socket_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// MySQL counts `wait_timeout` in whole seconds from 1 on.
fn whole_seconds(timeout: Duration) -> u64 {
    timeout
        .as_millis()
        .div_ceil(1000)
        .clamp(1, 31_536_000)
        .try_into()
        .unwrap_or(31_536_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::whole_seconds;

    #[test]
    fn wait_timeout_is_rounded_up_and_never_zero() {
        for (timeout, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (180_000, 180)] {
            assert_eq!(whole_seconds(Duration::from_millis(timeout)), seconds);
        }
    }
}
