//! Reports of certificates that do not keep to the policy, to a file or an address that the
//! settings name: [`Reporter`].
//!
//! A report neither delays nor breaks the connection that it is about: it is put into a bounded
//! queue, and a task of its own delivers it. The shape of a report is that of RFC 7469, section 3.

mod channel;
mod document;
mod file;
#[cfg(test)]
mod fixture;
mod metrics;
mod pinned_host;
mod post;
mod recent;
mod violation;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Uri;

use self::channel::Channel;
use self::file::FileSink;
use self::post::PostSink;
use self::violation::Report;
pub(crate) use self::violation::Violation;
use crate::endpoint::Engine;
use crate::settings::Role;

/// Takes violations to where they are reported. Cheap to clone; every clone knows what the others
/// have reported.
#[derive(Clone)]
pub(crate) struct Reporter {
    role: Role,
    engine: Engine,
    file: Option<Channel<FileSink>>,
    post: Option<Channel<PostSink>>,
}

impl Reporter {
    /// A reporter to these places. Nothing is opened yet.
    pub(crate) fn new(role: Role, engine: Engine, file: Option<PathBuf>, uri: Option<Uri>) -> Self {
        Self {
            role,
            engine,
            file: file.map(|path| Channel::new(FileSink::new(path))),
            post: uri.map(|uri| Channel::new(PostSink::new(uri))),
        }
    }

    /// Reports a violation, once an interval. Returns at once and never fails; what becomes of the
    /// report is in the log and in `wa_db_reports_total`.
    pub(crate) fn report(&self, violation: Violation) {
        let report = Arc::new(Report {
            violation,
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

    /// Waits until every report is delivered or given up, for at most as long as `patience`: for
    /// a process that is about to end.
    pub(crate) async fn flush(&self, patience: Duration) {
        let idle = async {
            if let Some(file) = &self.file {
                file.idle().await;
            }
            if let Some(post) = &self.post {
                post.idle().await;
            }
        };
        // What is not delivered by then is lost with the process.
        let _ = tokio::time::timeout(patience, idle).await;
    }
}
