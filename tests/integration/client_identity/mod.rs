//! Rows C: who we are to the server.

mod demanding;
mod files;
mod judged;
mod requirements;
