//! The option names of libpq that the old program could pass on (libpq, "Parameter Key Words").

use super::Meaning::{
    self, File, LowestTlsVersion, NoEffect, RequireSsl, Revocation, Seconds, SetInstead, SslMode,
    Word,
};
use crate::settings::variables as var;

const KEEPALIVE: &str = "keepalive is always on";

/// Name and meaning of each option.
pub(super) const OPTIONS: &[(&str, Meaning)] = &[
    ("sslmode", SslMode),
    ("requiressl", RequireSsl),
    ("sslrootcert", File(var::SSL_CA)),
    ("sslcert", File(var::SSL_CERT)),
    ("sslkey", File(var::SSL_KEY)),
    ("sslpassword", SetInstead(var::SSL_KEY_PASSWORD_FILE)),
    ("sslcrl", Revocation),
    ("sslcrldir", Revocation),
    ("ssl_min_protocol_version", LowestTlsVersion),
    (
        "ssl_max_protocol_version",
        NoEffect("the highest version both sides know is used"),
    ),
    ("sslcompression", NoEffect("compression is never used")),
    ("connect_timeout", Seconds(var::CONNECT_TIMEOUT)),
    (
        "channel_binding",
        Word(var::CHANNEL_BINDING, &["prefer", "require"]),
    ),
    (
        "target_session_attrs",
        Word(var::TARGET, &["any", "read-write", "read-only"]),
    ),
    (
        "options",
        NoEffect("server options cannot be passed on; set them for the account with ALTER ROLE"),
    ),
    ("service", NoEffect("service files are not read")),
    ("application_name", NoEffect("no application name is sent")),
    (
        "gssencmode",
        NoEffect("TLS is required, GSS encryption is not spoken"),
    ),
    ("keepalives", NoEffect(KEEPALIVE)),
    ("keepalives_idle", NoEffect(KEEPALIVE)),
    ("keepalives_interval", NoEffect(KEEPALIVE)),
    ("keepalives_count", NoEffect(KEEPALIVE)),
    ("tcp_user_timeout", NoEffect(KEEPALIVE)),
    ("host", SetInstead(var::HOSTNAME)),
    ("hostaddr", SetInstead(var::HOSTNAME)),
    ("port", SetInstead(var::PORT)),
    ("user", SetInstead(var::USERNAME)),
    ("password", SetInstead(var::PASSWORD)),
    ("passfile", SetInstead(var::PASSWORD_FILE)),
    ("dbname", SetInstead(var::NAME)),
];
