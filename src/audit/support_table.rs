//! Until when each release of a server is maintained: [`ended`].
//!
//! Made on 2026-11-22 from the makers' own pages: <https://www.postgresql.org/support/versioning/>,
//! <https://mariadb.org/about/#maintenance-policy> and Oracle's "Lifetime Support Policy: Oracle and
//! MySQL" (extended support), compared with <https://endoflife.date>. MySQL's innovation releases and
//! MariaDB's rolling ones end when the next one comes.

use super::gather::server::Product;

/// A day: year, month, day.
pub(super) type Day = (i32, u8, u8);

/// A line of releases: `15` is `(15, 0)` and `10.11` is `(10, 11)`.
pub(super) type Release = (u16, u16);

/// A release and the last day on which it gets fixes.
type Row = (Release, Day);

/// The oldest first. Whatever is older than the first ended before.
const POSTGRESQL: &[Row] = &[
    ((12, 0), (2024, 11, 21)),
    ((13, 0), (2025, 11, 13)),
    ((14, 0), (2026, 11, 12)),
    ((15, 0), (2027, 11, 11)),
    ((16, 0), (2028, 11, 9)),
    ((17, 0), (2029, 11, 8)),
    ((18, 0), (2030, 11, 14)),
];

const MARIADB: &[Row] = &[
    ((10, 4), (2024, 6, 18)),
    ((10, 5), (2025, 6, 24)),
    ((10, 6), (2026, 7, 6)),
    ((10, 7), (2023, 2, 9)),
    ((10, 8), (2023, 5, 20)),
    ((10, 9), (2023, 8, 22)),
    ((10, 10), (2023, 11, 17)),
    ((10, 11), (2028, 2, 16)),
    ((11, 0), (2024, 6, 6)),
    ((11, 1), (2024, 8, 21)),
    ((11, 2), (2024, 11, 21)),
    ((11, 3), (2024, 5, 29)),
    ((11, 4), (2029, 5, 29)),
    ((11, 5), (2024, 11, 21)),
    ((11, 6), (2025, 2, 13)),
    ((11, 7), (2025, 5, 12)),
    ((11, 8), (2028, 6, 4)),
    ((12, 0), (2025, 11, 18)),
    ((12, 1), (2026, 2, 13)),
    ((12, 2), (2026, 5, 28)),
    ((12, 3), (2029, 6, 12)),
];

const MYSQL: &[Row] = &[
    ((5, 7), (2023, 10, 31)),
    ((8, 0), (2026, 4, 30)),
    ((8, 1), (2023, 10, 25)),
    ((8, 2), (2023, 12, 14)),
    ((8, 3), (2024, 4, 10)),
    ((8, 4), (2032, 4, 30)),
    ((9, 0), (2024, 10, 15)),
    ((9, 1), (2025, 1, 21)),
    ((9, 2), (2025, 4, 15)),
    ((9, 3), (2025, 7, 22)),
    ((9, 4), (2025, 10, 21)),
    ((9, 5), (2026, 1, 20)),
    ((9, 6), (2026, 4, 21)),
    ((9, 7), (2034, 4, 21)),
];

/// How the support of a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// On this day.
    On(Day),
    /// Before the table begins.
    LongAgo,
}

/// How the support of a release had ended by `today`; `None` where it has not, and where the table
/// does not know.
pub(super) fn ended(product: Product, release: Release, today: Day) -> Option<End> {
    let rows = rows(product);
    if rows.first().is_some_and(|(oldest, _)| release < *oldest) {
        return Some(End::LongAgo);
    }
    let (_, last) = rows.iter().find(|(known, _)| *known == release)?;
    (*last < today).then_some(End::On(*last))
}

/// The release that is maintained the longest, of those that are by `today`.
pub(super) fn successor(product: Product, today: Day) -> Option<Release> {
    let good = rows(product).iter().filter(|(_, last)| *last >= today);
    good.max_by_key(|(_, last)| *last)
        .map(|(release, _)| *release)
}

fn rows(product: Product) -> &'static [Row] {
    match product {
        Product::Postgres => POSTGRESQL,
        Product::MariaDb => MARIADB,
        Product::MySql => MYSQL,
    }
}

#[cfg(test)]
mod tests {
    use super::{End, ended, rows, successor};
    use crate::audit::gather::server::Product;

    #[test]
    fn release_is_out_of_support_from_the_day_after_its_last() {
        use Product::{MariaDb, MySql, Postgres};
        for (product, release, today, expected) in [
            (Postgres, (14, 0), (2026, 11, 12), None),
            (
                Postgres,
                (14, 0),
                (2026, 11, 13),
                Some(End::On((2026, 11, 12))),
            ),
            (Postgres, (9, 6), (2026, 11, 22), Some(End::LongAgo)),
            (Postgres, (42, 0), (2026, 11, 22), None),
            (
                MariaDb,
                (10, 6),
                (2026, 11, 22),
                Some(End::On((2026, 7, 6))),
            ),
            (MariaDb, (10, 11), (2026, 11, 22), None),
            (MariaDb, (5, 5), (2026, 11, 22), Some(End::LongAgo)),
            (MySql, (8, 0), (2026, 4, 30), None),
            (MySql, (8, 0), (2026, 5, 1), Some(End::On((2026, 4, 30)))),
            (MySql, (9, 6), (2026, 11, 22), Some(End::On((2026, 4, 21)))),
            (MySql, (9, 7), (2026, 11, 22), None),
            (MySql, (9, 8), (2026, 11, 22), None),
        ] {
            assert_eq!(
                ended(product, release, today),
                expected,
                "{product:?} {release:?}"
            );
        }
    }

    #[test]
    fn successor_is_the_release_with_the_longest_time_left() {
        for (product, today, expected) in [
            (Product::Postgres, (2026, 11, 22), Some((18, 0))),
            (Product::MySql, (2026, 11, 22), Some((9, 7))),
            (Product::MariaDb, (2026, 11, 22), Some((12, 3))),
            (Product::MariaDb, (2040, 1, 1), None),
        ] {
            assert_eq!(successor(product, today), expected, "{product:?}");
        }
    }

    #[test]
    fn rows_are_in_order_and_days_are_days() {
        for product in [Product::Postgres, Product::MariaDb, Product::MySql] {
            let rows = rows(product);
            assert!(rows.is_sorted_by(|(a, _), (b, _)| a < b), "{product:?}");
            for (release, (year, month, day)) in rows {
                let month = time::Month::try_from(*month);
                let date =
                    month.and_then(|month| time::Date::from_calendar_date(*year, month, *day));
                assert!(
                    date.is_ok_and(|date| date.year() > 2020),
                    "{product:?} {release:?}"
                );
            }
        }
    }
}
