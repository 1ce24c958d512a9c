//! Looks at the server itself: [`Server`].

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::asking::Asking;
use crate::failure::Failure;

/// Microseconds since 1970, whatever the time zone of the session.
const POSTGRES_CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const MYSQL_CLOCK: &str = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

const POSTGRES_LOGGING: &str = "SELECT 'log_connections', current_setting('log_connections')";
/// The switches of MySQL's and MariaDB's ways to write down who logs in; `audit_log…` comes with the
/// plugins of MySQL Enterprise and Percona.
const MYSQL_LOGGING: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('general_log', 'server_audit_logging') \
    OR Variable_name LIKE 'audit_log%'";

/// What kind of server it is. The protocol alone does not tell MySQL and MariaDB apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Product {
    Postgres,
    MariaDb,
    MySql,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Server {
    pub(in crate::audit) product: Product,
    /// Product and version in the server's own words.
    pub(in crate::audit) version: String,
    /// The line of releases it belongs to: `(15, 0)`, `(10, 11)`.
    pub(in crate::audit) release: Option<(u16, u16)>,
    pub(in crate::audit) clock: Option<Clock>,
    /// The variables of the server that say whether logins are written down, by name.
    pub(in crate::audit) logging: Vec<(String, String)>,
}

/// How far the server's clock is from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Clock {
    pub(in crate::audit) apart: Duration,
    /// Whether it is ahead of ours.
    pub(in crate::audit) ahead: bool,
    /// By how much that may be wrong: half of what the question took.
    pub(in crate::audit) uncertainty: Duration,
}

impl Product {
    /// Its name.
    pub(in crate::audit) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
        }
    }

    fn of(version: &str) -> Self {
        let all = [Self::Postgres, Self::MariaDb, Self::MySql];
        let named = all
            .into_iter()
            .find(|product| version.starts_with(product.name()));
        named.unwrap_or(Self::MySql)
    }
}

impl Clock {
    /// The server said `theirs`, in microseconds since 1970, to a question that left when our clock said
    /// `asked` and took `took`.
    fn compare(theirs: u64, asked: SystemTime, took: Duration) -> Option<Self> {
        let uncertainty = took / 2;
        let ours = asked.duration_since(SystemTime::UNIX_EPOCH).ok()? + uncertainty;
        let theirs = Duration::from_micros(theirs);
        Some(Self {
            apart: theirs.abs_diff(ours),
            ahead: theirs > ours,
            uncertainty,
        })
    }
}

/// Asks the server about itself. `version`: product and version, as the session tells them.
pub(super) async fn look(asking: &mut Asking<'_>, version: String) -> Result<Server, Failure> {
    let product = Product::of(&version);
    let (clock, logging) = match product {
        Product::Postgres => (POSTGRES_CLOCK, POSTGRES_LOGGING),
        Product::MariaDb | Product::MySql => (MYSQL_CLOCK, MYSQL_LOGGING),
    };
    let (asked, started) = (SystemTime::now(), Instant::now());
    let told = asking.ask("the server's clock", clock).await?;
    let took = started.elapsed();
    let theirs = told.into_iter().flatten().flatten().next();
    let clock = theirs.and_then(|text| Clock::compare(text.parse().ok()?, asked, took));
    let logging = asking
        .ask("whether logins are written down", logging)
        .await?;
    let pair = |row| match <[_; 2]>::try_from(row) {
        Ok([Some(name), Some(value)]) => Some((name, value)),
        _ => None,
    };
    Ok(Server {
        product,
        release: release(product, &version),
        version,
        clock,
        logging: logging.into_iter().filter_map(pair).collect(),
    })
}

/// The line of releases in `PostgreSQL 15.18 (Debian …)` or `MariaDB 10.11.6-MariaDB`. Since version
/// 10 PostgreSQL counts with one number.
fn release(product: Product, version: &str) -> Option<(u16, u16)> {
    let number = version.strip_prefix(product.name())?.trim_start();
    // MariaDB 10 was once introduced as a 5.5.5, for the sake of old replicas.
    let number = number.strip_prefix("5.5.5-").unwrap_or(number);
    let mut parts = number.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let major = parts.next()?.ok()?;
    if product == Product::Postgres && major >= 10 {
        return Some((major, 0));
    }
    Some((major, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Clock, Product, release};

    #[test]
    fn product_and_release_are_read_from_the_version() {
        use Product::{MariaDb, MySql, Postgres};
        for (version, product, expected) in [
            (
                "PostgreSQL 15.18 (Debian 15.18-0+deb12u1)",
                Postgres,
                Some((15, 0)),
            ),
            ("PostgreSQL 18beta1", Postgres, Some((18, 0))),
            ("PostgreSQL 9.6.24", Postgres, Some((9, 6))),
            ("MariaDB 10.11.6-MariaDB-0+deb12u1", MariaDb, Some((10, 11))),
            ("MariaDB 5.5.5-10.4.34-MariaDB", MariaDb, Some((10, 4))),
            ("MySQL 8.0.36-28", MySql, Some((8, 0))),
            ("MySQL 9.7.0", MySql, Some((9, 7))),
            ("MySQL next", MySql, None),
            ("MySQL 99999999.1", MySql, None),
            ("something", MySql, None),
        ] {
            assert_eq!(Product::of(version), product, "{version}");
            assert_eq!(release(product, version), expected, "{version}");
        }
    }

    #[test]
    fn clocks_are_compared_at_the_middle_of_the_question() {
        let asked = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let took = Duration::from_secs(4);
        for (theirs, apart, ahead) in [(1002, 0, false), (1014, 12, true), (990, 12, false)] {
            let clock = Clock::compare(theirs * 1_000_000, asked, took);
            let expected = Clock {
                apart: Duration::from_secs(apart),
                ahead,
                uncertainty: Duration::from_secs(2),
            };
            assert_eq!(clock, Some(expected), "{theirs}");
        }
    }
}
