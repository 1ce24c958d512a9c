//! Rows F: pools under faults, and what users leave behind in them.

mod black_hole;
mod fixture;
mod in_flight;
mod left_behind;
mod recycling;
mod restart;
mod rotation;
mod wire_depth;
