//! Where and when the figures were taken.

use std::fs;

use crate::bed::Bed;

/// Processor, cores, system and servers, in one paragraph.
pub(crate) fn description(bed: &Bed) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let servers = bed.targets().each_ref().map(|target| target.label.as_str());
    format!(
        "Measured on {cores} cores of {}, Linux {}, {}, against {} on the same machine; load of the \
         machine at the start: {}.\n\
         Every contestant verifies chain and name of the server's certificate. Contestants take turns \
         in every round; ratios are medians of the ratios within a round, so that what the machine does \
         meanwhile weighs on both sides.\n",
        processor(),
        first_line("/proc/sys/kernel/osrelease"),
        openssl(),
        servers.join(", "),
        first_line("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unnamed processor", |(_, name)| name)
        .to_owned()
}

fn openssl() -> String {
    let version = std::process::Command::new("openssl")
        .arg("version")
        .output();
    let printed = version.map(|output| output.stdout).unwrap_or_default();
    let printed = String::from_utf8_lossy(&printed);
    let words: Vec<_> = printed.split(' ').take(2).collect();
    words.join(" ")
}

fn first_line(path: &str) -> String {
    let content = fs::read_to_string(path).unwrap_or_default();
    content.lines().next().unwrap_or("?").to_owned()
}

/// The resident set of a process, by its id or as `self`, in kilobytes.
pub(crate) fn resident(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of kilobytes")
}
