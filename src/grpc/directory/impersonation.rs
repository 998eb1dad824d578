//! Whom operators may act for.

use crate::app::App;
use crate::app::impersonation::{Check, Repair, SetTarget};
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::impersonation::Target;
use crate::grpc::convert::obstacle::obstacle;
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

/// CheckImpersonation.
pub async fn check(
    app: &App,
    op: OpContext,
    request: v1::CheckImpersonationRequest,
) -> Result<v1::CheckImpersonationResponse> {
    names::tenant("tenant", &request.tenant)?;
    let Check { tenant_code, superuser, in_tenant, of_actor } = app.check_impersonation(op).await?;
    Ok(v1::CheckImpersonationResponse {
        complete: in_tenant.is_empty() && of_actor.is_empty(),
        superuser: superuser.map(|user| format!("tenants/{tenant_code}/users/{user}")).unwrap_or_default(),
        missing: in_tenant.into_iter().chain(of_actor).map(obstacle).collect(),
    })
}

/// RepairImpersonation.
pub async fn repair(
    app: &App,
    op: OpContext,
    request: v1::RepairImpersonationRequest,
) -> Result<v1::RepairImpersonationResponse> {
    names::tenant("tenant", &request.tenant)?;
    let Repair { mended, check: Check { tenant_code, superuser, of_actor, .. } } = app.repair_impersonation(op).await?;
    Ok(v1::RepairImpersonationResponse {
        superuser: superuser.map(|user| format!("tenants/{tenant_code}/users/{user}")).unwrap_or_default(),
        mended: mended.into_iter().map(obstacle).collect(),
        missing: of_actor.into_iter().map(obstacle).collect(),
    })
}

fn target(target: Target) -> v1::ImpersonationTarget {
    v1::ImpersonationTarget { user: target.name(), user_name: target.user_name, usable: target.usable }
}
