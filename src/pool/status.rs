//! What a pool holds at one moment: [`PoolStatus`].

/// What a pool holds at one moment. Under load the numbers may be of slightly different moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// `WA_DB_POOL_MAX_SIZE`.
    pub max_size: usize,
    /// Connections held, idle or in use. Those still being opened are not among them.
    pub open: usize,
    /// Connections ready to be checked out.
    pub idle: usize,
    /// Connections checked out, or on their way to or from a checkout.
    pub in_use: usize,
    /// Tasks that wait for a connection to become free.
    pub waiters: usize,
}
