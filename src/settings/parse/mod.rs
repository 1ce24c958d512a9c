//! One small parser for each kind of value. Each takes the variable's name for its faults.

pub(super) mod boolean;
pub(super) mod count;
pub(super) mod duration;
pub(super) mod hosts;
pub(super) mod path;
pub(super) mod ports;
pub(super) mod server_name;
pub(super) mod word;
