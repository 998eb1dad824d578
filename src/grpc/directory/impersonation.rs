//! Whom operators may act for.

use crate::app::App;
use crate::app::impersonation::SetTarget;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::impersonation::Target;
use crate::grpc::convert::{names, page};
use crate::proto::v1;

/// SetImpersonationTarget.
pub async fn set_target(
    app: &App,
    op: OpContext,
    request: v1::SetImpersonationTargetRequest,
) -> Result<v1::SetImpersonationTargetResponse> {
    let input = SetTarget { user: names::id("user", &request.user)?, marked: request.marked };
    let set = app.set_impersonation_target(op, input).await?;
    Ok(v1::SetImpersonationTargetResponse { user: set.name(), marked: set.marked, usable: set.usable })
}

/// ListImpersonationTargets.
pub async fn list_targets(
    app: &App,
    op: OpContext,
    request: v1::ListImpersonationTargetsRequest,
) -> Result<v1::ListImpersonationTargetsResponse> {
    names::tenant("parent", &request.parent)?;
    let after = page::open(&app.root, &op, &request.parent, &request.page_token)?;
    let (found, total) = app.list_impersonation_targets(op.clone(), after, page::size(request.page_size)?).await?;
    Ok(v1::ListImpersonationTargetsResponse {
        next_page_token: page::seal(&app.root, &op, &request.parent, found.next.as_ref())?,
        targets: found.rows.into_iter().map(target).collect(),
        total_size: page::total(total),
        total_size_estimated: page::is_estimate(total),
    })
}

fn target(target: Target) -> v1::ImpersonationTarget {
    v1::ImpersonationTarget { user: target.name(), user_name: target.user_name, usable: target.usable }
}
