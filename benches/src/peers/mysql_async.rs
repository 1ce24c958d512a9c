//! The pool that comes with `mysql_async`, without the reset it makes at each return by default.

use ::mysql_async::prelude::Queryable;
use ::mysql_async::{Conn, Pool, PoolConstraints, PoolOpts};

use super::{Peer, bare};
use crate::bed::Target;

#[derive(Clone)]
pub(crate) struct MySqlAsync(Pool);

impl Peer for MySqlAsync {
    const NAME: &'static str = "mysql_async's pool";
    type Connection = Conn;

    async fn cold(target: &Target, size: usize) -> Self {
        // The first number is how many are kept idle.
        let constraints = PoolConstraints::new(size, size).expect("neither is above the other");
        let options = PoolOpts::default()
            .with_constraints(constraints)
            .with_reset_connection(false);
        Self(Pool::new(bare::mysql_options(target).pool_opts(options)))
    }

    async fn checkout(&self) -> Conn {
        self.0.get_conn().await.expect("a connection")
    }

    async fn select(conn: &mut Conn) {
        let one: Option<i32> = conn.exec_first("SELECT 1", ()).await.expect("a row");
        assert_eq!(one, Some(1));
    }

    async fn close(self) {
        self.0.disconnect().await.expect("nothing is in use");
    }
}
