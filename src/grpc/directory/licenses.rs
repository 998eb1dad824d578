//! Seats of a tenant's licences.

use super::count;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::grpc::convert::license::holders;
use crate::proto::v1;

/// AssignLicense.
pub async fn assign(app: &App, op: OpContext, request: v1::AssignLicenseRequest) -> Result<v1::AssignLicenseResponse> {
    let assigned = app.assign_license(op, holders(&request.tenant, &request.kind, &request.users)?).await?;
    Ok(v1::AssignLicenseResponse { assigned_count: count(assigned) })
}

/// UnassignLicense.
pub async fn unassign(
    app: &App,
    op: OpContext,
    request: v1::UnassignLicenseRequest,
) -> Result<v1::UnassignLicenseResponse> {
    let unassigned = app.unassign_license(op, holders(&request.tenant, &request.kind, &request.users)?).await?;
    Ok(v1::UnassignLicenseResponse { unassigned_count: count(unassigned) })
}
