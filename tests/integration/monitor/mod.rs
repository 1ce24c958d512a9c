//! `wa-db monitor` against real servers, and its page in a real browser.

mod access;
mod browser;
mod hostile;
mod lab;
mod load;
mod page;
mod rules;
mod running;
mod start;
mod states;
