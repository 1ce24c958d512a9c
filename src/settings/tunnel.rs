//! What the variables say of our own listeners, the tunnel's and the monitor's: [`TunnelSettings`].

use super::network::AllowedNetworks;
use super::tls::SecurityLevel;

/// `WA_WEB_SECURITY_LEVEL` and `WA_DB_TUNNEL_ALLOWED_CLIENTS`: what holds for clients that reach the
/// tunnel or the monitor over a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelSettings {
    /// `WA_WEB_SECURITY_LEVEL`: versions and suites of the listeners that speak TLS.
    pub security_level: SecurityLevel,
    /// `WA_DB_TUNNEL_ALLOWED_CLIENTS`: the networks from which clients may come; `None` where the
    /// variable is not set.
    pub allowed_clients: Option<AllowedNetworks>,
}
