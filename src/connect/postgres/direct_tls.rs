//! The driver's own TLS: [`DirectTls`], a native-tls connector that may still be in the making.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::failure::Failure;
use crate::tls::{TlsPolicy, native};

/// A native-tls connector, made while the first connections are being dialled.
///
/// native-tls reads the system's store for each connector, also where only roots of our own are
/// trusted: 34 ms with Debian's 140 certificates, a third of what a pool takes to open 32 connections.
#[derive(Clone)]
pub(super) struct DirectTls {
    policy: TlsPolicy,
    connector: Arc<OnceCell<native_tls::TlsConnector>>,
}

impl DirectTls {
    /// For connections that keep to this policy.
    ///
    /// # Errors
    /// A client certificate or key that native-tls does not take.
    pub(super) fn new(policy: &TlsPolicy) -> Result<Self, Failure> {
        // Nothing but the client's certificate can be refused, and that is to be known at once:
        // whoever replaces it keeps the last good one.
        let made = policy
            .has_identity()
            .then(|| native::connector(policy))
            .transpose()?;
        Ok(Self {
            policy: policy.clone(),
            connector: Arc::new(OnceCell::new_with(made)),
        })
    }

    /// Sees to it that the connector is being made.
    pub(super) fn prepare(&self) {
        if !self.connector.initialized() {
            let this = self.clone();
            tokio::spawn(async move {
                // Whoever needs the connector asks for it and is told what went wrong.
                let _ = this.connector().await;
            });
        }
    }

    /// The connector, as soon as it is made.
    ///
    /// # Errors
    /// Stage `settings`, with what native-tls says.
    pub(super) async fn connector(&self) -> Result<&native_tls::TlsConnector, Failure> {
        let making = || async {
            let policy = self.policy.clone();
            // It reads files and computes, which would hold up the runtime's other tasks.
            match tokio::task::spawn_blocking(move || native::connector(&policy)).await {
                Ok(made) => made,
                // The runtime is going down, or native-tls panicked: then it does so here as well.
                Err(_) => native::connector(&self.policy),
            }
        };
        self.connector.get_or_try_init(making).await
    }
}
