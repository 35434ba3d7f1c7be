//! The certificates that docs/certificates.md makes with openssl are those that nodes and clients take.
#![cfg(feature = "node")]
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests stop them where they fail"
)]

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What stands in the guide for a shell, in order.
fn guide() -> String {
    let text = fs::read_to_string(root().join("docs/certificates.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

fn check(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_router-hosts"))
        .args(["config", "check", "-f", "json"])
        .args(args)
        .current_dir(folder)
        .env_remove("ROUTER_HOSTS_NODE")
        .output()
        .unwrap()
}

/// The example of a node, with the certificates and the cluster of `folder`.
fn example(folder: &Path) -> String {
    let id = fs::read_to_string(folder.join("cluster.id")).unwrap();
    let text = fs::read_to_string(root().join("deploy/node.toml")).unwrap();
    let text = text
        .replace("01JD8Q3Z5V7N0W6T4R2M9K1XAE", id.trim())
        .replace("/etc/router-hosts/ca.pem", "ca.pem")
        .replace("/etc/router-hosts/", "attic/");
    assert!(text.contains(id.trim()) && text.contains("\"attic/cert.pem\""));
    text
}

#[test]
fn the_lines_of_the_guide_make_certificates_that_are_taken() {
    let openssl = Command::new("openssl")
        .arg("version")
        .stdout(Stdio::null())
        .status();
    if !openssl.is_ok_and(|status| status.success()) {
        writeln!(io::stderr(), "not run: needs openssl").unwrap();
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let lines = Command::new("sh")
        .args(["-euc", &guide()])
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&lines.stderr);
    assert!(lines.status.success(), "{errors}");

    let text = example(folder);
    fs::write(folder.join("node.toml"), &text).unwrap();
    let node = check(folder, &["--node", "node.toml"]);
    let errors = String::from_utf8_lossy(&node.stderr);
    assert!(node.status.success(), "{errors}");

    // The name that clients call must be in it, whatever nodes think of it.
    for (advertise, wanted) in [
        ("attic.example:50051", "DNS:attic.example"),
        ("192.168.1.12:50051", "IP:192.168.1.12"),
        ("[fd00::7]:50051", "IP:fd00::7"),
    ] {
        let other = text.replace(
            "advertise = \"attic.lan:50051\"",
            &format!("advertise = \"{advertise}\""),
        );
        fs::write(folder.join("other.toml"), other).unwrap();
        let refused = check(folder, &["--node", "other.toml"]);
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(6), "{errors}");
        for words in ["TLS_WRONG_NAME", wanted, "attic.lan, 192.168.1.11"] {
            assert!(errors.contains(words), "{words}: {errors}");
        }
    }

    let client = "--server attic.lan:50051 --ca ca.pem --cert alice/cert.pem --key alice/key.pem";
    let client = check(folder, &client.split(' ').collect::<Vec<_>>());
    let errors = String::from_utf8_lossy(&client.stderr);
    assert!(client.status.success(), "{errors}");
}
