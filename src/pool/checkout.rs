//! A connection in someone's hands: [`Checkout`] brings it back when dropped.

use std::ops::{Deref, DerefMut};

use deadpool::managed::Object;

use super::engine::Engine;
use super::manager::Manager;

/// A connection in someone's hands. Goes back to the pool when dropped, or is closed where it may
/// not stay.
pub(super) struct Checkout<E: Engine> {
    /// Always there until drop or [`take`](Self::take).
    object: Option<Object<Manager<E>>>,
}

impl<E: Engine> Checkout<E> {
    /// Counts the connection as in use from now on.
    pub(super) fn new(object: Object<Manager<E>>) -> Self {
        let metrics = &object.shared().metrics;
        metrics.idle.decrement(1.0);
        metrics.in_use.increment(1.0);
        Self {
            object: Some(object),
        }
    }

    /// Closes the connection instead of returning it.
    pub(super) fn discard(mut self) {
        if let Some(object) = self.object.take() {
            count_return(&object);
            Object::take(object).retire();
        }
    }

    fn object(&self) -> &Object<Manager<E>> {
        #[expect(
            clippy::expect_used,
            reason = "only drop and discard take it, and both own the checkout"
        )]
        self.object
            .as_ref()
            .expect("a connection that is checked out")
    }
}

impl<E: Engine> Deref for Checkout<E> {
    type Target = E::Connection;

    fn deref(&self) -> &E::Connection {
        &self.object().connection
    }
}

impl<E: Engine> DerefMut for Checkout<E> {
    fn deref_mut(&mut self) -> &mut E::Connection {
        #[expect(
            clippy::expect_used,
            reason = "only drop and discard take it, and both own the checkout"
        )]
        let object = self
            .object
            .as_mut()
            .expect("a connection that is checked out");
        &mut object.connection
    }
}

impl<E: Engine> Drop for Checkout<E> {
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else {
            return;
        };
        count_return(&object);
        if object.returned() {
            drop(object);
        } else {
            // Closed here rather than at its next checkout.
            Object::take(object).retire();
        }
    }
}

fn count_return<E: Engine>(object: &Object<Manager<E>>) {
    let metrics = &object.shared().metrics;
    metrics.in_use.decrement(1.0);
    metrics.idle.increment(1.0);
}
