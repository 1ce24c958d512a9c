//! `PgBouncer` in session mode, verifying the server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use super::{Running, free_port};
use crate::bed::{ACCOUNT, DB, HOST, Target};

pub(crate) struct PgBouncer {
    pub(crate) port: u16,
    _process: Running,
    _directory: TempDir,
}

impl PgBouncer {
    pub(crate) fn start(target: &Target) -> Self {
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        let write = |name: &str, text: String| {
            let file = path.join(name);
            fs::write(&file, text).expect("the directory can be written");
            // It refuses to run as root, and whoever it runs as has to read these.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("our file");
            file
        };
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our directory");
        let users = write(
            "users.txt",
            format!("\"{ACCOUNT}\" \"{}\"\n", target.password),
        );
        let ca = fs::read_to_string(&target.ca_file).expect("the CA file can be read");
        let ca = write("ca.pem", ca);
        let configuration = write(
            "pgbouncer.ini",
            format!(
                "[databases]\n{DB} = host={HOST} port={} dbname={DB}\n\n[pgbouncer]\n\
                 listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = scram-sha-256\nauth_file = {}\npool_mode = session\n\
                 default_pool_size = 100\nmax_client_conn = 1000\nlog_connections = 0\n\
                 log_disconnections = 0\nserver_tls_sslmode = verify-full\n\
                 server_tls_ca_file = {}\n",
                target.port,
                users.display(),
                ca.display()
            ),
        );
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"])
            .args(["--", "pgbouncer", "--quiet"])
            .arg(&configuration);
        let process = Running::start(&mut command, port);
        Self {
            port,
            _process: process,
            _directory: directory,
        }
    }
}
