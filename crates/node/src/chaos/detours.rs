//! Connections that go elsewhere than to the address they are made for.

use std::collections::BTreeMap;
use std::io;

use futures::future::BoxFuture;

use crate::network::{Io, Listener, Network, Tcp};

/// The network of this machine, in which some addresses are reached by a detour.
#[derive(Debug)]
pub(super) struct Detours {
    tcp: Tcp,
    /// By the address that is called.
    ways: BTreeMap<String, String>,
}

impl Detours {
    /// From lines of two words. Fails with the number of the first line that has not two.
    pub(super) fn parse(tcp: Tcp, list: &str) -> Result<Self, usize> {
        let mut ways = BTreeMap::new();
        for (number, line) in (1_usize..).zip(list.lines()) {
            let (address, detour) = line.split_once(' ').ok_or(number)?;
            ways.insert(address.to_owned(), detour.to_owned());
        }
        Ok(Self { tcp, ways })
    }
}

impl Network for Detours {
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Io>> {
        let way = self.ways.get(address).map_or(address, String::as_str);
        self.tcp.connect(way)
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        self.tcp.listen(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn who_is_called_at_one_address_is_reached_at_another() {
        let mut elsewhere = Tcp::new().listen("127.0.0.1:0").await.unwrap();
        let detour = elsewhere.local_addr().unwrap();
        let list = format!("127.0.0.1:1 {detour}\n");
        let detours = Detours::parse(Tcp::new(), &list).unwrap();
        let (accepted, connected) =
            futures::future::try_join(elsewhere.accept(), detours.connect("127.0.0.1:1"))
                .await
                .unwrap();
        let ((mut there, _), mut here) = (accepted, connected);
        here.write_all(b"hi").await.unwrap();
        let mut read = [0; 2];
        there.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hi");
        let direct = detour.to_string();
        let connected = detours.connect(&direct).await;
        assert!(connected.is_ok(), "any other address is its own way");
    }

    #[test]
    fn a_line_that_is_no_detour_is_told_by_its_number() {
        let list = "127.0.0.1:1 127.0.0.1:2\n127.0.0.1:3\n";
        assert_eq!(Detours::parse(Tcp::new(), list).unwrap_err(), 2);
    }
}
