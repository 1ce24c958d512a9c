//! What our own handshake makes of the certificates that a server may show.

mod limbo;
