//! From an empty directory to a running server, and back.

use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;

use super::home::{self, Home};
use super::keeper::Keeper;
use super::options::Tls;
use super::process::Process;
use super::{Engine, Server, ServerOptions, State, mysql, postgres, programs, template};
use crate::pki::write_file;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

impl Server {
    /// Starts a server and waits until it takes connections.
    pub fn start(engine: Engine, options: ServerOptions) -> Self {
        let home = Home::new();
        let keeper = Keeper::of(home.root(), engine.last_signal_name());
        let program = match engine {
            Engine::Postgres => programs::postgres(options.edition, "postgres"),
            _ => mysql::server_program(engine),
        };
        let version = programs::version_of(&program);
        let name = format!("{engine:?}-{version}").to_lowercase();
        template::copy(&name, &home, |data, user| match engine {
            Engine::Postgres => postgres::initialise(options.edition, data, user),
            _ => mysql::initialise(engine, data, user),
        });
        let mut server = Self {
            engine,
            options,
            port: 0,
            password: password(),
            version,
            state: Mutex::new(State {
                process: None,
                keeper,
            }),
            home,
        };
        server.write_files();
        server.start_on_a_free_port();
        server.create_accounts();
        server
    }

    /// Starts one server of each engine at once, in the order of [`Engine::ALL`].
    pub fn start_all(options: &ServerOptions) -> [Self; 3] {
        std::thread::scope(|scope| {
            let starting = Engine::ALL.map(|engine| {
                let options = options.clone();
                scope.spawn(move || Self::start(engine, options))
            });
            starting.map(|thread| match thread.join() {
                Ok(server) => server,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// Shuts it down in good order; [`Server::resume`] brings it back on the same port.
    pub fn stop(&self) {
        let mut state = self.state();
        if let Some(process) = state.process.take() {
            process.end(self.engine.stop_signal(), STOP_LIMIT);
            state.keeper.watch(None);
        }
    }

    /// Starts it again after [`Server::stop`], with the same data and the same port.
    pub fn resume(&self) {
        let started = self.launch();
        started.unwrap_or_else(|error| panic!("{:?} does not come back: {error}", self.engine));
    }

    /// Stops and resumes.
    pub fn restart(&self) {
        self.stop();
        self.resume();
    }

    /// Turns a PostgreSQL server into a standby without a primary: it stays in recovery and
    /// takes read-only sessions.
    pub fn become_standby(&self) {
        assert_eq!(
            self.engine,
            Engine::Postgres,
            "only PostgreSQL has standbys here"
        );
        self.stop();
        let signal = self.home.data().join("standby.signal");
        write_file(&signal, "");
        self.home.user().own(&signal);
        self.resume();
    }

    fn start_on_a_free_port(&mut self) {
        for attempt in 1.. {
            self.port = home::free_port();
            match self.launch() {
                Ok(()) => return,
                // Somebody else may have taken the port between our look and its bind.
                Err(error) if attempt < 4 && error.to_lowercase().contains("address") => {}
                Err(error) => panic!("{:?} does not start: {error}", self.engine),
            }
        }
    }

    fn launch(&self) -> Result<(), String> {
        let mut state = self.state();
        assert!(state.process.is_none(), "the server runs already");
        let (command, ready) = match self.engine {
            Engine::Postgres => (
                postgres::command(&self.home, &self.options, self.port),
                postgres::READY,
            ),
            engine => (
                mysql::command(engine, &self.home, &self.options, self.port),
                mysql::READY,
            ),
        };
        let mut process = Process::spawn(command, &self.home.log());
        state.keeper.watch(Some(process.pid()));
        let result = process.wait_for(ready, START_LIMIT);
        if result.is_err() {
            process.end(Signal::KILL, STOP_LIMIT);
            state.keeper.watch(None);
        } else {
            state.process = Some(process);
        }
        result
    }

    fn write_files(&self) {
        if let Tls::Presents(certificate) = &self.options.tls {
            self.home.write_identity(certificate);
        }
        if let Some(bundle) = &self.options.client_ca {
            write_file(&self.home.client_ca(), bundle);
        }
        if let Some(list) = &self.options.client_crl {
            write_file(&self.home.client_crl(), list);
        }
        if self.engine == Engine::Postgres {
            postgres::configure(&self.home, &self.options);
        }
    }

    fn create_accounts(&self) {
        let statements = match self.engine {
            Engine::Postgres => postgres::accounts(&self.password),
            engine => mysql::accounts(engine, &self.password),
        };
        self.sql_in(None, &statements)
            .unwrap_or_else(|error| panic!("{:?} makes no accounts: {error}", self.engine));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self.state().process.take();
        if let Some(process) = process {
            process.end(self.engine.last_signal(), Duration::from_secs(5));
        }
    }
}

fn password() -> String {
    let mut random = [0; 12];
    openssl::rand::rand_bytes(&mut random).expect("OpenSSL has random bytes");
    let digits = random.iter().map(|byte| format!("{byte:02x}"));
    digits.fold("lab-".to_owned(), |password, digits| password + &digits)
}
