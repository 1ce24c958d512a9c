//! What the two sides say that they can: [`Capabilities`].

/// The flags of greeting and response, MariaDB's own included.
///
/// MariaDB tells its own by leaving out [`Self::MYSQL`], which every MySQL sets; they stand in bytes
/// that MySQL keeps at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(super) common: u32,
    pub(super) mariadb: u32,
}

impl Capabilities {
    /// `CLIENT_LONG_PASSWORD`; MariaDB calls it `CLIENT_MYSQL`.
    pub(crate) const MYSQL: u32 = 1;
    pub(crate) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(crate) const PROTOCOL_41: u32 = 1 << 9;
    pub(crate) const SSL: u32 = 1 << 11;
    pub(crate) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(crate) const PLUGIN_AUTH: u32 = 1 << 19;
    pub(crate) const PLUGIN_AUTH_LENENC: u32 = 1 << 21;

    /// All that have a meaning between server and client: MySQL's, but for the one that announces more
    /// flags elsewhere, and MariaDB's.
    const KNOWN: Self = Self {
        common: !(1 << 29),
        mariadb: 0x3f,
    };

    /// These flags, and none of MariaDB's own.
    pub(crate) fn of(common: u32) -> Self {
        Self { common, mariadb: 0 }
    }

    /// Whether every one of these is there.
    pub(crate) fn has(self, flags: u32) -> bool {
        self.common & flags == flags
    }

    /// The same with these.
    #[must_use]
    pub(crate) fn with(self, flags: u32) -> Self {
        Self {
            common: self.common | flags,
            ..self
        }
    }

    /// The same without these.
    #[must_use]
    pub(crate) fn without(self, flags: u32) -> Self {
        Self {
            common: self.common & !flags,
            ..self
        }
    }

    /// Those of these that have a known meaning.
    #[must_use]
    pub(crate) fn known(self) -> Self {
        self.shared_with(Self::KNOWN)
    }

    /// Whether all of the other's are there, but for TLS, which is not the session's matter.
    pub(crate) fn covers(self, other: Self) -> bool {
        let missing = other.common & !self.common & !Self::SSL;
        missing == 0 && other.mariadb & !self.mariadb == 0
    }

    /// Those of these that the other side has too.
    #[must_use]
    pub(crate) fn shared_with(self, other: Self) -> Self {
        Self {
            common: self.common & other.common,
            mariadb: self.mariadb & other.mariadb,
        }
    }
}
