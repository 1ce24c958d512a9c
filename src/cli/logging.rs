//! Events of the library on stderr, where asked for.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::printer::Style;

/// Logs to stderr what `RUST_LOG` asks for, or with `verbose` what the library does in detail.
/// Without either nothing is logged and nothing is set up. Tells whether anything may be logged.
pub(super) fn start(verbose: bool) -> bool {
    let asked = asked().or_else(|| verbose.then(|| DETAILED.to_owned()));
    asked.map(subscribe).is_some()
}

/// The same for a command that goes on until it is told to end: without `RUST_LOG` or `verbose` it logs
/// what an operator wants to know.
pub(super) fn start_service(verbose: bool) {
    let usual = if verbose { DETAILED } else { "wa_db=info" };
    subscribe(asked().unwrap_or_else(|| usual.to_owned()));
}

/// What the library does in detail.
const DETAILED: &str = "wa_db=debug";

fn asked() -> Option<String> {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    asked.filter(|asked| !asked.is_empty())
}

fn subscribe(directives: String) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse_lossy(directives)
        .and(others_capped());
    let layer = lines(io::stderr, Style::detect(&io::stderr()).colour).with_filter(filter);
    // A subscriber that is already set stays: this process has one voice.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// What writes events as lines.
fn lines<S, W>(writer: W, colour: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colour)
}

/// The line of an event with this text, as the log of this process would have it without colours.
pub(super) fn line_of(text: &str) -> String {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::registry().with(lines(move || writer.clone(), false));
    tracing::subscriber::with_default(subscriber, || {
        tracing::error!(error = %text, "{text}");
    });
    let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What was written instead of to stderr.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets through of other crates only what is a warning or worse. What drivers log in detail may
/// hold queries, parameters and passwords, whatever `RUST_LOG` says.
fn others_capped() -> FilterFn {
    filter_fn(|metadata: &Metadata<'_>| allowed(metadata.target(), *metadata.level()))
}

fn allowed(target: &str, level: Level) -> bool {
    let ours = target == "wa_db" || target.starts_with("wa_db::");
    ours || level <= Level::WARN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_the_log_holds_the_text_of_an_event() {
        let line = line_of("of the peer");
        assert!(line.contains("ERROR") && line.ends_with('\n'), "{line:?}");
        assert_eq!(line.matches("of the peer").count(), 2, "{line:?}");
        // The formatter alone does not keep a text in its line: what is logged is made safe before.
        assert_eq!(line_of("of\nthe peer").lines().count(), 3);
    }

    #[test]
    fn drivers_never_log_more_than_warnings() {
        for (target, level, expected) in [
            ("wa_db", Level::TRACE, true),
            ("wa_db::connect", Level::DEBUG, true),
            ("mysql_async::conn", Level::DEBUG, false),
            ("tokio_postgres::prepare", Level::INFO, false),
            ("tokio_postgres", Level::WARN, true),
            ("wa_dbx", Level::DEBUG, false),
        ] {
            assert_eq!(allowed(target, level), expected, "{target} {level}");
        }
    }
}
