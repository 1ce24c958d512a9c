//! Contestants that work with a pool whose connections are all open.

use std::marker::PhantomData;

use futures_util::future::join_all;

use crate::bed::Target;
use crate::measure::Contestant;
use crate::peers::{Peer, Visitor, visit};

/// Makes a contestant of a warm pool.
pub(super) trait Work {
    fn contestant<P: Peer>(pool: P) -> Contestant;
}

/// A contestant for each peer there is for this engine, ours first.
pub(super) async fn contestants<W: Work>(target: &Target, size: usize) -> Vec<Contestant> {
    let mut warming = Warming {
        target,
        size,
        contestants: Vec::new(),
        work: PhantomData::<W>,
    };
    visit(target.engine, &mut warming).await;
    warming.contestants
}

struct Warming<'a, W> {
    target: &'a Target,
    size: usize,
    contestants: Vec<Contestant>,
    work: PhantomData<W>,
}

impl<W: Work> Visitor for Warming<'_, W> {
    async fn visit<P: Peer>(&mut self) {
        let pool = warm::<P>(self.target, self.size).await;
        self.contestants.push(W::contestant(pool));
    }
}

/// A pool with all its connections open and their statement prepared.
pub(super) async fn warm<P: Peer>(target: &Target, size: usize) -> P {
    let pool = P::cold(target, size).await;
    let mut connections = join_all((0..size).map(|_| pool.checkout())).await;
    for connection in &mut connections {
        P::select(connection).await;
    }
    drop(connections);
    pool
}
