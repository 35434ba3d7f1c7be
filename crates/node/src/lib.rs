//! The body of router-hosts: everything that waits.
