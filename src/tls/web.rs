//! TLS to a server of the web, verified by the system's store: [`web_client`].

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};

use super::system_store;

/// A client that verifies chain and name, whatever is set for the database: neither its CA nor a
/// switched-off verification says anything about another server.
///
/// Reads the system's store, which takes tens of milliseconds: not for a thread that others wait
/// for.
///
/// # Errors
/// Those of OpenSSL.
pub(crate) fn web_client() -> Result<SslConnector, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    system_store::trust(&mut builder, &openssl_probe::probe())?;
    Ok(builder.build())
}
