//! Servers and networks that fall silent: every wait ends at the deadline that was set for it.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use wa_db::endpoint::Engine;
use wa_db::pool::Pool;
use wa_db::settings::{Environment, Role, Settings};
use wa_db_lab::fake::{
    Fault, MySqlScript, PostgresScript, Proxy, SilentListener, Stage, Unreachable,
};

use super::meet::Depth;
use super::stand::{Script, Stand, each};
use crate::support::{Variables, with};

/// The deadline under test, for a connection and for a query alike.
const DEADLINE: Duration = Duration::from_secs(2);
/// Start and end of the process on a busy machine, beside the deadline.
const PROCESS: Duration = Duration::from_secs(2);

fn hurried(variables: &Variables) -> Variables {
    with(
        variables,
        [
            ("WA_DB_CONNECT_TIMEOUT", "2s"),
            ("WA_DB_READ_TIMEOUT", "2s"),
            // Makes the library, too, ask the server something.
            ("WA_DB_TARGET", "read-write"),
        ],
    )
}

/// How often a run that came late is repeated: a machine with more to do than it can is late with
/// everything, while a deadline that is not kept is late each time.
const ATTEMPTS: usize = 4;

/// Fails the test unless the stage that failed waited for the deadline, give or take a tenth.
fn assert_punctual(depth: Depth, variables: &Variables, stage: &str, case: &dyn Debug) {
    let mut late = Vec::new();
    for _ in 0..ATTEMPTS {
        let met = depth.meet(variables);
        if met.code == "timeout" && met.stage != stage {
            // The time was up before the silence began.
            late.push(met);
            continue;
        }
        met.assert_failed(stage, "timeout", case);
        assert!(met.waited > DEADLINE.mul_f64(0.9), "{case:?}: {met:?}");
        if met.waited < DEADLINE.mul_f64(1.1) && met.took < DEADLINE.mul_f64(1.1) + PROCESS {
            return;
        }
        late.push(met);
    }
    panic!("{case:?}: {late:?}");
}

#[test]
fn a15_silence_at_any_point_ends_at_the_deadline() {
    let stand = Stand::new();
    let drip = Duration::from_millis(20);
    let fault = Fault::Silence;
    let postgres = |at| {
        let fault = fault.clone();
        Script::from(PostgresScript::Break { at, fault })
    };
    let mysql = |at| {
        let fault = fault.clone();
        Script::from(MySqlScript::Break { at, fault })
    };
    let cases = [
        (postgres(Stage::Accepted), ["tls"; 3]),
        (postgres(Stage::Answered), ["tls"; 3]),
        (postgres(Stage::Hello), ["tls"; 3]),
        (PostgresScript::Drip(drip).into(), ["tls"; 3]),
        (postgres(Stage::Secured), ["authenticate"; 3]),
        (postgres(Stage::Login), ["authenticate"; 3]),
        (postgres(Stage::LoggedIn), ["authenticate"; 3]),
        (postgres(Stage::Ready), ["session"; 3]),
        // The driver makes dial, TLS and login in one go: the library counts them as one stage,
        // where they are not our own dialer's. That counts the greeting as part of the connection.
        (mysql(Stage::Accepted), ["tls", "connect", "connect"]),
        (mysql(Stage::Answered), ["tls", "connect", "tls"]),
        (mysql(Stage::Hello), ["tls", "connect", "tls"]),
        (MySqlScript::Drip(drip).into(), ["tls", "connect", "tls"]),
        (
            mysql(Stage::Secured),
            ["authenticate", "connect", "authenticate"],
        ),
        (
            mysql(Stage::Login),
            ["authenticate", "connect", "authenticate"],
        ),
        (mysql(Stage::LoggedIn), ["session"; 3]),
        (mysql(Stage::Ready), ["session"; 3]),
    ];
    let cases = cases.into_iter().flat_map(|(script, stages)| {
        let depths = Depth::ALL.into_iter().zip(stages);
        depths.map(move |(depth, stage)| (depth, script.clone(), stage))
    });
    each(cases, |case| {
        let fake = stand.start(case.1.clone());
        assert_punctual(case.0, &hurried(&stand.trusting(&fake)), case.2, &case);
    });
}

#[test]
fn a15_silent_listener_and_address_that_swallows_packets_end_at_the_deadline() {
    let stand = Stand::new();
    let silent = SilentListener::start().unwrap();
    let swallowing = Unreachable::start().unwrap();
    let cases = [Engine::Postgres, Engine::MySql]
        .into_iter()
        .flat_map(|engine| {
            Depth::ALL
                .into_iter()
                .flat_map(move |depth| [(engine, depth, true), (engine, depth, false)])
        });
    each(cases, |case| {
        let (engine, depth, accepts) = case;
        let port = if accepts {
            silent.port()
        } else {
            swallowing.port()
        };
        let variables = hurried(&stand.leading_to(engine, port));
        let stage = match (accepts, engine, depth) {
            (false, _, _) | (true, Engine::MySql, Depth::Library | Depth::Wire) => "connect",
            (true, _, _) => "tls",
        };
        assert_punctual(depth, &variables, stage, &case);
    });
}

#[test]
fn a21_packets_dropped_after_connecting_are_bounded_by_the_timeouts() {
    let stand = Stand::new();
    let scripts: [Script; 2] = [PostgresScript::Honest.into(), MySqlScript::Honest.into()];
    each(scripts, |script| {
        let fake = stand.start(script);
        let proxy = Proxy::start(fake.address()).unwrap();
        let verified = with(
            &hurried(&stand.leading_to(fake.engine(), proxy.port())),
            [("WA_DB_POOL_RECYCLE", "verified")],
        );
        let environment = Environment::from_pairs(verified);
        let settings = Settings::from_environment(Role::Webapp, &environment).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (took, outcome) = runtime.block_on(async {
            let pool = Pool::connect(&settings).await.unwrap();
            drop(pool.get().await.unwrap());
            proxy.freeze();
            let started = Instant::now();
            let outcome = pool.get().await.map(drop);
            (started.elapsed(), outcome)
        });
        proxy.thaw();
        let error = outcome.expect_err("a black hole gives no connection");
        let code = error.code().map(|code| code.to_string());
        assert!(
            matches!(code.as_deref(), Some("timeout" | "pool_timeout")),
            "{error:?}"
        );
        // The question to the old connection, then a new one.
        assert!(took < DEADLINE * 2 + PROCESS, "{took:?}: {error}");
        assert!(took > DEADLINE.mul_f64(0.9), "{took:?}: {error}");
    });
}
