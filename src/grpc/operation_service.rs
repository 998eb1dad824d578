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
        page::check_parent(&request.parent)?;
        let after = page::open(&self.0.root, &op, &request.parent, &request.page_token)?;
        let list = ListOperations { after, size: page::size(request.page_size)? };
        let found = self.0.list_operations(op.clone(), list).await?;
        Ok(v1::ListOperationsResponse {
            operations: found.page.rows.into_iter().map(operation).collect(),
            next_page_token: page::seal(&self.0.root, &op, &request.parent, found.page.next.as_ref())?,
            total_size: page::total(found.total),
            total_size_estimated: page::is_estimate(found.total),
        })
    }

    async fn cancel_operation(
        &self,
        op: OpContext,
        request: v1::CancelOperationRequest,
    ) -> Result<v1::CancelOperationResponse> {
        let asked = self.0.cancel_operation(op, operation_id(&request.name)?).await?;
        Ok(v1::CancelOperationResponse { operation: Some(operation(asked)) })
    }

    async fn retry_operation(
        &self,
        op: OpContext,
        request: v1::RetryOperationRequest,
    ) -> Result<v1::RetryOperationResponse> {
        let begun = self.0.retry_operation(op.clone(), operation_id(&request.name)?).await?;
        Ok(v1::RetryOperationResponse { operation: Some(operation(begun)).filter(|_| !op.validate_only()) })
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
