//! Every weakening of verification, in one place. Each function here runs only where the operator
//! wrote so, and [`Verification`] says it to whoever asks.

use crate::settings::Verification;

/// What is left out of verification. All `false` is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weakened {
    /// The certificate's name is not compared.
    pub(crate) danger_any_name: bool,
    /// The chain is not verified.
    pub(crate) danger_any_certificate: bool,
}

impl Weakened {
    /// What a verification setting leaves out.
    pub(crate) fn of(verification: Verification) -> Self {
        match verification {
            Verification::Full => Self::default(),
            Verification::ChainOnly => Self {
                danger_any_name: true,
                danger_any_certificate: false,
            },
            Verification::Off => Self {
                danger_any_name: true,
                danger_any_certificate: true,
            },
        }
    }
}

/// Applies it to a native-tls connector.
#[cfg(feature = "postgres")]
pub(super) fn danger_weaken_native(
    builder: &mut native_tls::TlsConnectorBuilder,
    weakened: Weakened,
) {
    builder
        .danger_accept_invalid_hostnames(weakened.danger_any_name)
        .danger_accept_invalid_certs(weakened.danger_any_certificate);
}

/// Applies it to the TLS options of `mysql_async`.
#[cfg(feature = "mysql")]
pub(super) fn danger_weaken_mysql(
    options: mysql_async::SslOpts,
    weakened: Weakened,
) -> mysql_async::SslOpts {
    options
        .with_danger_skip_domain_validation(weakened.danger_any_name)
        .with_danger_accept_invalid_certs(weakened.danger_any_certificate)
}
