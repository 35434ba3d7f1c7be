//! `router_hosts.cluster.v1.ClusterService`: the cluster itself.

use super::{
    auth::{Need, caller},
    metadata,
};
use crate::{cluster::Cluster, limits, peers::ANSWER_GRACE};
use proto::cluster::{
    StatusRequest, StatusResponse, WaitPublishedRequest, WaitPublishedResponse,
    cluster_service_server::ClusterService,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

/// The service of one node.
#[derive(Clone, Debug)]
pub struct ClusterApi(pub Arc<Cluster>);

#[tonic::async_trait]
impl ClusterService for ClusterApi {
    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        caller(&request, Need::Read)?;
        Ok(Response::new(self.0.status().await))
    }

    async fn wait_published(
        &self,
        request: Request<WaitPublishedRequest>,
    ) -> Result<Response<WaitPublishedResponse>, Status> {
        caller(&request, Need::Read)?;
        // Earlier than the caller's own deadline, by what a silent peer may add.
        let caller = metadata::deadline(request.metadata(), limits::CALL_TIME_MAX);
        let WaitPublishedRequest {
            revision,
            timeout_ms,
        } = request.into_inner();
        let asked = Instant::now() + Duration::from_millis(timeout_ms.into());
        let deadline = asked.min(caller - ANSWER_GRACE.min(caller - Instant::now()));
        let nodes = self.0.wait_published(revision, deadline).await;
        Ok(Response::new(WaitPublishedResponse { nodes }))
    }
}
