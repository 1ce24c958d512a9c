//! The staged check of a configuration: what `wa-db check` does.
//!
//! The stages before the pool are run one by one on our own dialer, so that a pool cannot hide
//! which of them failed; the pool stage then takes the way that a service takes. With MySQL that
//! begins with the login, since the driver makes a connection of its own: it is the pool's first.

mod pins;
mod plan;
mod probe;
mod recorder;
mod report;
mod run;
mod target;

pub use self::pins::PinState;
pub use self::plan::{CheckPlan, Connections, Progress, Waiting};
pub use self::probe::{Limit, Probe, probe};
pub use self::report::{
    CheckReport, ErrorReport, Millis, OtherFault, PoolReport, ServerReport, StageReport, Status,
    TargetReport, TlsReport, WARNINGS_UNDER_STRICT,
};
pub use self::run::run;
