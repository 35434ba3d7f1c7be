//! Where a node listens, as it is typed: `HOST:PORT`.

use crate::exit::shown;
use rustls_pki_types::ServerName;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A name or an address, and a port. An IPv6 address stands in brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Endpoint {
    /// Without brackets.
    host: String,
    port: u16,
    /// What the node's certificate must be for.
    name: ServerName<'static>,
}

/// A text that is not HOST:PORT.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum InvalidEndpoint {
    #[error("it names no node: write HOST:PORT, such as router.lan:50051")]
    Empty,
    #[error("`{input}` has no port: write HOST:PORT, such as {example}:50051", example = bracketed(.input))]
    NoPort { input: String },
    #[error("`{input}`: the port is not a number from 1 to 65535")]
    Port { input: String },
    #[error("`{input}`: the host is neither a name nor an address (an IPv6 address stands in [ ])")]
    Host { input: String },
}

fn bracketed(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

impl Endpoint {
    /// The host and the port, as a resolver takes them.
    pub(crate) fn target(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The name or address that the node's certificate must have.
    pub(crate) fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.is_empty() {
            return Err(InvalidEndpoint::Empty);
        }
        let input = || shown(text);
        let no_port = || InvalidEndpoint::NoPort { input: input() };
        if text.parse::<std::net::Ipv6Addr>().is_ok() {
            return Err(no_port());
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(no_port)?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(InvalidEndpoint::Port { input: input() }),
            Ok(port) => port,
        };
        let refused = || InvalidEndpoint::Host { input: input() };
        let name = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(inner) => {
                let address: std::net::Ipv6Addr = inner.parse().map_err(|_| refused())?;
                ServerName::from(std::net::IpAddr::from(address))
            }
            None => ServerName::try_from(host)
                .ok()
                .filter(|_| !host.contains(':'))
                .ok_or_else(refused)?
                .to_owned(),
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            name,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            name: _,
        } = self;
        if host.contains(':') {
            write!(out, "[{host}]:{port}")
        } else {
            write!(out, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_an_address_and_a_bracketed_address_are_taken() {
        for text in [
            "router.lan:50051",
            "10.0.0.1:1",
            "[fd00::1]:65535",
            "localhost:7",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        let endpoint: Endpoint = "[::1]:50051".parse().unwrap();
        assert_eq!(endpoint.target(), ("::1", 50051));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, said) in [
            ("router.lan", "such as router.lan:50051"),
            ("fd00::1", "such as [fd00::1]:50051"),
            ("", "such as router.lan:50051"),
            ("router.lan:", "not a number"),
            ("router.lan:0", "not a number"),
            ("router.lan:65536", "not a number"),
            ("a b:1", "neither a name nor an address"),
            (":1", "neither a name nor an address"),
            ("[router.lan]:1", "neither a name nor an address"),
            ("a:b:1", "neither a name nor an address"),
        ] {
            let refused = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
