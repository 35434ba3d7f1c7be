//! `router_hosts.cluster.v1.ClusterService`: the cluster itself.

use super::auth::{Need, caller};
use crate::{cluster::Cluster, limits};
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
        let WaitPublishedRequest {
            revision,
            timeout_ms,
        } = request.into_inner();
        let time = Duration::from_millis(timeout_ms.into()).min(limits::CALL_TIME_MAX);
        let nodes = self.0.wait_published(revision, Instant::now() + time).await;
        Ok(Response::new(WaitPublishedResponse { nodes }))
    }
}
