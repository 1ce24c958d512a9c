//! A line on the terminal that tells what a slow check is doing: [`Indicator`].

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::printer::Style;
use super::sanitize::sanitize;
use crate::check::Progress;

/// How long something may take before anything is drawn.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn again.
const FRAME: Duration = Duration::from_millis(120);
/// Characters shown of what is being done: a line that wraps could not be taken away again.
const WIDEST: usize = 64;
/// Back to the first column, and everything after it erased.
const CLEAR: &[u8] = b"\r\x1b[K";

/// Draws on stderr, if that is a terminal, once a check takes longer than a second. Dropping it
/// takes the line away again.
pub(super) struct Indicator {
    thread: Option<(Sender<Progress>, JoinHandle<()>)>,
}

impl Indicator {
    /// An indicator on stderr; one that never draws if stderr is no terminal.
    fn start() -> Self {
        if !io::stderr().is_terminal() {
            return Self::absent();
        }
        Self::draw_on(io::stderr(), Style::detect(&io::stderr()), PATIENCE)
    }

    /// An indicator on stderr, or none where log lines are printed there: they do not go together with a
    /// line that is drawn over itself.
    pub(super) fn beside(logging: bool) -> Self {
        if logging {
            Self::absent()
        } else {
            Self::start()
        }
    }

    /// An indicator that never draws.
    fn absent() -> Self {
        Self { thread: None }
    }

    fn draw_on(mut out: impl Write + Send + 'static, style: Style, patience: Duration) -> Self {
        let (sender, receiver) = mpsc::channel();
        let draw = move || {
            let mut line = Line {
                started: Instant::now(),
                frames: frames(style),
                frame: 0,
            };
            let mut latest = None;
            let mut wait = patience;
            let mut drawn = false;
            loop {
                match receiver.recv_timeout(wait) {
                    Ok(progress) => {
                        latest = Some(progress);
                        wait = wait.min(patience.saturating_sub(line.started.elapsed()));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        // A terminal that is gone is no reason to fail a check.
                        let _ = out.write_all(CLEAR);
                        let _ = out.write_all(line.text(latest.as_ref()).as_bytes());
                        let _ = out.flush();
                        drawn = true;
                        wait = FRAME;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if drawn {
                let _ = out.write_all(CLEAR);
                let _ = out.flush();
            }
        };
        // Without a thread there is no indicator, and the check goes on.
        let thread = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(draw);
        Self {
            thread: thread.ok().map(|thread| (sender, thread)),
        }
    }

    /// Tells what is being done now.
    pub(super) fn show(&self, progress: Progress) {
        if let Some((sender, _)) = &self.thread {
            let _ = sender.send(progress);
        }
    }
}

impl Drop for Indicator {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn frames(style: Style) -> &'static [char] {
    if style.unicode {
        &['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
    } else {
        &['-', '\\', '|', '/']
    }
}

struct Line {
    started: Instant,
    frames: &'static [char],
    frame: usize,
}

impl Line {
    /// The next frame.
    fn text(&mut self, latest: Option<&Progress>) -> String {
        let frame = self
            .frames
            .get(self.frame % self.frames.len())
            .copied()
            .unwrap_or(' ');
        self.frame += 1;
        let seconds = self.started.elapsed().as_secs();
        let Some(progress) = latest else {
            return format!("{frame} {seconds} s");
        };
        let endpoint = progress
            .endpoint
            .as_ref()
            .map(|endpoint| format!(" {endpoint}"));
        let attempt = match progress.attempt {
            0 | 1 => String::new(),
            attempt => format!(", attempt {attempt}"),
        };
        let Progress { role, stage, .. } = progress;
        let what = format!("{role}{}: {stage}{attempt}", endpoint.unwrap_or_default());
        let what: String = sanitize(&what).chars().take(WIDEST).collect();
        format!("{frame} {what} ({seconds} s)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::code::Stage;
    use crate::endpoint::{Endpoint, Host};
    use crate::settings::Role;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn progress() -> Progress {
        Progress {
            role: Role::Webapp,
            endpoint: Some(Endpoint::new(Host::Name("db\u{1b}.lab".to_owned()), 5432)),
            stage: Stage::Connect,
            attempt: 3,
            waiting: None,
        }
    }

    const STYLE: Style = Style {
        colour: false,
        unicode: false,
        width: None,
    };

    #[test]
    fn quick_check_draws_nothing() {
        let screen = Screen::default();
        let indicator = Indicator::draw_on(screen.clone(), STYLE, Duration::from_secs(600));
        indicator.show(progress());
        drop(indicator);
        assert_eq!(screen.text(), "");
    }

    #[test]
    fn slow_check_draws_its_stage_and_clears_the_line_at_the_end() {
        let screen = Screen::default();
        let indicator = Indicator::draw_on(screen.clone(), STYLE, Duration::ZERO);
        indicator.show(progress());
        let expected = "webapp db\\u{1b}.lab:5432: connect, attempt 3 (0 s)";
        let deadline = Instant::now() + Duration::from_secs(10);
        while !screen.text().contains(expected) && Instant::now() < deadline {
            thread::yield_now();
        }
        drop(indicator);
        let text = screen.text();
        assert!(text.contains(expected), "{text:?}");
        assert!(text.ends_with("\r\x1b[K"), "{text:?}");
    }
}
