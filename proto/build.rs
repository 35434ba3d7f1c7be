//! Compiles the `.proto` files without a `protoc` on the machine.

use prost::Message as _;
use std::{env, error::Error, fs, path::Path};

const FILES: [&str; 4] = [
    "router_hosts/v1/hosts.proto",
    "router_hosts/history/v1/history.proto",
    "router_hosts/cluster/v1/cluster.proto",
    "router_hosts/peer/v1/peer.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = env::var("OUT_DIR")?;
    fs::write(
        Path::new(&out).join("descriptors.bin"),
        descriptors.encode_to_vec(),
    )?;
    tonic_prost_build::configure()
        .bytes(".router_hosts")
        .compile_fds(descriptors)?;
    Ok(())
}
