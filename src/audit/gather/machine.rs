//! Looks at this machine and this process: [`Machine`].

use std::fs;
use std::path::Path;

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, geteuid, getrlimit};
use time::Date;

use crate::audit::support_table::Day;
use crate::failure::printable;

/// Where the kernel says what becomes of a core dump: core(5).
const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The program that keeps no dump of a process whose limit is 0: systemd-coredump(8). Others are given the
/// memory and may do with it as they like; apport, for one, still puts it into its report.
const HONOURS_THE_LIMIT: &str = "systemd-coredump";

/// What container engines leave in the root of a container.
const CONTAINER_MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Writes an event with a text into the log: the line that comes of it.
pub type LogLine = fn(&str) -> String;

/// What was seen of this machine and process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::audit) struct Machine {
    pub(in crate::audit) today: Day,
    pub(in crate::audit) is_root: bool,
    pub(in crate::audit) is_container: bool,
    /// Where a core dump of this process would go; `None` where there would be none.
    pub(in crate::audit) core_dumps: Option<String>,
    /// What a server could do to our log.
    pub(in crate::audit) forgeries: Vec<&'static str>,
}

/// Looks at this machine and process.
pub(super) fn look(log_line: LogLine, today: Date) -> Machine {
    Machine {
        today: (today.year(), today.month().into(), today.day()),
        is_root: geteuid().is_root(),
        is_container: CONTAINER_MARKS.iter().any(|mark| Path::new(mark).exists()),
        core_dumps: core_dumps(),
        forgeries: forgeries(log_line),
    }
}

fn core_dumps() -> Option<String> {
    let soft = getrlimit(Resource::Core).current;
    let is_dumpable = dumpable_behavior().is_ok_and(|how| how != DumpableBehavior::NotDumpable);
    if !is_dumpable {
        return None;
    }
    let pattern = fs::read_to_string(CORE_PATTERN).unwrap_or_default();
    destination(pattern.trim_end(), soft)
}

/// Where a core pattern leads under a limit, in words; `None` where nothing is dumped. An empty one makes no
/// file, but for a process that adds its id. A program is given the dump whatever the limit is, unless that is
/// 1, by which the kernel knows the program itself.
fn destination(pattern: &str, limit: Option<u64>) -> Option<String> {
    match pattern.strip_prefix('|') {
        Some(program) => {
            let program = program.split_whitespace().next().unwrap_or_default();
            let name = Path::new(program).file_name().unwrap_or_default();
            let is_off = limit == Some(1) || (limit == Some(0) && name == HONOURS_THE_LIMIT);
            (!is_off).then(|| format!("to the program {}", printable(program)))
        }
        None if pattern.is_empty() || limit == Some(0) => None,
        None => Some(format!("into a file {}", printable(pattern))),
    }
}

/// Found again in the line, or the line proves nothing.
const MARK: &str = "wa-db-self-test";

/// What servers might say to forge a line of our log, and what it would come to.
const ATTEMPTS: [(&str, &str); 5] = [
    (
        "a line of its own",
        "\n2026-01-01T00:00:00Z  INFO wa_db: all is well",
    ),
    (
        "a line over ours",
        "\r2026-01-01T00:00:00Z  INFO wa_db: all is well",
    ),
    ("an escape sequence for the terminal", "\u{1b}[2K\u{1b}[1A"),
    ("an escape sequence in one character", "\u{9b}2K\u{85}"),
    (
        "characters that turn or hide what follows",
        "\u{202e}\u{2066}\u{200b}\u{2028}",
    ),
];

/// Which of the attempts get through what every text of a server goes through before it is logged.
fn forgeries(log_line: LogLine) -> Vec<&'static str> {
    let gets_through = |text: &str| {
        let line = log_line(&printable(&format!("{MARK}{text}")));
        let line = line.strip_suffix('\n').unwrap_or(&line);
        !line.contains(MARK) || line.contains(steers)
    };
    let through = ATTEMPTS.iter().filter(|(_, text)| gets_through(text));
    through.map(|(what, _)| *what).collect()
}

/// Whether a character does more than to be shown.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{ATTEMPTS, destination, forgeries};

    #[test]
    fn core_pattern_says_where_a_dump_goes() {
        let systemd = "|/usr/lib/systemd/systemd-coredump %P %u";
        let to_systemd = Some("to the program /usr/lib/systemd/systemd-coredump");
        for (pattern, limit, expected) in [
            ("core", None, Some("into a file core")),
            ("core", Some(0), None),
            (
                "/var/crash/core.%p",
                Some(4096),
                Some("into a file /var/crash/core.%p"),
            ),
            (systemd, None, to_systemd),
            (systemd, Some(4096), to_systemd),
            (systemd, Some(0), None),
            ("|/bin/keep %p", Some(0), Some("to the program /bin/keep")),
            ("|/bin/keep %p", Some(1), None),
            ("|/bin/keep %p", None, Some("to the program /bin/keep")),
            ("", None, None),
        ] {
            let found = destination(pattern, limit);
            assert_eq!(found.as_deref(), expected, "{pattern} {limit:?}");
        }
    }

    #[test]
    fn log_that_keeps_a_text_in_its_line_cannot_be_forged() {
        assert_eq!(
            forgeries(|text| format!("WARN wa_db: failed error={text}\n")),
            [""; 0]
        );
    }

    #[test]
    fn log_that_undoes_our_escapes_or_loses_the_text_is_found() {
        let every: Vec<_> = ATTEMPTS.iter().map(|(what, _)| *what).collect();
        assert_eq!(forgeries(|_| "WARN wa_db: failed\n".to_owned()), every);
        assert_eq!(forgeries(|text| format!("{text}\nand more\n")), every);
        let line = ["a line of its own"];
        assert_eq!(
            forgeries(|text| format!("{}\n", text.replace("\\n", "\n"))),
            line
        );
        let escape = ["an escape sequence for the terminal"];
        assert_eq!(forgeries(|text| text.replace("\\u{1b}", "\u{1b}")), escape);
    }
}
