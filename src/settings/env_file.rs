//! The env-file syntax of docker-compose, read line by line.
//!
//! The rules are those of compose v2 (compose-go), which agree with `docker-compose` 1.29
//! (python-dotenv) but for rare corners:
//!
//! - A byte order mark at the start and carriage returns at line ends are dropped.
//! - Blank lines and lines that begin with `#` are skipped; `export ` in front of a name is dropped.
//! - `NAME=value`: white space around the `=` and at the end is dropped. A `#` begins a comment only
//!   after white space, so `a#b` and `#b` are values. Everything after the first `=` belongs to the
//!   value. `NAME: value` is read too, as v2 does.
//! - `NAME` alone lets the value of the process through.
//! - `'…'` keeps everything as it stands but `\'`, which is a quote. (1.29 also reads `\\` as one
//!   backslash here; v2 does not.)
//! - `"…"` knows `\n \r \t \a \b \f \v \\ \" \$`; any other backslash stays.
//! - Quoted values may span lines. After the closing quote only a comment may follow.
//! - The last of several lines for one name counts.
//!
//! `$` is never expanded, so that a password with a dollar sign works as it was typed. Where compose
//! would have expanded it, a warning says so: the containers see another value than `wa-db` does.

use std::path::Path;
use std::str::Chars;

use zeroize::Zeroizing;

use super::fault::{Fault, Warning};
use super::{small_file, variables};
use crate::secret::Secret;

/// What faults of the file name as the variable to change when no variable is at hand.
const FLAG: &str = "--env-file";

/// Larger files are refused: nobody writes a megabyte of variables by hand.
const MAX_BYTES: u64 = 1 << 20;

/// The variables of a file, in its order, and what is odd about it.
#[derive(Debug, Default)]
pub(super) struct EnvFile {
    pub(super) pairs: Vec<(String, Secret)>,
    pub(super) warnings: Vec<Warning>,
}

/// Reads and parses a file.
pub(super) fn read(path: &Path) -> Result<EnvFile, Vec<Fault>> {
    let text = small_file::read_any(FLAG, path, MAX_BYTES).map_err(|fault| vec![fault])?;
    parse(&text).map_err(|lines| lines.iter().map(|line| line.fault(path)).collect())
}

/// A value written so that [`parse`], and compose, read it back as it is.
pub(crate) fn quoted(value: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-:,+%=[]".contains(c);
    if value.chars().all(safe) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\\', '\r']) {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' | '$' => text.extend(['\\', c]),
            '\r' => text.push_str("\\r"),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

/// A line without meaning. Says what is wrong, never what is written there.
#[derive(Debug, PartialEq, Eq)]
struct BadLine {
    line: usize,
    what: &'static str,
    hint: &'static str,
}

impl BadLine {
    fn fault(&self, path: &Path) -> Fault {
        let message = format!(
            "{FLAG}: {}, line {}: {}",
            path.display(),
            self.line,
            self.what
        );
        Fault::invalid(FLAG, message, self.hint)
    }
}

fn parse(text: &str) -> Result<EnvFile, Vec<BadLine>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = EnvFile::default();
    let mut bad = Vec::new();
    let mut reader = Reader {
        rest: text.chars(),
        line: 1,
    };
    while !reader.rest.as_str().is_empty() {
        let line = reader.line;
        match reader.statement() {
            Ok(Some(statement)) => {
                if statement.expands && variables::is_ours(&statement.name) {
                    file.warnings.push(would_expand(&statement.name, line));
                }
                file.pairs.push((statement.name, statement.value));
            }
            Ok(None) => {}
            Err((what, hint)) => bad.push(BadLine { line, what, hint }),
        }
    }
    if bad.is_empty() { Ok(file) } else { Err(bad) }
}

fn would_expand(name: &str, line: usize) -> Warning {
    Warning {
        variable: name.to_owned(),
        message: format!(
            "{name} (line {line} of the env-file) holds a dollar sign that docker-compose would \
             expand; here it is kept as it stands: put the value in single quotes"
        ),
    }
}

