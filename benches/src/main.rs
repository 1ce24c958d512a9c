//! Measures wa-db side by side with bare drivers, other pools and the servers' own clients, against
//! real servers and with every contestant verifying them.
//!
//! Prints Markdown to standard output and what it is doing to standard error. Arguments choose tables
//! by name (`connect checkout load cold process memory relay tunnel sessions bulk idle`); without any, all are measured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what this program prints is its purpose, and what it cannot measure ends it"
)]

mod bed;
mod machine;
mod measure;
mod peers;
mod pgbench;
mod programs;
mod report;
mod scenarios;
mod ways;

use bed::Bed;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use scenarios::{SCENARIOS, memory};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == memory::CHILD)
    {
        memory::child(&arguments[1..]).await;
        return;
    }
    let known = SCENARIOS.map(|scenario| scenario.name);
    if let Some(unknown) = arguments
        .iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        eprintln!(
            "there is no table {unknown}; there are: {}",
            known.join(", ")
        );
        std::process::exit(2);
    }
    raise_file_limit();
    let bed = Bed::start();
    println!("{}", machine::description(&bed));
    for scenario in SCENARIOS {
        if arguments.is_empty() || arguments.iter().any(|name| name == scenario.name) {
            eprintln!("measuring: {}", scenario.name);
            println!("{}", (scenario.run)(&bed).await);
        }
    }
}

/// Thousands of sessions need as many files here and twice as many in the tunnel, which inherits it.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, all).expect("a process may use what it is allowed");
}
