//! The option names of Qt's `MySQL` driver (`qsql_mysql.cpp`), without their `MYSQL_OPT_`.

use super::Meaning::{
    self, Already, File, LocalFiles, NoEffect, Revocation, Seconds, Socket, SslMode, TlsVersions,
};
use crate::settings::variables as var;

const CIPHERS: &str =
    "suites are not listed one by one; WA_DB_SECURITY_LEVEL=INTERMEDIATE leaves the strong ones";
const FLAG: &str = "the flag is not passed to the server";

/// Name and meaning of each option.
pub(super) const OPTIONS: &[(&str, Meaning)] = &[
    ("SSL_CA", File(var::SSL_CA)),
    ("SSL_CERT", File(var::SSL_CERT)),
    ("SSL_KEY", File(var::SSL_KEY)),
    (
        "SSL_CAPATH",
        NoEffect(
            "directories of certificates are not read; put them into one file and set WA_DB_SSL_CA to it",
        ),
    ),
    ("SSL_CIPHER", NoEffect(CIPHERS)),
    ("SSL_MODE", SslMode),
    ("TLS_VERSION", TlsVersions),
    ("SSL_CRL", Revocation),
    ("SSL_CRLPATH", Revocation),
    ("CONNECT_TIMEOUT", Seconds(var::CONNECT_TIMEOUT)),
    ("READ_TIMEOUT", Seconds(var::READ_TIMEOUT)),
    (
        "WRITE_TIMEOUT",
        NoEffect("no deadline for writing can be set"),
    ),
    ("RECONNECT", NoEffect("the pool replaces lost connections")),
    ("LOCAL_INFILE", LocalFiles),
    ("UNIX_SOCKET", Socket),
    (
        "SSL_VERIFY_SERVER_CERT",
        Already("the server's certificate is verified"),
    ),
    ("CLIENT_SSL", Already("TLS is required")),
    ("CLIENT_LOCAL_FILES", LocalFiles),
    ("CLIENT_COMPRESS", NoEffect(FLAG)),
    ("CLIENT_FOUND_ROWS", NoEffect(FLAG)),
    ("CLIENT_IGNORE_SPACE", NoEffect(FLAG)),
    ("CLIENT_INTERACTIVE", NoEffect(FLAG)),
    ("CLIENT_MULTI_STATEMENTS", NoEffect(FLAG)),
    ("CLIENT_NO_SCHEMA", NoEffect(FLAG)),
    ("CLIENT_ODBC", NoEffect(FLAG)),
];