struct Statement {
    name: String,
    value: Secret,
    expands: bool,
}

type Trouble = (&'static str, &'static str);

struct Reader<'a> {
    rest: Chars<'a>,
    line: usize,
}

impl<'a> Reader<'a> {
    /// Reads one line, or several when a quoted value spans them. After an error the reader stands
    /// at the start of the next line.
    fn statement(&mut self) -> Result<Option<Statement>, Trouble> {
        let line = self.take_line();
        if line.contains('\0') {
            return Err(("holds a NUL character", "save the file as plain text"));
        }
        let line = line.trim_start();
        if line.trim_end().is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let line = match line.strip_prefix("export") {
            Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
            _ => line,
        };
        let Some(end) = line.find(['=', ':']) else {
            // A name alone: the process's value stays what it is.
            return name(line).map(|_| None);
        };
        let (before, after) = line.split_at(end);
        let name = name(before)?;
        // `=` and `:` are one byte each.
        let value = after[1..].trim_start();
        let (value, expands) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted_value(quote, &value[1..])?,
            _ => unquoted(value),
        };
        Ok(Some(Statement {
            name,
            value,
            expands,
        }))
    }

    /// The rest of the current line, without its end.
    fn take_line(&mut self) -> &'a str {
        let text = self.rest.as_str();
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        self.rest = rest.chars();
        self.line += 1;
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Reads on after an opening quote; `line` is what is left of the line it stands on.
    fn quoted_value(&mut self, quote: char, line: &'a str) -> Result<(Secret, bool), Trouble> {
        let start = (self.rest.clone(), self.line);
        let mut raw = Zeroizing::new(String::new());
        let mut current = line;
        loop {
            if let Some(end) = closing(quote, current) {
                raw.push_str(&current[..end]);
                // Quotes are one byte each.
                let after = current[end + 1..].trim_start();
                if !(after.is_empty() || after.starts_with('#')) {
                    return Err((
                        "text follows the closing quote",
                        "quote the whole value, and write a quote inside it as \\' or \\\"",
                    ));
                }
                break;
            }
            raw.push_str(current);
            if self.rest.as_str().is_empty() {
                // Go on with the line after the one that was never closed.
                (self.rest, self.line) = start;
                return Err((
                    "the quoted value is never closed",
                    "close the quote, or quote the value with the other kind",
                ));
            }
            raw.push('\n');
            current = self.take_line();
        }
        if raw.contains('\0') {
            return Err(("holds a NUL character", "save the file as plain text"));
        }
        Ok(match quote {
            '"' => (double(&raw), expands(&raw)),
            _ => (Secret::new(raw.replace("\\'", "'")), false),
        })
    }
}

