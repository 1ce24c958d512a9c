//! The places that this process reports to, each with its one [`Channel`].
//!
//! They are kept for as long as the process lives, beyond pools and reloads: only so is a
//! violation reported once an interval, however many connectors see it, and only so can a process
//! wait for what it has reported before it ends. There are as many as its settings name.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::channel::{Channel, LostReports, Sink};
use super::file::FileSink;
use super::post::PostSink;
use crate::settings::ReportUri;

static FILES: Mutex<Vec<(PathBuf, Channel<FileSink>)>> = Mutex::new(Vec::new());
static POSTS: Mutex<Vec<(ReportUri, Channel<PostSink>)>> = Mutex::new(Vec::new());

/// The channel to this file.
pub(super) fn file(path: &PathBuf) -> Channel<FileSink> {
    channel(&FILES, path, FileSink::new)
}

/// The channel to this address.
pub(super) fn post(uri: &ReportUri) -> Channel<PostSink> {
    channel(&POSTS, uri, PostSink::new)
}

/// Waits until every report of this process is delivered or given up, for at most as long as
/// `patience`: for a process that is about to end. What is not delivered by then is lost with it.
///
/// Returns what was lost since the process began, or since the last time, for each place that reports
/// go to; nothing where all arrived.
///
/// It is to be awaited on a tokio runtime, like everything else here.
pub async fn flush_reports(patience: Duration) -> Vec<LostReports> {
    let idle = async {
        for file in all(&FILES) {
            file.idle().await;
        }
        for post in all(&POSTS) {
            post.idle().await;
        }
    };
    if tokio::time::timeout(patience, idle).await.is_err() {
        tracing::warn!("reports are lost that could not be delivered within {patience:?}");
    }
    let late = format!("it was still on its way after {patience:?}");
    let of_files = all(&FILES).into_iter().map(|file| file.lost(&late));
    let of_posts = all(&POSTS).into_iter().map(|post| post.lost(&late));
    of_files.chain(of_posts).flatten().collect()
}

fn channel<K: Clone + PartialEq, S: Sink>(
    known: &Mutex<Vec<(K, Channel<S>)>>,
    key: &K,
    sink: impl FnOnce(K) -> S,
) -> Channel<S> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, channel)) = known.iter().find(|(other, _)| other == key) {
        return channel.clone();
    }
    let channel = Channel::new(sink(key.clone()));
    known.push((key.clone(), channel.clone()));
    channel
}

fn all<K, S>(known: &Mutex<Vec<(K, Channel<S>)>>) -> Vec<Channel<S>> {
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.iter().map(|(_, channel)| channel.clone()).collect()
}
