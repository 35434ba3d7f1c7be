//! `cluster …`: the nodes.

use crate::args::Cluster;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;

pub(super) async fn run(
    command: &Cluster,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Cluster::Status => output.report(&client.status().await?),
    }
}