/// Where a quote closes in a line, if it does.
fn closing(quote: char, line: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in line.char_indices() {
        if c == quote && !escaped {
            return Some(index);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn name(text: &str) -> Result<String, Trouble> {
    let text = text.trim();
    let fits = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
    if text.is_empty() {
        return Err(("no name stands before the =", "write NAME=value"));
    }
    if !text.chars().all(fits) {
        return Err((
            "the name holds a character that no name can have",
            "write NAME=value; a comment begins with #",
        ));
    }
    Ok(text.to_owned())
}

fn unquoted(text: &str) -> (Secret, bool) {
    let mut end = text.len();
    let mut before = 'x';
    for (index, c) in text.char_indices() {
        if c == '#' && before.is_whitespace() {
            end = index;
            break;
        }
        before = c;
    }
    let value = text[..end].trim_end();
    (Secret::new(value), expands(value))
}

/// Undoes the escapes of double quotes.
fn double(raw: &str) -> Secret {
    let mut text = Zeroizing::new(String::with_capacity(raw.len()));
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let plain = match chars.clone().next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some(same @ ('\\' | '"' | '$')) => same,
            _ => {
                text.push('\\');
                continue;
            }
        };
        chars.next();
        text.push(plain);
    }
    Secret::new(text.as_str())
}

/// Whether compose would find something to expand: `$name`, `${name}` or `$$`.
fn expands(raw: &str) -> bool {
    let mut escaped = false;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        if c == '$' && !escaped && (next.is_ascii_alphabetic() || "_{$".contains(next)) {
            return true;
        }
        escaped = c == '\\' && !escaped;
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::code::ErrorCode;

    fn value_of(text: &str) -> Vec<(String, String)> {
        let file = parse(text).unwrap();
        file.pairs
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect()
    }

    #[test]
    fn each_spelling_of_a_line_gives_the_value_compose_gives() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("export A=b", "b"),
            ("  export\tA = b ", "b"),
            ("A: b", "b"),
            ("A=", ""),
            ("A=   ", ""),
            ("A=b=c==", "b=c=="),
            ("A=b#c", "b#c"),
            ("A=#c", "#c"),
            ("A=b #c", "b"),
            ("A=b\t# c", "b"),
            ("A=b c  ", "b c"),
            ("A=pa$word", "pa$word"),
            ("A=pa${x:-y}$$", "pa${x:-y}$$"),
            ("A=\"b c\" # d", "b c"),
            ("A='b c'# d", "b c"),
            ("A=\"b #c\"", "b #c"),
            ("A=\"\"", ""),
            ("A=''", ""),
            ("A='b\\nc$d\"'", "b\\nc$d\""),
            ("A='it\\'s'", "it's"),
            ("A=\"a\\\"b\\\\c\\nd\\te\\$f\\x\"", "a\"b\\c\nd\te$f\\x"),
            ("A=\"one\ntwo\"", "one\ntwo"),
            ("A='one\r\ntwo'\n", "one\ntwo"),
            ("A=b'c\"", "b'c\""),
            ("A=grün", "grün"),
        ] {
            assert_eq!(
                value_of(line),
                [("A".to_owned(), expected.to_owned())],
                "{line:?}"
            );
        }
    }

    #[test]
    fn lines_without_a_value_are_passed_over() {
        for text in [
            "",
            "\n\n",
            "# A=b",
            "   # c",
            "A",
            "export A\n",
            "\r\n",
            "  \t",
        ] {
            assert!(value_of(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn every_bad_line_is_told_by_its_number_and_without_its_text() {
        let text = "A=1\n=hunter2\nB='hunter2\nC=\"hunter2\" hunter2\nhun ter2\nD=\0hunter2\nE=2";
        let bad = parse(text).unwrap_err();
        let lines: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert!(!format!("{bad:?}").contains("hunter2"));
    }

    #[test]
    fn a_dollar_sign_that_compose_would_expand_is_warned_of() {
        for (text, warned) in [
            ("WA_DB_PASSWORD=a$b", true),
            ("WA_DB_PASSWORD=\"a${b}\"", true),
            ("WA_DB_PASSWORD=a$$b", true),
            ("WA_DB_PASSWORD=\"a\\$b\"", false),
            ("WA_DB_PASSWORD='a$b'", false),
            ("WA_DB_PASSWORD=a$1", false),
            ("OTHER=a$b", false),
        ] {
            assert_eq!(!parse(text).unwrap().warnings.is_empty(), warned, "{text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_fault_of_the_flag() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        for (path, code) in [
            (dir.path().join("missing"), ErrorCode::FileMissing),
            (dir.path().to_owned(), ErrorCode::FileUnreadable),
            (binary, ErrorCode::FileUnreadable),
        ] {
            let faults = read(&path).unwrap_err();
            assert_eq!((faults.len(), faults[0].code), (1, code));
            assert!(faults[0].message.contains(FLAG));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "(?s).{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn text_made_of_the_syntax_is_parsed_without_a_panic(text in "[A='\"\\\\#$ \n\r:\0é]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_quoted_value_is_read_back_as_it_was(value in "[^\0]{0,60}") {
            let line = format!("A={}", quoted(&value));
            prop_assert_eq!(value_of(&line), [("A".to_owned(), value)]);
        }
    }
}
