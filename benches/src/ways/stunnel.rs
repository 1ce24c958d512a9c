//! stunnel as a client's side of PostgreSQL's STARTTLS.

use std::process::Command;

use tempfile::TempDir;

use super::{Running, free_port};
use crate::bed::{HOST, Target};

pub(crate) struct Stunnel {
    pub(crate) port: u16,
    _process: Running,
    _directory: TempDir,
}

impl Stunnel {
    pub(crate) fn start(target: &Target) -> Self {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("stunnel.conf");
        let configuration = format!(
            "foreground = quiet\npid =\ndebug = 0\n\n[postgres]\nclient = yes\n\
             accept = 127.0.0.1:{port}\nconnect = {HOST}:{}\nprotocol = pgsql\n\
             CAfile = {}\nverifyChain = yes\ncheckHost = {HOST}\n",
            target.port,
            target.ca_file.display()
        );
        std::fs::write(&file, configuration).expect("the directory can be written");
        let process = Running::start(Command::new("stunnel4").arg(&file), port);
        Self {
            port,
            _process: process,
            _directory: directory,
        }
    }
}
