//! PostgreSQL: its data directory, its command line, its accounts.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::home::{Home, RunAs};
use super::options::{Edition, Tls};
use super::programs::{client_program, postgres, run};
use super::{DATABASE, Engine, ServerOptions, USER};

/// A standby goes on with "read-only connections".
pub(super) const READY: &str = "database system is ready to accept";

pub(super) fn initialise(edition: Edition, data: &Path, user: RunAs) -> Result<(), String> {
    let mut initdb = user.command(postgres(edition, "initdb"));
    initdb
        .current_dir("/")
        .arg("-D")
        .arg(data)
        .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust"])
        .args(["--no-sync", "--no-instructions"]);
    run(&mut initdb, "").map(drop)
}

pub(super) fn configure(home: &Home, options: &ServerOptions) {
    let mut hba = options.hba.clone();
    let kind = if options.require_tls {
        "hostssl"
    } else {
        "host"
    };
    hba.push("local all postgres trust".to_owned());
    hba.push("local all all scram-sha-256".to_owned());
    for network in ["127.0.0.1/32", "::1/128"] {
        hba.push(format!("{kind} all all {network} scram-sha-256"));
        hba.push(format!("{kind} replication all {network} scram-sha-256"));
    }
    fs::write(home.data().join("pg_hba.conf"), hba.join("\n") + "\n").unwrap();
}

pub(super) fn command(home: &Home, options: &ServerOptions, port: u16) -> Command {
    let mut command = home.command(&postgres(options.edition, "postgres"));
    command.arg("-D").arg(home.data());
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    let path = |path: std::path::PathBuf| path.display().to_string();
    set("port", &port.to_string());
    set("listen_addresses", "127.0.0.1,::1");
    set("unix_socket_directories", &path(home.run()));
    set("max_connections", "200");
    set("log_connections", "on");
    set("log_disconnections", "on");
    // Nothing here outlives the test, and a killed server must leave no shared memory behind.
    set("fsync", "off");
    set("synchronous_commit", "off");
    set("full_page_writes", "off");
    set("dynamic_shared_memory_type", "mmap");
    set("shared_buffers", "32MB");
    set("autovacuum", "off");
    if let Tls::Presents(_) = options.tls {
        set("ssl", "on");
        set("ssl_cert_file", &path(home.certificate()));
        set("ssl_key_file", &path(home.key()));
        let ciphers = options.ciphers.as_deref();
        set("ssl_ciphers", ciphers.unwrap_or("DEFAULT@SECLEVEL=0"));
        let lowest = options.min_protocol.as_deref().unwrap_or("TLSv1");
        set("ssl_min_protocol_version", lowest);
        let highest = options.max_protocol.as_deref().unwrap_or_default();
        set("ssl_max_protocol_version", highest);
        if options.client_ca.is_some() {
            set("ssl_ca_file", &path(home.client_ca()));
        }
        if options.client_crl.is_some() {
            set("ssl_crl_file", &path(home.client_crl()));
        }
    }
    for (name, value) in &options.settings {
        set(name, value);
    }
    command
}

pub(super) fn client(home: &Home, port: u16, database: Option<&str>) -> Command {
    let mut psql = Command::new(client_program(Engine::Postgres));
    psql.env_clear()
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
        .args(["-U", "postgres", "-d", database.unwrap_or("postgres")])
        .arg("-h")
        .arg(home.run())
        .args(["-p", &port.to_string()]);
    psql
}

pub(super) fn accounts(password: &str) -> String {
    // A server told to be read-only by default still needs its accounts.
    format!(
        "SET default_transaction_read_only = off;\n\
         CREATE ROLE {USER} LOGIN PASSWORD '{password}';\n\
         CREATE DATABASE {DATABASE} OWNER {USER};\n"
    )
}

pub(super) const KILL_BACKENDS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid();";
