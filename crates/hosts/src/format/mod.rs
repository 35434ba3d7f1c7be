//! The shapes hosts take outside: the hosts file, read and written.

pub mod hosts_file;
pub mod render;
