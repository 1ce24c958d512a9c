//! `wa-db pins`, held against what the `openssl` program says of the same keys.

mod files;
mod openssl;
mod servers;
