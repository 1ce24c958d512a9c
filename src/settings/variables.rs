//! The names of the contract, in its order, and the nearest one to a name that is not known.

use super::fault::Report;

pub(super) const ENGINE: &str = "WA_DB_ENGINE";
pub(super) const HOSTNAME: &str = "WA_DB_HOSTNAME";
pub(super) const PORT: &str = "WA_DB_PORT";
pub(super) const USERNAME: &str = "WA_DB_USERNAME";
pub(super) const PASSWORD: &str = "WA_DB_PASSWORD";
pub(super) const PASSWORD_FILE: &str = "WA_DB_PASSWORD_FILE";
pub(super) const IDENTITY_FILE: &str = "WA_DB_IDENTITY_FILE";
pub(super) const NAME: &str = "WA_DB_NAME";
pub(super) const NAME_PREFIX: &str = "WA_DB_NAME_PREFIX";
pub(super) const SSL_CA: &str = "WA_DB_SSL_CA";
pub(super) const SSL_CERT: &str = "WA_DB_SSL_CERT";
pub(super) const SSL_KEY: &str = "WA_DB_SSL_KEY";
pub(super) const SSL_KEY_PASSWORD_FILE: &str = "WA_DB_SSL_KEY_PASSWORD_FILE";
pub(super) const SSL_VERIFY: &str = "WA_DB_SSL_VERIFY";
pub(super) const SSL_SERVER_NAME: &str = "WA_DB_SSL_SERVER_NAME";
pub(super) const SSL_CRL: &str = "WA_DB_SSL_CRL";
pub(super) const SSL_CRL_STALE: &str = "WA_DB_SSL_CRL_STALE";
pub(super) const SECURITY_LEVEL: &str = "WA_DB_SECURITY_LEVEL";
pub(super) const SSL_PINS: &str = "WA_DB_SSL_PINS";
pub(super) const SSL_PINS_REPORT_ONLY: &str = "WA_DB_SSL_PINS_REPORT_ONLY";
pub(super) const SSL_REPORT_FILE: &str = "WA_DB_SSL_REPORT_FILE";
pub(super) const SSL_REPORT_URI: &str = "WA_DB_SSL_REPORT_URI";
pub(super) const SSL_NEGOTIATION: &str = "WA_DB_SSL_NEGOTIATION";
pub(super) const CONNECTION_OPTION: &str = "WA_DB_CONNECTION_OPTION";
pub(super) const CHANNEL_BINDING: &str = "WA_DB_CHANNEL_BINDING";
pub(super) const TARGET: &str = "WA_DB_TARGET";
pub(super) const ALLOWED_NETWORKS: &str = "WA_DB_ALLOWED_NETWORKS";
pub(super) const TUNNEL_ALLOWED_CLIENTS: &str = "WA_DB_TUNNEL_ALLOWED_CLIENTS";
pub(super) const WEB_SECURITY_LEVEL: &str = "WA_WEB_SECURITY_LEVEL";
pub(super) const CONNECT_TIMEOUT: &str = "WA_DB_CONNECT_TIMEOUT";
pub(super) const READ_TIMEOUT: &str = "WA_DB_READ_TIMEOUT";
pub(super) const CONNECTION_IDLE_TIMEOUT: &str = "WA_DB_CONNECTION_IDLE_TIMEOUT";
pub(super) const POOL_MAX_SIZE: &str = "WA_DB_POOL_MAX_SIZE";
pub(super) const POOL_MIN_IDLE: &str = "WA_DB_POOL_MIN_IDLE";
pub(super) const POOL_WAIT_TIMEOUT: &str = "WA_DB_POOL_WAIT_TIMEOUT";
pub(super) const POOL_MAX_LIFETIME: &str = "WA_DB_POOL_MAX_LIFETIME";
pub(super) const POOL_RECYCLE: &str = "WA_DB_POOL_RECYCLE";
pub(super) const PERSISTENT: &str = "WA_DB_PERSISTENT";
pub(super) const ROLE: &str = "WA_DB_ROLE";

/// What the two services prove themselves to each other with. Nothing here reads it; `wa-db audit`
/// compares it.
const SERVICES_SECRET: &str = "WA_SECRET";

/// What every name begins with, but for [`WEB_SECURITY_LEVEL`], which other programs of the
/// installation read too.
pub(super) const PREFIX: &str = "WA_DB_";

