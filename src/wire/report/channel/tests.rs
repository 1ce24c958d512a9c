#![allow(clippy::unwrap_used)]

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::{Instant, timeout};
use wa_db_lab::pki::Ca;

use super::*;
use crate::code::ErrorCode;
use crate::wire::report::fixtures;

/// A sink that answers as it was told, one answer a delivery, and the last one for ever.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    delivered: Vec<Instant>,
}

#[derive(Clone, Copy)]
enum Answer {
    Takes,
    Later,
    Refuses,
    /// Takes a minute.
    Hangs,
}

impl Scripted {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let sink = Self::default();
        sink.0.lock().unwrap().answers.extend(answers);
        sink
    }

    /// When each delivery was tried.
    fn tried(&self) -> Vec<Instant> {
        self.0.lock().unwrap().delivered.clone()
    }
}

impl Sink for Scripted {
    const NAME: &'static str = "scripted";
    const VARIABLE: &'static str = "WA_DB_SSL_REPORT_FILE";

    async fn deliver(&self, _: &Report) -> Result<(), Undelivered> {
        let answer = {
            let mut script = self.0.lock().unwrap();
            script.delivered.push(Instant::now());
            match script.answers.len() {
                0 => Answer::Takes,
                1 => script.answers[0],
                _ => script.answers.pop_front().unwrap(),
            }
        };
        match answer {
            Answer::Takes => Ok(()),
            Answer::Later => Err(Undelivered::Perhaps("later".to_owned())),
            Answer::Refuses => Err(Undelivered::Never("never".to_owned())),
            Answer::Hangs => {
                sleep(Duration::from_secs(60)).await;
                Ok(())
            }
        }
    }
}

/// A report of a certificate that no other report is about.
fn fresh(ca: &Ca) -> Arc<Report> {
    Arc::new(fixtures::report(ca, ErrorCode::PinMismatch, true).0)
}

fn ca() -> Ca {
    Ca::root("Lab CA")
}

/// How often each outcome was counted.
fn outcomes(recorder: &DebuggingRecorder) -> Vec<(String, u64)> {
    let mut found: Vec<_> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "wa_db_reports_total")
        .map(|(key, _, _, value)| {
            let labels = key.key().labels();
            let outcome = labels
                .clone()
                .find(|label| label.key() == "outcome")
                .map(|label| label.value().to_owned());
            let DebugValue::Counter(count) = value else {
                unreachable!("a counter")
            };
            (outcome.unwrap(), count)
        })
        .collect();
    found.sort();
    found
}

#[tokio::test(start_paused = true)]
async fn a_report_is_sent_once_an_interval_however_often_it_is_made() {
    let sink = Scripted::default();
    let channel = Channel::new(sink.clone());
    let report = fresh(&ca());
    for _ in 0..100 {
        channel.send(&report);
        channel.idle().await;
    }
    assert_eq!(sink.tried().len(), 1);
    sleep(super::super::recent::INTERVAL).await;
    channel.send(&report);
    channel.idle().await;
    assert_eq!(sink.tried().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_is_tried_again_with_pauses_that_grow_and_only_so_often() {
    let sink = Scripted::answering([Answer::Later]);
    let channel = Channel::new(sink.clone());
    let report = fresh(&ca());
    channel.send(&report);
    channel.idle().await;
    let tried = sink.tried();
    assert_eq!(tried.len(), usize::try_from(ATTEMPTS).unwrap());
    let mut pause = FIRST_PAUSE;
    for pair in tried.windows(2) {
        let waited = pair[1] - pair[0];
        // Timers tick in milliseconds.
        let tick = Duration::from_millis(2);
        assert!(
            waited + tick >= pause.mul_f64(0.75),
            "{waited:?}, {pause:?}"
        );
        assert!(
            waited <= pause.mul_f64(1.25) + tick,
            "{waited:?}, {pause:?}"
        );
        pause *= 2;
    }
    // It came nowhere, so that the next one like it is not passed over.
    channel.send(&report);
    channel.idle().await;
    assert_eq!(sink.tried().len(), 2 * tried.len());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_comes_back_gets_the_report_and_one_that_refuses_is_not_asked_again() {
    for (answers, tries) in [
        (vec![Answer::Later, Answer::Later, Answer::Takes], 3),
        (vec![Answer::Refuses, Answer::Takes], 1),
    ] {
        let sink = Scripted::answering(answers);
        let channel = Channel::new(sink.clone());
        channel.send(&fresh(&ca()));
        channel.idle().await;
        assert_eq!(sink.tried().len(), tries);
    }
}

#[test]
fn a_sink_that_hangs_holds_up_nobody_and_the_queue_stays_bounded() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let ca = ca();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let sink = Scripted::answering([Answer::Hangs]);
            let channel = Channel::new(sink.clone());
            let start = Instant::now();
            channel.send(&fresh(&ca));
            tokio::task::yield_now().await;
            assert_eq!(sink.tried().len(), 1, "the first hangs in the sink");
            for _ in 0..QUEUE + 7 {
                channel.send(&fresh(&ca));
            }
            assert_eq!(start.elapsed(), Duration::ZERO);
            assert_eq!(channel.0.state().queue.len(), QUEUE);
            timeout(Duration::from_secs(2), channel.idle())
                .await
                .unwrap_err();
        });
    });
    assert_eq!(outcomes(&recorder), [("dropped".to_owned(), 7)]);
}

