//! The hand of router-hosts: one binary, client and node.

fn main() {}