/// Every variable, in the order of the contract's table.
pub(super) const ALL: [&str; 39] = [
    ENGINE,
    HOSTNAME,
    PORT,
    USERNAME,
    PASSWORD,
    PASSWORD_FILE,
    IDENTITY_FILE,
    NAME,
    NAME_PREFIX,
    SSL_CA,
    SSL_CERT,
    SSL_KEY,
    SSL_KEY_PASSWORD_FILE,
    SSL_VERIFY,
    SSL_SERVER_NAME,
    SSL_CRL,
    SSL_CRL_STALE,
    SECURITY_LEVEL,
    SSL_PINS,
    SSL_PINS_REPORT_ONLY,
    SSL_REPORT_FILE,
    SSL_REPORT_URI,
    SSL_NEGOTIATION,
    CONNECTION_OPTION,
    CHANNEL_BINDING,
    TARGET,
    ALLOWED_NETWORKS,
    TUNNEL_ALLOWED_CLIENTS,
    WEB_SECURITY_LEVEL,
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    CONNECTION_IDLE_TIMEOUT,
    POOL_MAX_SIZE,
    POOL_MIN_IDLE,
    POOL_WAIT_TIMEOUT,
    POOL_MAX_LIFETIME,
    POOL_RECYCLE,
    PERSISTENT,
    ROLE,
];

/// What others call the same, too far from our names to be taken for a slip of the pen.
const OTHER_WORDS: [(&str, &str); 11] = [
    ("ADDRESS", HOSTNAME),
    ("SERVER", HOSTNAME),
    ("LOGIN", USERNAME),
    ("DATABASE", NAME),
    ("DATABASE_NAME", NAME),
    ("DBNAME", NAME),
    ("SSL_ROOT_CERT", SSL_CA),
    ("SSLROOTCERT", SSL_CA),
    ("SSL_CRLPATH", SSL_CRL),
    ("SSL_CRL_FILE", SSL_CRL),
    ("TLS_VERSION", SECURITY_LEVEL),
];

/// How the one name begins that does not begin with [`PREFIX`], and the most letters of it that
/// may be wrong for it to be meant.
const WEB_PREFIX: &str = "WA_WEB_";
const WEB_SLIPS: usize = 3;

/// Names of a choice that there is none of: whether to use TLS.
const MODES: [&str; 6] = ["SSL", "TLS", "SSL_MODE", "SSLMODE", "TLS_MODE", "USE_SSL"];

/// Whether a name belongs to us: it begins with `WA_DB_` in any case, or is the one that does not,
/// or so like that one that nothing else can be meant. Other names in `WA_WEB_` are not ours.
pub(super) fn is_ours(name: &str) -> bool {
    let begins = |prefix: &str| {
        let start = name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let slips = || strsim::damerau_levenshtein(&name.to_ascii_uppercase(), WEB_SECURITY_LEVEL);
    begins(PREFIX) || (begins(WEB_PREFIX) && slips() <= WEB_SLIPS)
}

/// Whether an environment keeps a variable: our own, and the services' secret, which is as foreign as
/// any other to whoever asks what our variables are.
pub(super) fn is_kept(name: &str) -> bool {
    is_ours(name) || name == SERVICES_SECRET
}

/// The place of a variable in the contract's table; names that are not in it come last.
pub(super) fn rank(name: &str) -> usize {
    ALL.iter()
        .position(|known| *known == name)
        .unwrap_or(ALL.len())
}

/// Warns of every name that nothing reads.
pub(super) fn warn_of_unknown<'a>(names: impl Iterator<Item = &'a str>, report: &mut Report) {
    for name in names.filter(|name| !ALL.contains(name)) {
        report.warn(name, unknown(name));
    }
}

/// Of the names that are set and not known, the one that was probably meant to be `variable`.
pub(super) fn mistaken_for<'a>(
    variable: &str,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    names.find(|name| !ALL.contains(name) && meant(name) == Some(variable))
}

fn unknown(name: &str) -> String {
    let shown = name.escape_debug();
    let upper = name.to_ascii_uppercase();
    if MODES
        .iter()
        .any(|mode| upper.strip_prefix(PREFIX) == Some(mode))
    {
        return format!(
            "{shown} is not known and has no effect: TLS is always on over TCP, and {SSL_VERIFY} \
             says whether the server is verified"
        );
    }
    match meant(name) {
        Some(meant) if name.eq_ignore_ascii_case(meant) => {
            format!("{shown} is not read, names are in capitals: write {meant}")
        }
        Some(meant) => format!("{shown} is not known and has no effect; did you mean {meant}?"),
        None => format!("{shown} is not known and has no effect"),
    }
}

