//! How to get a better certificate, by its place and by who issues certificates here.

use crate::audit::certificates::{Certificate, Place};
use crate::audit::evidence::Evidence;
use crate::endpoint::Engine;
use crate::settings::shown_path;
use crate::shell;

/// The same certificate with new dates.
pub(super) fn renew(seen: &Evidence<'_>, certificate: &Certificate) -> String {
    let reload = reload(seen);
    match certificate.place {
        Place::Server if seen.policy.has_own_roots() => format!(
            "run wa-db certs renew --dir DIR FILE, DIR being where the CA is kept and FILE the server's certificate; \
             give the server the new one and {reload}"
        ),
        Place::Server => format!(
            "renew it at the CA that issued it, or find out why that does not happen by itself; then {reload}"
        ),
        Place::Client => format!(
            "run wa-db certs renew --dir DIR {}, DIR being where the CA is kept; running services take up the new one \
             by themselves",
            shell::word(&client_file(seen))
        ),
        _ => issue(seen, certificate),
    }
}

/// Another certificate in its place.
pub(super) fn issue(seen: &Evidence<'_>, certificate: &Certificate) -> String {
    issue_for(&name(seen), seen, certificate)
}

/// Another certificate in its place, which is for this name if it is the server's.
pub(super) fn issue_for(name: &str, seen: &Evidence<'_>, certificate: &Certificate) -> String {
    let reload = reload(seen);
    let has_own_roots = seen.policy.has_own_roots();
    match certificate.place {
        Place::Server if has_own_roots => format!(
            "run wa-db certs issue server --name {} --dir DIR, DIR being where the CA is kept; give the server \
             the new files and {reload}",
            shell::word(name)
        ),
        Place::Server => {
            format!("get a new one for {name} from a CA; give it to the server and {reload}")
        }
        Place::Intermediate => format!(
            "have the CA above it issue a new one, put that after the server's own certificate and {reload}"
        ),
        Place::Client => format!(
            "run wa-db certs issue client --name {} --dir DIR, DIR being where the CA is kept; put the new files \
             where WA_DB_SSL_CERT ({}) and WA_DB_SSL_KEY point",
            shell::word(seen.settings.username()),
            client_file(seen)
        ),
        Place::ClientIntermediate => format!(
            "have the CA above it issue a new one and put that after the client's own into WA_DB_SSL_CERT ({})",
            client_file(seen)
        ),
        Place::Root | Place::Trusted if has_own_roots => format!(
            "make a new CA with wa-db certs init --dir DIR and add its certificate to WA_DB_SSL_CA ({}); issue the \
             servers' certificates anew with it, and take the old one out once every server has changed",
            ca_file(seen)
        ),
        Place::Root | Place::Trusted => format!(
            "get the server's certificate from another CA: this one is trusted by the system; then {reload}"
        ),
    }
}

/// The name by which the server is known to us.
pub(super) fn name(seen: &Evidence<'_>) -> String {
    seen.policy.name_for(seen.endpoint.host())
}

/// What makes the server take up new files.
pub(super) fn reload(seen: &Evidence<'_>) -> &'static str {
    match seen.settings.engine() {
        Engine::Postgres => "run there: SELECT pg_reload_conf()",
        Engine::MySql => "run there: ALTER INSTANCE RELOAD TLS (MariaDB: FLUSH SSL)",
    }
}

/// The path of `WA_DB_SSL_CA`.
pub(super) fn ca_file(seen: &Evidence<'_>) -> String {
    let path = seen.settings.tls().ca.as_deref();
    path.map_or_else(
        || "FILE".to_owned(),
        |path| shown_path("WA_DB_SSL_CA", path),
    )
}

fn client_file(seen: &Evidence<'_>) -> String {
    let files = seen.settings.tls().identity.as_ref();
    files.map_or_else(
        || "FILE".to_owned(),
        |files| shown_path("WA_DB_SSL_CERT", &files.cert),
    )
}
