//! Reports of certificates that do not keep to the policy, to a file or an address that the
//! settings name: [`Reporter`].
//!
//! A report neither delays nor breaks the connection that it is about: it is put into a bounded
//! queue, and a task of its own delivers it. The shape of a report is that of RFC 7469, section 3.

mod breach;
mod channel;
mod document;
mod file;
#[cfg(test)]
mod fixtures;
mod handshake;
mod metrics;
mod pinned_host;
mod post;
mod recent;
mod registry;

use std::sync::Arc;
use std::time::SystemTime;

use self::breach::{Breach, Report};
use self::channel::Channel;
pub use self::channel::LostReports;
use self::file::FileSink;
pub(crate) use self::handshake::Handshake;
use self::post::PostSink;
pub use self::registry::flush_reports;
use super::handshake::{Rejected, TlsFacts};
use crate::endpoint::Engine;
use crate::settings::{Role, Settings};

/// Takes what does not hold to where it is reported. All reporters of a process to one place share
/// one queue, and know what the others have reported.
#[derive(Clone)]
pub(crate) struct Reporter {
    role: Role,
    engine: Engine,
    file: Option<Channel<FileSink>>,
    post: Option<Channel<PostSink>>,
}

impl Reporter {
    /// The reporter that the settings ask for, if they do. Nothing is opened yet.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let targets = &settings.tls().reports;
        (!targets.is_empty()).then(|| Self {
            role: settings.role(),
            engine: settings.engine(),
            file: targets.file.as_ref().map(registry::file),
            post: targets.uri.as_ref().map(registry::post),
        })
    }

    /// Reports what a handshake showed that does not hold, each once an interval. Returns at once and
    /// never fails; what becomes of a report is in the log and in `wa_db_reports_total`.
    pub(crate) fn look_at(&self, handshake: &Handshake<'_>, outcome: Result<&TlsFacts, &Rejected>) {
        for breach in handshake.breaches(outcome) {
            self.report(breach);
        }
    }

    fn report(&self, breach: Breach) {
        let report = Arc::new(Report {
            breach,
            seen: SystemTime::now(),
            role: self.role,
            engine: self.engine,
        });
        if let Some(file) = &self.file {
            file.send(&report);
        }
        if let Some(post) = &self.post {
            post.send(&report);
        }
    }
}
