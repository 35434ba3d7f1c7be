//! Ports for nodes that keep them: free now, and not among those the system hands out by itself.
//!
//! A connection to a port where nobody listens can be given that very port as its own end, and then holds it: a node
//! that was killed would find its port taken by a peer that looked for it. So free ports are searched below the range
//! of ephemeral ports (32768 on Linux, 49152 elsewhere: RFC 6335).

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// No ports for all nodes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPort {
    /// Not all ports from the base on exist.
    #[error("{count} ports from {base} on go beyond 65535")]
    Beyond { base: u16, count: u8 },
    /// A port is in use.
    #[error("port {port} of 127.0.0.1 cannot be used")]
    Taken {
        port: u16,
        #[source]
        cause: io::Error,
    },
    /// Everything in the range is in use.
    #[error("no {count} free ports on 127.0.0.1 between {FIRST} and {LAST}")]
    None { count: u8 },
}

/// `count` ports that nobody listens at. The search begins at a place that `seed` decides, so that clusters started at
/// the same time seldom meet.
pub(crate) fn free(count: u8, seed: u128) -> Result<Vec<u16>, NoPort> {
    let begin =
        u16::try_from(seed % u128::from(LAST - FIRST)).expect("a remainder of a u16") + FIRST;
    // Held until all are found: none is found twice.
    let mut held = Vec::new();
    for port in (begin..LAST).chain(FIRST..begin) {
        if held.len() == usize::from(count) {
            break;
        }
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    if held.len() < usize::from(count) {
        return Err(NoPort::None { count });
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

/// `count` ports from `base` on, all free now.
pub(crate) fn from(base: u16, count: u8) -> Result<Vec<u16>, NoPort> {
    let ports: Vec<_> = (base..=u16::MAX).take(count.into()).collect();
    if ports.len() < usize::from(count) {
        return Err(NoPort::Beyond { base, count });
    }
    for &port in &ports {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|cause| NoPort::Taken { port, cause })?;
    }
    Ok(ports)
}

/// Above the ports of well-known servers.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_distinct_and_not_ephemeral() {
        for seed in [0, 1, u128::from(LAST - FIRST) - 1, u128::MAX] {
            let mut ports = free(9, seed).unwrap();
            assert!(
                ports.iter().all(|port| (FIRST..LAST).contains(port)),
                "{ports:?}"
            );
            ports.sort_unstable();
            ports.dedup();
            assert_eq!(ports.len(), 9);
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over_or_named() {
        let ports = free(1, 7).unwrap();
        let port = ports[0];
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let seed = u128::from(port - FIRST);
        assert_ne!(free(1, seed).unwrap(), [port]);
        let error = from(port, 1).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }

    #[test]
    fn ports_end_at_65535() {
        assert!(matches!(from(65_534, 3), Err(NoPort::Beyond { .. })));
    }
}
