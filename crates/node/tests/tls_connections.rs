//! Who gets through the door and who does not, over real handshakes on streams in memory.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests stop them where they fail"
)]

#[path = "tls_connections/door.rs"]
mod door;
#[path = "tls_connections/files.rs"]
mod files;
#[path = "tls_connections/foreign.rs"]
mod foreign;
#[path = "tls_connections/handshake.rs"]
mod handshake;
#[path = "tls_connections/support.rs"]
mod support;