/// The variable that a name which is not known was probably meant to be.
fn meant(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    // What all names share says nothing about which is meant.
    let stem = |name: &'static str| name.strip_prefix(PREFIX).unwrap_or(name);
    let rest = upper.strip_prefix(PREFIX).unwrap_or(&upper);
    let exact = ALL.into_iter().find(|known| stem(known) == rest);
    let other_word = || {
        let words = OTHER_WORDS.iter().find(|(word, _)| *word == rest);
        words.map(|(_, variable)| *variable)
    };
    exact.or_else(other_word).or_else(|| {
        let near = nearest(rest, ALL.into_iter().map(stem))?;
        ALL.into_iter().find(|known| stem(known) == near)
    })
}

/// The candidate most like a name, when one is like enough to be meant: one that the name is the
/// beginning of, or else one that a third of its letters at most would have to be changed for.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let begun = candidates
        .clone()
        .find(|candidate| name.len() > 2 && candidate.starts_with(name));
    begun.or_else(|| {
        candidates
            .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
            .map(|(_, candidate)| candidate)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_met_with_the_nearest_known_one() {
        for (name, part) in [
            ("WA_DB_SLL_CA", "did you mean WA_DB_SSL_CA?"),
            ("WA_DB_HOST", "did you mean WA_DB_HOSTNAME?"),
            ("WA_DB_USER", "did you mean WA_DB_USERNAME?"),
            ("WA_DB_PASSWD", "did you mean WA_DB_PASSWORD?"),
            (
                "WA_DB_CONNECTION_OPTIONS",
                "did you mean WA_DB_CONNECTION_OPTION?",
            ),
            ("WA_DB_DATABASE", "did you mean WA_DB_NAME?"),
            ("WA_DB_SSL_PIN", "did you mean WA_DB_SSL_PINS?"),
            ("WA_DB_TLS_VERSION", "did you mean WA_DB_SECURITY_LEVEL?"),
            ("WA_DB_SSL_CRL_FILE", "did you mean WA_DB_SSL_CRL?"),
            (
                "WA_WEB_SECURITY_LEVL",
                "did you mean WA_WEB_SECURITY_LEVEL?",
            ),
            ("wa_web_security_level", "write WA_WEB_SECURITY_LEVEL"),
            ("WA_DB_SSL_MODE", "TLS is always on over TCP"),
            ("wa_db_ssl_ca", "write WA_DB_SSL_CA"),
            ("Wa_Db_Engine", "write WA_DB_ENGINE"),
            ("WA_DB_SOMETHING_ELSE_ENTIRELY", "has no effect"),
        ] {
            let message = unknown(name);
            assert!(
                message.starts_with(name) && message.contains(part),
                "{message}"
            );
        }
    }

    #[test]
    fn a_name_that_was_meant_for_a_missing_one_is_found_among_those_that_are_set() {
        let names = ["WA_DB_ENGINE", "WA_DB_HOST", "wa_db_username"];
        for (variable, mistaken) in [
            (HOSTNAME, Some("WA_DB_HOST")),
            (USERNAME, Some("wa_db_username")),
            (ENGINE, None),
            (PORT, None),
        ] {
            assert_eq!(mistaken_for(variable, names.into_iter()), mistaken);
        }
    }

    #[test]
    fn only_names_with_the_prefix_are_ours() {
        assert!(is_ours("WA_DB_X") && is_ours("wa_db_x") && is_ours("WA_DB_"));
        assert!(is_ours("WA_WEB_SECURITY_LEVEL") && is_ours("WA_WEB_SECURTY_LEVELS"));
        assert!(!is_ours("WA_WEB_OTHER") && !is_ours("WA_WEB_SECURITY_KEY"));
        assert!(is_kept("WA_SECRET") && !is_ours("WA_SECRET") && !is_kept("WA_SECRETS"));
        assert!(!is_ours("WA_DB") && !is_ours("PATH") && !is_ours("WA_DÄ_X") && !is_ours(""));
    }
}
