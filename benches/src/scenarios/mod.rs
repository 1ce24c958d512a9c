//! What is measured, a table for each engine.

mod checkout;
mod cold;
mod connect;
mod load;
pub(crate) mod memory;
mod process;
mod warm;

use std::future::Future;
use std::pin::Pin;

use crate::bed::Bed;

/// Something that is measured.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Bed) -> Tables<'_>,
}

/// Tables in the making.
pub(crate) type Tables<'a> = Pin<Box<dyn Future<Output = String> + 'a>>;

/// Everything there is.
pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "connect",
        run: |bed| Box::pin(connect::run(bed)),
    },
    Scenario {
        name: "checkout",
        run: |bed| Box::pin(checkout::run(bed)),
    },
    Scenario {
        name: "load",
        run: |bed| Box::pin(load::run(bed)),
    },
    Scenario {
        name: "cold",
        run: |bed| Box::pin(cold::run(bed)),
    },
    Scenario {
        name: "process",
        run: |bed| Box::pin(process::run(bed)),
    },
    Scenario {
        name: "memory",
        run: |bed| Box::pin(std::future::ready(memory::run(bed))),
    },
];
