//! Whether every acknowledged write is there.

use super::acked::{self, Acked};
use crate::client::{Client, Listing};
use crate::exit::Failure;
use crate::output::{Lost, Verified};
use hosts::{Host, HostId};
use proto::convert::Consistency;
use std::collections::HashMap;
use std::path::Path;

/// Compares the file with the cluster, as it is for every acknowledged write.
pub(crate) async fn run(path: &Path, client: &mut Client) -> Result<Verified, Failure> {
    let acked = acked::read(path)?;
    let listing = Listing {
        filter: None,
        limit: None,
        offset: None,
        consistency: Consistency::Linearizable,
    };
    let found = client.list_hosts(&listing).await?;
    Ok(compare(&acked, found.value))
}

fn compare(acked: &[Acked], found: Vec<Host>) -> Verified {
    let found: HashMap<HostId, Host> = found.into_iter().map(|host| (host.id, host)).collect();
    let lost: Vec<Lost> = acked
        .iter()
        .filter_map(|acked| {
            let problem = problem(acked, found.get(&acked.id))?;
            Some(Lost {
                request_id: acked.request.to_string(),
                id: acked.id.to_string(),
                hostname: acked.hostname.to_string(),
                ip_address: acked.address.to_string(),
                revision: acked.revision.get(),
                problem,
            })
        })
        .collect();
    Verified {
        acknowledged: acked.len(),
        found: acked.len() - lost.len(),
        lost,
    }
}

/// Later changes of the comment are fine: a run makes them itself.
fn problem(acked: &Acked, found: Option<&Host>) -> Option<String> {
    let Some(found) = found else {
        return Some("missing".to_owned());
    };
    if (&found.hostname, found.address) != (&acked.hostname, acked.address) {
        return Some(format!("is {} {}", found.address, found.hostname));
    }
    if found.version < acked.revision {
        return Some(format!("is at revision {}", found.version));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use hosts::{Address, Aliases, Hostname, RequestId, Revision, Tags, Timestamp};

    fn acked(number: u64) -> Acked {
        Acked {
            request: RequestId::parse(&format!("r-{number}")).unwrap(),
            id: HostId::from_u128(number.into()),
            hostname: Hostname::parse(&format!("h{number}.test")).unwrap(),
            address: Address::parse(&format!("198.18.0.{number}")).unwrap(),
            revision: Revision::new(number),
        }
    }

    fn found(acked: &Acked) -> Host {
        Host {
            id: acked.id,
            address: acked.address,
            hostname: acked.hostname.clone(),
            aliases: Aliases::default(),
            tags: Tags::default(),
            comment: None,
            enabled: true,
            version: acked.revision,
            created: Timestamp::from_millis(0),
            updated: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn what_is_missing_or_another_is_lost_and_what_was_changed_later_is_not() {
        let writes: Vec<Acked> = (1..=5).map(acked).collect();
        let mut there: Vec<Host> = writes.iter().map(found).collect();
        assert_eq!(compare(&writes, there.clone()).lost, []);
        there[0].version = Revision::new(77);
        there[1].address = Address::parse("10.0.0.7").unwrap();
        there[2].version = Revision::new(1);
        there.remove(3);
        let verified = compare(&writes, there);
        let lost: Vec<_> = verified
            .lost
            .iter()
            .map(|lost| (lost.hostname.as_str(), lost.problem.as_str()))
            .collect();
        assert_eq!(
            lost,
            [
                ("h2.test", "is 10.0.0.7 h2.test"),
                ("h3.test", "is at revision 1"),
                ("h4.test", "missing"),
            ]
        );
        assert_eq!((verified.acknowledged, verified.found), (5, 2));
    }
}
