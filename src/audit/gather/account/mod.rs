//! Looks at the account: [`Account`], and [`password`] at its password.

mod definition;
mod grants;
mod mysql;
pub(in crate::audit) mod password;
mod postgres;
mod words;

pub(in crate::audit) use self::definition::Definition;
pub(in crate::audit) use self::grants::{Grant, MyRole, Scope};
pub(in crate::audit) use self::mysql::{Held, MySqlAccount};
pub(in crate::audit) use self::postgres::{
    Attribute, FileFunction, Membership, OWNER, OpenLine, Place, PostgresAccount, Right,
};
use super::asking::Asking;
use super::server::Product;
use crate::failure::Failure;

/// What the server says of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Account {
    Postgres(PostgresAccount),
    MySql(MySqlAccount),
}

/// Asks the server about the account of this session. `None`: it does not say even who we are.
pub(super) async fn look(
    asking: &mut Asking<'_>,
    product: Product,
) -> Result<Option<Account>, Failure> {
    Ok(match product {
        Product::Postgres => postgres::look(asking).await?.map(Account::Postgres),
        Product::MariaDb | Product::MySql => {
            mysql::look(asking, product).await?.map(Account::MySql)
        }
    })
}
