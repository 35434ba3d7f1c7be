//! Queries: what the index finds is what matches, one by one.

use std::sync::LazyLock;

use hosts::{Projection, Query};

use crate::same::{can_be_shown, imported};

/// Reads a query and searches a small projection.
pub fn run(bytes: &[u8]) {
    static HOSTS: LazyLock<Projection> = LazyLock::new(|| {
        let file = "10.0.0.1 a.lan b.lan # The Printer\n10.0.0.2 a.lan\n10.255.0.1 xn--bcher-kva.lan # Bücher\n\
                    0.0.0.0 zero.lan\n255.255.255.255 all.lan\n::1 six.lan\nfd00::7 nas.lan # 10.0.0.1\n\
                    ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff last.lan\n";
        imported(
            &hosts::format::hosts_file::parse(file.as_bytes())
                .unwrap()
                .rows,
        )
    });
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Query::parse(text) {
        Ok(query) => {
            let found: Vec<_> = HOSTS.search(&query).collect();
            let all: Vec<_> = HOSTS.hosts().filter(|host| query.matches(host)).collect();
            assert_eq!(found, all, "{text:?}");
            let after = found.first().map(|host| host.as_ref());
            let rest: Vec<_> = HOSTS.search_after(&query, after).collect();
            assert_eq!(
                rest,
                found.into_iter().skip(1).collect::<Vec<_>>(),
                "{text:?}"
            );
        }
        Err(error) => can_be_shown(&error),
    }
}
