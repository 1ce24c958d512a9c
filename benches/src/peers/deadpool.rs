//! deadpool-postgres with its fast recycling, which is its default.

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};

use super::{Peer, bare};
use crate::bed::Target;

#[derive(Clone)]
pub(crate) struct Deadpool(Pool);

impl Peer for Deadpool {
    const NAME: &'static str = "deadpool-postgres";
    type Connection = Object;

    async fn cold(target: &Target, size: usize) -> Self {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let (config, tls) = (bare::postgres_config(target), bare::postgres_tls(target));
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .build();
        Self(pool.expect("a runtime is given"))
    }

    async fn checkout(&self) -> Object {
        self.0.get().await.expect("a connection")
    }

    async fn select(client: &mut Object) {
        let statement = client
            .prepare_cached("SELECT 1")
            .await
            .expect("a statement");
        client.query_one(&statement, &[]).await.expect("a row");
    }

    async fn close(self) {
        self.0.close();
    }
}
