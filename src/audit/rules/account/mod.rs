//! Rules about the account.

pub(super) mod password;
pub(super) mod password_file;
pub(super) mod powers;
mod privileges;
pub(super) mod reach;
pub(super) mod rights;
