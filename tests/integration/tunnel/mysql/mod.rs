//! MySQL and MariaDB through a tunnel.

mod altered;
mod failing;
mod hostile;
mod inject;
mod logins;
mod programs;
mod secured;
mod sessions;
mod split;
mod stand;