#[tokio::test(start_paused = true)]
async fn reports_that_came_nowhere_are_told_once_and_so_are_those_still_on_their_way() {
    let ca = ca();
    for (answers, sent, expected) in [
        (vec![Answer::Takes], 2, None),
        (vec![Answer::Refuses, Answer::Takes], 2, Some((1, "never"))),
        (vec![Answer::Later], 2, Some((2, "later"))),
        // One hangs, one waits behind it.
        (vec![Answer::Hangs], 2, Some((2, "too late"))),
        (
            vec![Answer::Refuses, Answer::Hangs],
            2,
            Some((2, "too late")),
        ),
    ] {
        let channel = Channel::new(Scripted::answering(answers));
        for _ in 0..sent {
            channel.send(&fresh(&ca));
        }
        let _ = timeout(Duration::from_secs(45), channel.idle()).await;
        let lost = channel.lost("too late");
        let lost = lost.as_ref().map(|lost| (lost.count, &*lost.why));
        assert_eq!(lost, expected);
        let again = channel.lost("too late").map_or(0, |lost| lost.count);
        let hanging = expected.map_or(0, |(count, why)| if why == "too late" { count } else { 0 });
        assert!(again <= hanging, "{again}");
    }
}

#[test]
fn every_outcome_is_counted() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let ca = ca();
    metrics::with_local_recorder(&recorder, || {
        let channel = Channel::new(Scripted::answering([
            Answer::Takes,
            Answer::Refuses,
            Answer::Takes,
        ]));
        let reports = [fresh(&ca), fresh(&ca)];
        // Without a runtime there is nobody to send it, and that breaks nothing.
        channel.send(&reports[0]);
        runtime.block_on(async {
            for report in [&reports[0], &reports[0], &reports[1], &reports[1]] {
                channel.send(report);
                channel.idle().await;
            }
        });
    });
    let expected = [
        ("dropped", 1),
        ("failed", 1),
        ("sent", 2),
        ("suppressed", 1),
    ];
    let expected = expected.map(|(outcome, times)| (outcome.to_owned(), times));
    assert_eq!(outcomes(&recorder), expected);
}

#[test]
fn reports_that_a_runtime_left_behind_are_sent_on_the_next_one() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let ca = ca();
    let sink = Scripted::default();
    let channel = Channel::new(sink.clone());
    let first = runtime();
    first.block_on(async { channel.send(&fresh(&ca)) });
    drop(first);
    assert_eq!(sink.tried().len(), 0, "it ended before it came to that");
    runtime().block_on(channel.idle());
    assert_eq!(sink.tried().len(), 1);
}
