//! OperationService: decode, call the use case, encode.

use std::time::Duration;

use futures::StreamExt as _;

use super::convert::fields::bounded;
use super::convert::operation::{operation, operation_id};
use super::convert::page;
use super::guard::Answers;
use super::guarded::OperationServiceHandler;
use crate::app::App;
use crate::app::operations::ListOperations;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::proto::v1;

/// The service.
pub struct OperationService(pub App);

/// The longest wait of one call.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[tonic::async_trait]
impl OperationServiceHandler for OperationService {
    async fn get_operation(&self, op: OpContext, request: v1::GetOperationRequest) -> Result<v1::GetOperationResponse> {
        let found = self.0.get_operation(op, operation_id(&request.name)?).await?;
        Ok(v1::GetOperationResponse { operation: Some(operation(found)) })
    }

    async fn list_operations(
        &self,
        op: OpContext,
        request: v1::ListOperationsRequest,
    ) -> Result<v1::ListOperationsResponse> {
        if request.parent.split('/').count() != 2 {
            return Err(Error::field("parent", "must be `tenants/{tenant}`, or `tenants/-` for all"));
        }
        let after = page::open(&self.0.root, &op, &request.parent, &request.page_token)?;
        let list = ListOperations { after, size: page::size(request.page_size)? };
        let found = self.0.list_operations(op.clone(), list).await?;
        Ok(v1::ListOperationsResponse {
            operations: found.rows.into_iter().map(operation).collect(),
            next_page_token: page::seal(&self.0.root, &op, &request.parent, found.next.as_ref())?,
            total_size: i32::try_from(found.total).unwrap_or(i32::MAX),
            total_size_estimated: found.estimated,
        })
    }

    async fn wait_operation(
        &self,
        op: OpContext,
        request: v1::WaitOperationRequest,
    ) -> Result<v1::WaitOperationResponse> {
        let id = operation_id(&request.name)?;
        let most = request.timeout.map_or(Ok(LONGEST_WAIT), |timeout| bounded(timeout, LONGEST_WAIT));
        let most = most.map_err(|allowed| Error::field("timeout", allowed))?;
        let found = self.0.wait_operation(op, id, most).await?;
        Ok(v1::WaitOperationResponse { operation: Some(operation(found)) })
    }

    async fn watch_operation(
        &self,
        op: OpContext,
        request: v1::WatchOperationRequest,
    ) -> Result<Answers<v1::WatchOperationResponse>> {
        let id = operation_id(&request.name)?;
        let answer = |found| v1::WatchOperationResponse { operation: Some(operation(found)) };
        // The first answer is made before the stream begins, so that a wrong name is a plain error.
        let first = self.0.get_operation(op.clone(), id).await?;
        if first.state.ended() {
            return Ok(futures::stream::iter([Ok(answer(first))]).boxed());
        }
        Ok(self.0.watch_operation(op, id).map(move |found| found.map(answer)).boxed())
    }
}
