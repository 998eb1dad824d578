//! CreateTenant and RetryTenantProvisioning: a tenant is there at once, locked, and an operation sets it up.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::begin::begun;
use super::{because, target, wrong_state};
use crate::app::App;
use crate::app::domains::give;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::{Standing, Transition};
use crate::domain::limits::LimitsPatch;
use crate::domain::name::TenantCode;
use crate::domain::operation::{InitialAdmin, Operation, Params};
use crate::domain::restore::FromBackup;
use crate::domain::server::{DEFAULT_SERVER, Server};
use crate::domain::tenant::{NewTenant, Tenant};
use crate::store::settings::{self, Settings};
use crate::store::tx::Tx;
use crate::store::{limits, operation_params, servers, tenants, transitions};

/// A tenant to be made.
#[derive(Clone, Debug)]
pub struct CreateTenant {
    /// The tenant.
    pub tenant: NewTenant,
    /// Its first administrator.
    pub admin: Option<InitialAdmin>,
    /// The data that it begins with.
    pub from: Option<FromBackup>,
}

/// A tenant that is being set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Created {
    /// The setting up.
    pub operation: Operation,
    /// The tenant as it is now.
    pub tenant: Tenant,
}

impl App {
    /// Makes a tenant and begins to set it up.
    pub async fn create_tenant(&self, op: OpContext, input: CreateTenant) -> Result<Created> {
        let op = op.on(TenantUid::new());
        let made = self.db.change(op, "create-tenant", input, |tx, input| create(tx, input).boxed()).await?;
        self.notify();
        Ok(made)
    }

    /// Sets a failed tenant up again.
    pub async fn retry_provisioning(&self, op: OpContext, etag: String) -> Result<Created> {
        let made = self.db.change(op, "retry-provisioning", etag, |tx, etag| retry(tx, etag).boxed()).await?;
        self.notify();
        Ok(made)
    }
}

pub(in crate::app) async fn create(tx: &mut Tx, input: &CreateTenant) -> Result<Created> {
    let new = &input.tenant;
    // Held, so that multi-tenancy is not switched off meanwhile.
    let settings = settings::hold(tx).await?;
    if !settings.multi_tenancy_enabled && tenants::is_there_another(tx).await? {
        let text = "there is to be one tenant only; set multi_tenancy_enabled with AdminService.UpdateSettings first";
        return Err(Refusal::new(Reason::MultiTenancyOff, text).into());
    }
    let server = place(tx, new.server.as_deref()).await?;
    let zone = new.time_zone.clone().unwrap_or(server.time_zone);
    let code = take_code(tx, new).await?;
    tx.about(format!("tenants/{code}"));
    tx.tell("display_name", new.display_name.as_str());
    tenants::insert(tx, &code, new, &server.id, &zone).await?;
    let first = Transition::create(tx.tenant());
    transitions::append(tx, first, &because(tx, "")).await?;
    limits::update(tx, &limits_of(new, &settings)).await?;
    if let Some(features) = &new.features {
        limits::set_features(tx, features).await?;
    }
    if let Some(domain) = &new.domain {
        give(tx, domain).await?;
    }
    begun(tx, &Params::Provision { admin: input.admin.clone(), from: input.from.clone().map(Box::new) }).await
}

/// The server to place the tenant on: the one named, or the default one.
async fn place(tx: &mut Tx, wanted: Option<&str>) -> Result<Server> {
    let found = servers::load_to_stay(tx, wanted.unwrap_or(DEFAULT_SERVER)).await?;
    let server =
        found.ok_or_else(|| Error::field("tenant.server", "must be an existing server, `servers/{server}`"))?;
    server.check_reachable()?;
    Ok(server)
}

/// The limits that were asked for, else those that new tenants have.
fn limits_of(new: &NewTenant, settings: &Settings) -> LimitsPatch {
    let LimitsPatch { max_users, disk_quota } = new.limits;
    let default = |limit: Option<i64>| limit.map(Some);
    LimitsPatch {
        max_users: max_users.or(default(settings.default_max_users)),
        disk_quota: disk_quota.or(default(settings.default_disk_quota)),
    }
}

/// The code that was asked for, or one derived from the name that is free.
async fn take_code(tx: &mut Tx, new: &NewTenant) -> Result<TenantCode> {
    if let Some(code) = &new.code {
        if tenants::take_identity(tx, code).await? {
            return Ok(code.clone());
        }
        let text = format!("the code {code} is taken, perhaps by a tenant that is gone; codes are never used again");
        return Err(Refusal::new(Reason::ResourceExists, text).about(format!("tenants/{code}")).into());
    }
    let derived = TenantCode::derive(&new.display_name);
    let mut candidate = derived.clone().unwrap_or_else(|| TenantCode::random(None));
    while !tenants::take_identity(tx, &candidate).await? {
        candidate = TenantCode::random(derived.as_ref());
    }
    Ok(candidate)
}

async fn retry(tx: &mut Tx, etag: &str) -> Result<Created> {
    let tenant = target(tx).await?;
    let Standing::Failed(failed) = tenant.standing() else { return Err(wrong_state(tx, &tenant)) };
    if tenant.purge_started {
        return Err(Error::state("FAILED, and its purge has begun", &[]));
    }
    tenant.check_etag(etag)?;
    transitions::append(tx, failed.retry(), &because(tx, "")).await?;
    // The administrator that was asked for may have been made already; then the directory leaves it as it is.
    let last = operation_params::last_provisioning(tx).await?;
    begun(tx, &last.unwrap_or(Params::Provision { admin: None, from: None })).await
}
