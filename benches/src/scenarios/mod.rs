//! What is measured, a table for each engine.

mod bulk;
mod checkout;
mod cold;
mod connect;
mod idle;
mod load;
pub(crate) mod memory;
mod process;
mod relay;
mod sessions;
mod tunnel;
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
pub(crate) const SCENARIOS: [Scenario; 11] = [
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
    Scenario {
        name: "relay",
        run: |bed| Box::pin(relay::run(bed)),
    },
    Scenario {
        name: "tunnel",
        run: |bed| Box::pin(tunnel::run(bed)),
    },
    Scenario {
        name: "sessions",
        run: |bed| Box::pin(sessions::run(bed)),
    },
    Scenario {
        name: "bulk",
        run: |bed| Box::pin(bulk::run(bed)),
    },
    Scenario {
        name: "idle",
        run: |_| Box::pin(idle::run()),
    },
];
