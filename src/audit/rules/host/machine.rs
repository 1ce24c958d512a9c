//! Rules about this machine and this process.

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;

pub(in crate::audit::rules) const RULES: &[Rule] = &[ROOT, CORE_DUMPS, LOG_FORGEABLE];

const ROOT: Rule = Rule {
    id: "host-root",
    title: "this runs as root",
    severity: Severity::Medium,
    also: &[Severity::Low],
    why: "Whatever takes the process over owns the machine; in a container it owns the container, and is one flaw of \
          the kernel away from the machine. Nothing here needs it.",
    fix: "Run it as a user of its own: User= in a systemd unit, USER in a Dockerfile, user: in a compose file.",
    look: root,
};

const CORE_DUMPS: Rule = Rule {
    id: "host-core-dumps",
    title: "a crash writes passwords to disk",
    severity: Severity::Low,
    also: &[],
    why: "A core dump is a copy of the memory of a process, with passwords and private keys, and stays where it was \
          written. Where /proc/sys/kernel/core_pattern begins with a pipe, the program behind it is given the copy \
          even if the limit is 0, and few programs ask for the limit.",
    fix: "Set the limit to nothing: ulimit -c 0, LimitCORE=0 in a systemd unit, --ulimit core=0 for a container. \
          Where core_pattern names a program that does not honour it, name another: sysctl kernel.core_pattern=core.",
    look: core_dumps,
};

const LOG_FORGEABLE: Rule = Rule {
    id: "host-log-forgeable",
    title: "a server can write lines of its own into the log",
    severity: Severity::Medium,
    also: &[],
    why: "Whoever reads the log, or alarms that follow it, then believe what the server wants; escape sequences even \
          steer the terminal it is shown in.",
    fix: "This is a defect of wa-db: report it with the version. Until it is repaired, do not show the log in a terminal.",
    look: log_forgeable,
};

fn root(seen: &Evidence<'_>) -> Vec<Observation> {
    if !seen.machine.is_root {
        return Vec::new();
    }
    let (what, severity) = if seen.machine.is_container {
        ("the effective user is 0, in a container", Severity::Low)
    } else {
        ("the effective user is 0", Severity::Medium)
    };
    let fix = "run it as a user of its own: User= in a systemd unit, USER in a Dockerfile, user: in a compose file";
    vec![Observation::new(what, fix).at(severity)]
}

fn core_dumps(seen: &Evidence<'_>) -> Vec<Observation> {
    let destination = seen.machine.core_dumps.iter();
    let observed = destination.map(|destination| {
        Observation::new(
            format!("core dumps are on and go {destination}"),
            "ulimit -c 0 before the start, LimitCORE=0 in a systemd unit, --ulimit core=0 for a container; where a \
             program is given them whatever the limit: sysctl kernel.core_pattern=core",
        )
    });
    observed.collect()
}

fn log_forgeable(seen: &Evidence<'_>) -> Vec<Observation> {
    let forgeries = &seen.machine.forgeries;
    if forgeries.is_empty() {
        return Vec::new();
    }
    vec![Observation::new(
        format!("what gets through: {}", forgeries.join(", ")),
        "report this with the output of wa-db --version; do not show the log in a terminal until then",
    )]
}

#[cfg(test)]
mod tests {
    use super::{CORE_DUMPS, LOG_FORGEABLE, ROOT};
    use crate::audit::fixtures::{VARIABLES, looked};
    use crate::audit::severity::Severity;

    #[test]
    fn root_is_less_bad_in_a_container_and_another_user_is_no_finding() {
        for (is_root, is_container, expected) in [
            (false, false, None),
            (false, true, None),
            (true, true, Some(Severity::Low)),
            (true, false, Some(Severity::Medium)),
        ] {
            let found = looked(&ROOT, &VARIABLES, |seen| {
                seen.machine.is_root = is_root;
                seen.machine.is_container = is_container;
            });
            let severity = found.first().and_then(|found| found.severity);
            assert_eq!(severity, expected, "{is_root} {is_container}");
        }
    }

    #[test]
    fn core_dump_is_found_with_where_it_goes() {
        assert_eq!(looked(&CORE_DUMPS, &VARIABLES, |_| {}), []);
        let found = looked(&CORE_DUMPS, &VARIABLES, |seen| {
            seen.machine.core_dumps = Some("into a file core".to_owned());
        });
        assert_eq!(
            found[0].evidence,
            "core dumps are on and go into a file core"
        );
    }

    #[test]
    fn forgery_that_got_through_is_named_and_none_is_no_finding() {
        assert_eq!(looked(&LOG_FORGEABLE, &VARIABLES, |_| {}), []);
        let found = looked(&LOG_FORGEABLE, &VARIABLES, |seen| {
            seen.machine.forgeries = vec!["a line of its own", "an escape"];
        });
        assert_eq!(
            found[0].evidence,
            "what gets through: a line of its own, an escape"
        );
    }
}
