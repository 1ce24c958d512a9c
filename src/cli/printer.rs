//! The one way to stdout and stderr: [`Printer`]. All text that passes through it is sanitized.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;

use terminal_size::{Width, terminal_size_of};

use super::sanitize::{sanitize, sanitize_json};
use super::wrap::wrap;

/// What a piece of text means; how that looks is up to the [`Style`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Faint,
    Good,
    Caution,
    Bad,
    Hint,
}

impl Paint {
    /// The parameters of the SGR escape sequence.
    fn sgr(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Good => Some("32"),
            Self::Caution => Some("1;33"),
            Self::Bad => Some("1;31"),
            Self::Hint => Some("36"),
        }
    }
}

/// What the reader's terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Whether to write colours.
    pub(super) colour: bool,
    /// Whether it shows more than ASCII.
    pub(super) unicode: bool,
    /// How many columns it has; `None` where it is no terminal, and nothing is broken into lines.
    pub(super) width: Option<usize>,
}

impl Style {
    /// The style for a stream: colour only on a terminal, unless `NO_COLOR` or `TERM=dumb` says
    /// otherwise; marks outside ASCII only in a UTF-8 locale.
    pub(super) fn detect(stream: &(impl IsTerminal + AsFd)) -> Self {
        let size = terminal_size_of(stream);
        Self {
            width: size.map(|(Width(columns), _)| columns.into()),
            ..Self::of(stream.is_terminal(), |name| std::env::var_os(name))
        }
    }

    fn of(terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default();
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        Self {
            colour: terminal && !dumb && set("NO_COLOR").is_none(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            width: None,
        }
    }
}

/// Writes text to a stream, in a style.
pub(super) struct Printer<'a> {
    out: &'a mut dyn Write,
    style: Style,
}

impl<'a> Printer<'a> {
    /// A printer onto this stream.
    pub(super) fn new(out: &'a mut dyn Write, style: Style) -> Self {
        Self { out, style }
    }

    /// The style it writes in.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// Writes a piece of a line.
    pub(super) fn put(&mut self, paint: Paint, text: &str) -> io::Result<()> {
        let text = sanitize(text);
        match paint
            .sgr()
            .filter(|_| self.style.colour && !text.is_empty())
        {
            Some(sgr) => write!(self.out, "\x1b[{sgr}m{text}\x1b[0m"),
            None => self.out.write_all(text.as_bytes()),
        }
    }

    /// Ends the line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// Writes a whole line.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.put(Paint::Plain, text)?;
        self.end()
    }

    /// Writes `label: message`, as warnings and notes look everywhere. On a terminal a long message
    /// is broken into lines that stand below each other.
    pub(super) fn labelled(
        &mut self,
        indent: &str,
        paint: Paint,
        label: &str,
        message: &str,
    ) -> io::Result<()> {
        self.put(Paint::Plain, indent)?;
        let label = format!("{label}:");
        self.put(paint, &label)?;
        let text = sanitize(message);
        let text = text.trim_start();
        // What a message begins with in blanks puts it below that of another label.
        let blanks = 1 + message.len() - message.trim_start().len();
        let hang = indent.len() + label.len() + blanks;
        let lines = match self.style.width {
            Some(width) => wrap(text, hang, width),
            None => vec![text],
        };
        for (index, line) in lines.into_iter().enumerate() {
            let before = if index == 0 { blanks } else { hang };
            self.put(Paint::Plain, &format!("{:before$}{line}", ""))?;
            self.end()?;
        }
        Ok(())
    }

    /// Writes an error, and below it what to do next.
    pub(super) fn fault(&mut self, indent: &str, message: &str, hint: &str) -> io::Result<()> {
        self.labelled(indent, Paint::Bad, "error", message)?;
        if hint.is_empty() {
            return Ok(());
        }
        // The second blank puts the texts of error and hint below each other.
        self.labelled(indent, Paint::Hint, "hint", &format!(" {hint}"))
    }

    /// Writes a value as JSON and ends the line.
    pub(super) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let json = serde_json::to_string_pretty(value)?;
        self.out.write_all(sanitize_json(&json).as_bytes())?;
        self.end()
    }
}

/// Prints to stdout, where the data goes.
pub(super) fn to_stdout(print: impl FnOnce(&mut Printer<'_>) -> io::Result<()>) -> io::Result<()> {
    let stdout = io::stdout().lock();
    let style = Style::detect(&stdout);
    let mut out = BufWriter::new(stdout);
    print(&mut Printer::new(&mut out, style))?;
    out.flush()
}

/// Prints to stderr, where everything else goes. If that fails there is nobody left to tell.
pub(super) fn to_stderr(print: impl FnOnce(&mut Printer<'_>) -> io::Result<()>) {
    let mut stderr = io::stderr();
    let style = Style::detect(&stderr);
    let _ = print(&mut Printer::new(&mut stderr, style));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn style(terminal: bool, environment: &[(&str, &str)]) -> Style {
        Style::of(terminal, |wanted| {
            let pair = environment.iter().find(|(name, _)| *name == wanted)?;
            Some(pair.1.into())
        })
    }

    #[test]
    fn colour_is_for_terminals_that_did_not_refuse_it() {
        for (terminal, environment, colour) in [
            (true, &[][..], true),
            (true, &[("NO_COLOR", "")], true),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("TERM", "dumb")], false),
            (false, &[("TERM", "xterm-256color")], false),
        ] {
            assert_eq!(
                style(terminal, environment).colour,
                colour,
                "{environment:?}"
            );
        }
    }

    #[test]
    fn marks_outside_ascii_need_a_utf8_locale_and_the_first_variable_that_is_set_decides() {
        for (environment, unicode) in [
            (&[][..], false),
            (&[("LANG", "en_GB.UTF-8")], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")], false),
            (&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")], true),
        ] {
            assert_eq!(style(true, environment).unicode, unicode, "{environment:?}");
        }
    }

    #[test]
    fn text_is_sanitized_and_painted_only_in_colour() {
        for (colour, expected) in [
            (true, "\x1b[1;31merror\\u{1b}\x1b[0m"),
            (false, "error\\u{1b}"),
        ] {
            let mut out = Vec::new();
            let style = Style {
                colour,
                unicode: true,
                width: None,
            };
            Printer::new(&mut out, style)
                .put(Paint::Bad, "error\x1b")
                .unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn long_messages_hang_below_their_beginning_on_a_terminal_and_stay_whole_elsewhere() {
        for (width, expected) in [
            (
                Some(40),
                "  error: the first line and the second\n         line\n  hint:  what to do, which is as long as\n         this\n",
            ),
            (
                None,
                "  error: the first line and the second line\n  hint:  what to do, which is as long as this\n",
            ),
        ] {
            let mut out = Vec::new();
            let style = Style {
                width,
                ..style(false, &[])
            };
            Printer::new(&mut out, style)
                .fault(
                    "  ",
                    "the first line and the second line",
                    "what to do, which is as long as this",
                )
                .unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
