//! The drivers' own TLS: connectors of native-tls made from a [`TlsPolicy`]. This is the direct
//! depth, the default and the fast path.

use std::error::Error;

#[cfg(feature = "postgres")]
use native_tls::{Certificate, Protocol, TlsConnector};
use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::stack::Stack;

use super::danger;
use super::identity::Identity;
use super::policy::{TlsPolicy, one_host};
use super::roots::Roots;
use super::verdict;
use crate::code::{ErrorCode, Stage};
use crate::failure::Failure;
use crate::settings::Depth;

/// Password of the archive that carries the identity to the driver within this process. It guards
/// nothing: archive and password live side by side in memory, as the key itself does.
const ARCHIVE_PASSWORD: &str = "in-memory";

/// Whether native-tls can say all that a policy asks. What it cannot say it would leave out without
/// a word, so such a policy ends here unless our own dialer was taken before.
fn can_say(policy: &TlsPolicy) -> Result<(), Failure> {
    match policy.depth() {
        Depth::Direct => Ok(()),
        Depth::Wire(variables) => Err(Failure::new(
            Stage::Settings,
            ErrorCode::VariableInvalid,
            format!(
                "{} would have no effect: the driver's own TLS knows nothing of it",
                variables.join(", ")
            ),
            "report this as a defect of wa-db: its own dialer should have been taken",
        )),
    }
}

/// The connector for `postgres-native-tls`.
#[cfg(feature = "postgres")]
pub(crate) fn connector(policy: &TlsPolicy) -> Result<TlsConnector, Failure> {
    can_say(policy)?;
    let mut builder = TlsConnector::builder();
    // native-tls has its own default; the floor is ours and does not move with it.
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if let Roots::Only(certificates) = policy.roots() {
        builder.disable_built_in_roots(true);
        for certificate in certificates {
            let der = certificate.to_der().map_err(|error| unusable(&error))?;
            builder.add_root_certificate(
                Certificate::from_der(&der).map_err(|error| unusable(&error))?,
            );
        }
    }
    if let Some(identity) = policy.identity() {
        let archive = archive(identity).map_err(|error| unusable(&error))?;
        let identity = native_tls::Identity::from_pkcs12(&archive, ARCHIVE_PASSWORD)
            .map_err(|error| unusable(&error))?;
        builder.identity(identity);
    }
    danger::danger_weaken_native(&mut builder, policy.weakened());
    builder.build().map_err(|error| unusable(&error))
}

/// The same for one server, as `tokio-postgres` takes it.
///
/// # Errors
/// A name that no certificate could be held to.
#[cfg(feature = "postgres")]
pub(crate) fn postgres_connector(
    connector: &TlsConnector,
    name: &str,
) -> Result<postgres_native_tls::TlsConnector, Failure> {
    let name = one_host(name)?;
    Ok(postgres_native_tls::TlsConnector::new(
        connector.clone(),
        name,
    ))
}

/// The TLS options for `mysql_async`. It caches the connector it builds from them inside the
/// options, so they are made anew whenever the policy is.
#[cfg(feature = "mysql")]
pub(crate) fn mysql_options(
    policy: &TlsPolicy,
    name: &str,
) -> Result<mysql_async::SslOpts, Failure> {
    use mysql_async::{ClientIdentity, SslOpts};

    can_say(policy)?;
    let name = one_host(name)?;
    let mut options = SslOpts::default().with_danger_tls_hostname_override(Some(name.to_owned()));
    if let Roots::Only(certificates) = policy.roots() {
        let roots = certificates
            .iter()
            .map(|certificate| certificate.to_der().map(Into::into))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unusable(&error))?;
        // Left alone, the driver would add these to the system's store instead of replacing it.
        options = options
            .with_root_certs(roots)
            .with_disable_built_in_roots(true);
    }
    if let Some(identity) = policy.identity() {
        let archive = archive(identity).map_err(|error| unusable(&error))?;
        options = options.with_client_identity(Some(
            ClientIdentity::new(archive.into()).with_password(ARCHIVE_PASSWORD),
        ));
    }
    Ok(danger::danger_weaken_mysql(options, policy.weakened()))
}

/// What a native-tls error means. It does not say whether the server had shown its certificate
/// before, so an alert is taken for one that came earlier.
pub(crate) fn failure(error: &native_tls::Error, policy: &TlsPolicy, name: &str) -> Failure {
    let stack = error
        .source()
        .and_then(|source| source.downcast_ref::<ErrorStack>());
    // The alert goes first: its words are about our certificate and resemble those about theirs.
    if let Some(alert) =
        stack.and_then(|stack| verdict::of_alert(stack, policy.has_identity(), false))
    {
        return alert;
    }
    match verdict::of_text(&error.to_string()) {
        Some(code) => verdict::not_verified(code, name, "", policy),
        None => verdict::broken_handshake(stack),
    }
}

fn archive(identity: &Identity) -> Result<Vec<u8>, ErrorStack> {
    let mut builder = Pkcs12::builder();
    builder
        .name("wa-db")
        .pkey(&identity.key)
        .cert(&identity.leaf);
    let mut intermediates = Stack::new()?;
    for certificate in &identity.intermediates {
        intermediates.push(certificate.clone())?;
    }
    builder.ca(intermediates);
    builder.build2(ARCHIVE_PASSWORD)?.to_der()
}

fn unusable(error: &(dyn Error + 'static)) -> Failure {
    Failure::new(
        Stage::Settings,
        ErrorCode::CertificateInvalid,
        format!(
            "WA_DB_SSL_CA or WA_DB_SSL_CERT: the TLS library does not accept the files: {error}"
        ),
        "keys below 2048 bits RSA and SHA-1 signatures are refused; issue new certificates",
    )
}

#[cfg(all(test, feature = "postgres", feature = "mysql"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{connector, mysql_options};
    use crate::code::Stage;
    use crate::settings::{Environment, Role, Settings};
    use crate::tls::TlsPolicy;

    #[test]
    fn a_policy_that_native_tls_cannot_express_makes_no_connector_of_a_driver() {
        for (level, refused) in [("", false), ("MODERN", true)] {
            let environment = Environment::from_pairs([
                ("WA_DB_ENGINE", "PGSQL"),
                ("WA_DB_HOSTNAME", "db.lab"),
                ("WA_DB_USERNAME", "app"),
                ("WA_DB_SECURITY_LEVEL", level),
            ]);
            let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
            let policy = TlsPolicy::load(settings.tls()).unwrap();
            for made in [
                connector(&policy).map(drop),
                mysql_options(&policy, "db.lab").map(drop),
            ] {
                assert_eq!(made.is_err(), refused);
                if let Err(failure) = made {
                    assert_eq!(failure.stage(), Stage::Settings);
                    assert!(failure.message().starts_with("WA_DB_SECURITY_LEVEL "));
                }
            }
        }
    }
}
