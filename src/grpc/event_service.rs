//! EventService: decode, call the use case, encode.

use super::convert::event::{audit_record, check_parent, event, open_seen, seal_seen};
use super::convert::page;
use super::guarded::EventServiceHandler;
use crate::app::App;
use crate::app::events::ListLog;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::event::{audit_filter, event_filter};
use crate::proto::v1;

/// The service.
pub struct EventService(pub App);

#[tonic::async_trait]
impl EventServiceHandler for EventService {
    async fn list_events(&self, op: OpContext, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse> {
        check_parent(&request.parent)?;
        let arguments = format!("{}\n{}", request.parent, request.filter);
        let before = page::open(&self.0.root, &op, &arguments, &request.page_token)?;
        let list = ListLog { filter: event_filter(&request.filter)?, before, size: page::size(request.page_size)? };
        let found = self.0.list_events(op.clone(), list).await?;
        Ok(v1::ListEventsResponse {
            next_page_token: page::seal(&self.0.root, &op, &arguments, found.page.next.as_ref())?,
            total_size: page::total(found.total),
            total_size_estimated: page::is_estimate(found.total),
            seen_token: seal_seen(&self.0.root, &op, &found.now)?,
            events: found.page.rows.into_iter().map(|row| event(&request.parent, row)).collect(),
        })
    }

    async fn get_event_summary(
        &self,
        op: OpContext,
        request: v1::GetEventSummaryRequest,
    ) -> Result<v1::GetEventSummaryResponse> {
        check_parent(&request.parent)?;
        let found = self.0.event_summary(op).await?;
        Ok(v1::GetEventSummaryResponse {
            infos: found.infos,
            warnings: found.warnings,
            errors: found.errors,
            more: found.more,
        })
    }

    async fn mark_events_seen(
        &self,
        op: OpContext,
        request: v1::MarkEventsSeenRequest,
    ) -> Result<v1::MarkEventsSeenResponse> {
        check_parent(&request.parent)?;
        let seen = open_seen(&self.0.root, &op, &request.seen_token)?;
        self.0.mark_events_seen(op, seen).await?;
        Ok(v1::MarkEventsSeenResponse {})
    }

    async fn clear_events(&self, op: OpContext, request: v1::ClearEventsRequest) -> Result<v1::ClearEventsResponse> {
        check_parent(&request.parent)?;
        let seen = open_seen(&self.0.root, &op, &request.seen_token)?;
        self.0.clear_events(op, seen).await?;
        Ok(v1::ClearEventsResponse {})
    }

    async fn list_audit_records(
        &self,
        op: OpContext,
        request: v1::ListAuditRecordsRequest,
    ) -> Result<v1::ListAuditRecordsResponse> {
        page::check_parent(&request.parent)?;
        let arguments = format!("{}\n{}", request.parent, request.filter);
        let before = page::open(&self.0.root, &op, &arguments, &request.page_token)?;
        let list = ListLog { filter: audit_filter(&request.filter)?, before, size: page::size(request.page_size)? };
        let (found, total) = self.0.list_audit_records(op.clone(), list).await?;
        Ok(v1::ListAuditRecordsResponse {
            next_page_token: page::seal(&self.0.root, &op, &arguments, found.next.as_ref())?,
            total_size: page::total(total),
            total_size_estimated: page::is_estimate(total),
            audit_records: found.rows.into_iter().map(audit_record).collect(),
        })
    }
}
