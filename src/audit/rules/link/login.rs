//! What a login can be turned into by whoever stands on the way.

use crate::audit::evidence::{Evidence, LoginProof, Plaintext};
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;
use crate::endpoint::Engine;
use crate::settings::ChannelBinding;

pub(super) const PLAINTEXT: Rule = Rule {
    id: "link-plaintext-logins",
    title: "the server takes logins without TLS as well",
    severity: Severity::High,
    also: &[],
    why: "Our services always use TLS, but any other client of this server may log in without, by mistake or because \
          somebody on the way told it that there is no TLS. Its password and its data are then there for all to \
          read, and so is this database.",
    fix: "Have the server take TLS alone: PostgreSQL with hostssl in place of host in pg_hba.conf, MySQL and MariaDB \
          with require_secure_transport=ON.",
    look: plaintext,
};

fn plaintext(seen: &Evidence<'_>) -> Vec<Observation> {
    let Some(Plaintext::Entertained(how)) = &seen.plaintext else {
        return Vec::new();
    };
    let tried = format!("a login without TLS by a name that no account has: the server {how}");
    let (evidence, fix) = match seen.settings.engine() {
        Engine::Postgres => (
            tried,
            "write hostssl in place of host in every line of pg_hba.conf that reaches the service, those for loopback too if it comes from there, then run: SELECT pg_reload_conf();",
        ),
        Engine::MySql => (
            format!("require_secure_transport is OFF; {tried}"),
            "run: SET GLOBAL require_secure_transport=ON; and write it into the server's configuration file too",
        ),
    };
    vec![Observation::new(evidence, fix)]
}

pub(super) const UNBOUND: Rule = Rule {
    id: "link-channel-binding",
    title: "the login is not, or need not be, bound to the TLS channel",
    severity: Severity::Low,
    also: &[Severity::Medium],
    why: "With channel binding (SCRAM-SHA-256-PLUS) server and client prove to each other that they are at the two \
          ends of one TLS connection, so that even a certificate issued to the wrong one lets nobody stand in \
          between. It protects only where the client insists: else whoever is in between leaves it out.",
    fix: "Set WA_DB_CHANNEL_BINDING=require. It needs a PostgreSQL server that is reached without a proxy which ends \
          TLS, and an account whose password is stored for SCRAM-SHA-256.",
    look: unbound,
};

fn unbound(seen: &Evidence<'_>) -> Vec<Observation> {
    let insists = seen.settings.channel_binding() == ChannelBinding::Require;
    if seen.is_local() || seen.settings.engine() != Engine::Postgres || insists {
        return Vec::new();
    }
    let Some(session) = &seen.session else {
        return Vec::new();
    };
    let observation = match session.login {
        LoginProof::BoundScram => Observation::new(
            "this login was bound, but WA_DB_CHANNEL_BINDING does not require it",
            "set WA_DB_CHANNEL_BINDING=require",
        ),
        LoginProof::Scram => Observation::new(
            "the login was by SCRAM and not bound to the channel: the server did not offer it",
            "find out what ends TLS between here and the database (WA_DB_HOSTNAME, WA_DB_PORT), connect to the database itself, then set WA_DB_CHANNEL_BINDING=require",
        )
        .at(Severity::Medium),
        // What keeps an account from SCRAM is for the rules about accounts.
        LoginProof::Other => return Vec::new(),
    };
    vec![observation]
}
