//! Tenants as messages, and the requests that make and change them.

use super::domain::{branding, wanted_branding};
use super::fields::{Fields, timestamp};
use super::server::server_id;
use super::{backup, license, limits, utilization};
use crate::app::tenants::{CreateTenant, SeenTenant, UpdateTenant};
use crate::domain::access::{Access, Status};
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::{LockReason, State};
use crate::domain::limits::feature_names;
use crate::domain::name::{
    CompanyName, DisplayName, DomainName, Email, PersonName, TenantCode, TimeZone, UserName, labels,
};
use crate::domain::operation::InitialAdmin;
use crate::domain::tenant::{BlastRadius, Blocker, Condition, ConditionKind, NewTenant, Overview, Tenant, TenantPatch};
use crate::domain::user::SUPERUSER;
use crate::proto::v1;
use crate::store::operations;
use crate::store::tenant_list::Detail;

/// A tenant as a message.
pub fn tenant(tenant: Tenant) -> v1::Tenant {
    v1::Tenant {
        name: tenant.name(),
        uid: tenant.uid.to_string(),
        etag: tenant.etag(),
        code: tenant.code,
        display_name: tenant.display_name.to_string(),
        company_name: tenant.company_name.to_string(),
        state: state(tenant.state).into(),
        lock_reason: lock_reason(tenant.lock_reason).into(),
        labels: tenant.labels,
        protected: tenant.protected,
        conditions: Vec::new(),
        server: format!("servers/{}", tenant.server),
        time_zone: tenant.time_zone.to_string(),
        email_notification: Some(tenant.email_notification),
        domain: tenant.domain.map(|domain| domain.to_string()).unwrap_or_default(),
        branding: branding(tenant.branding),
        cooldown_expire_time: tenant.cooldown_until.map(timestamp),
        purge_started: tenant.purge_started,
        create_time: Some(timestamp(tenant.created_at)),
        update_time: Some(timestamp(tenant.updated_at)),
    }
}

/// A tenant as a caller sees it.
pub fn row(seen: SeenTenant, detail: Detail) -> v1::TenantRow {
    let overview = (detail == Detail::Full).then(|| overview(&seen.tenant, seen.overview));
    let conditions = seen.conditions.into_iter().map(condition).collect();
    let tenant = v1::Tenant { conditions, ..tenant(seen.tenant) };
    v1::TenantRow { tenant: Some(tenant), access: Some(access(seen.access)), overview }
}

/// What a view shows.
pub fn detail(view: i32) -> Result<Detail> {
    match v1::TenantView::try_from(view) {
        Ok(v1::TenantView::Full) => Ok(Detail::Full),
        Ok(v1::TenantView::Basic | v1::TenantView::Unspecified) => Ok(Detail::Basic),
        Err(_) => Err(Error::field("view", "must be TENANT_VIEW_BASIC or TENANT_VIEW_FULL")),
    }
}

fn overview(tenant: &Tenant, overview: Overview) -> v1::TenantOverview {
    let current_operation = overview.current_operation.map(|current| v1::CurrentOperation {
        name: operations::name(&tenant.code, current.id),
        kind: current.kind.name().to_owned(),
        percent: current.percent,
    });
    let license_total = license::total(overview.licenses.iter());
    let licenses = overview.licenses.into_iter().map(license::license_use).collect();
    let level = overview.utilization.map(|found| utilization::level(found.level())).unwrap_or_default();
    let backups = overview.backups;
    v1::TenantOverview {
        users: Some(overview.users),
        objects: Some(overview.assets),
        storage_bytes: Some(overview.storage_bytes),
        backup_bytes: backups.as_ref().map(|backups| backups.bytes),
        last_backup: backups.map(|backups| backup::last(&tenant.code, backups.last)),
        licenses,
        license_total,
        utilization: level.into(),
        current_operation,
    }
}

fn condition(condition: Condition) -> v1::TenantCondition {
    let kind = match condition.kind {
        ConditionKind::ServerUnreachable => v1::tenant_condition::Kind::ServerUnreachable,
        ConditionKind::DeletionBlocked => v1::tenant_condition::Kind::DeletionBlocked,
        ConditionKind::LimitNear => v1::tenant_condition::Kind::LimitNear,
        ConditionKind::LicensesExhausted => v1::tenant_condition::Kind::LicensesExhausted,
        ConditionKind::DomainNotSecure => v1::tenant_condition::Kind::DomainNotSecure,
    };
    v1::TenantCondition { kind: kind.into(), message: condition.message }
}

fn access(access: Access) -> v1::TenantAccess {
    let status = match access.status {
        Status::Active => v1::AccessStatus::Active,
        Status::Locked => v1::AccessStatus::Locked,
        Status::ReadOnly => v1::AccessStatus::ReadOnly,
        Status::Corrupt => v1::AccessStatus::Corrupt,
        Status::Failed => v1::AccessStatus::Failed,
        Status::PreparingDeletion => v1::AccessStatus::PreparingDeletion,
        Status::Prepared => v1::AccessStatus::Prepared,
        Status::AccessDenied => v1::AccessStatus::AccessDenied,
        Status::ImpersonationFailed => v1::AccessStatus::ImpersonationFailed,
    };
    v1::TenantAccess {
        status: status.into(),
        reason: access.reason.to_owned(),
        allowed_actions: access.allowed_actions.into_iter().map(str::to_owned).collect(),
    }
}

/// A state as a message has it.
pub fn state(state: State) -> v1::tenant::State {
    match state {
        State::Active => v1::tenant::State::Active,
        State::Locked => v1::tenant::State::Locked,
        State::Failed => v1::tenant::State::Failed,
        State::PreparingDeletion => v1::tenant::State::PreparingDeletion,
        State::Prepared => v1::tenant::State::Prepared,
    }
}

/// Why a tenant is locked, as a message has it.
pub fn lock_reason(reason: Option<LockReason>) -> v1::tenant::LockReason {
    match reason {
        None => v1::tenant::LockReason::Unspecified,
        Some(LockReason::Operator) => v1::tenant::LockReason::Operator,
        Some(LockReason::Provisioning) => v1::tenant::LockReason::Provisioning,
        Some(LockReason::Restoring) => v1::tenant::LockReason::Restoring,
        Some(LockReason::Undeleted) => v1::tenant::LockReason::Undeleted,
    }
}

/// What a deletion removes, as a message.
pub fn preview(radius: BlastRadius) -> v1::DeletionPreview {
    v1::DeletionPreview {
        users: radius.users,
        groups: radius.groups,
        roles: radius.roles,
        participants: radius.participants,
        guests: radius.guests,
        sessions: radius.sessions,
        storage_bytes: radius.storage_bytes,
        blockers: radius.blockers.into_iter().map(blocker).collect(),
    }
}

fn blocker(blocker: Blocker) -> v1::DeletionBlocker {
    v1::DeletionBlocker { participant: blocker.participant, reason: blocker.reason }
}

/// What CreateTenant asks for.
pub fn create(request: v1::CreateTenantRequest) -> Result<CreateTenant> {
    let mut fields = Fields::default();
    let sent = request.tenant.unwrap_or_default();
    let code = Some(request.tenant_id).filter(|id| !id.is_empty());
    let code = code.map(|id| fields.take("tenant_id", TenantCode::parse(&id)));
    let display_name = fields.take("tenant.display_name", DisplayName::parse(&sent.display_name));
    let company_name = fields.take("tenant.company_name", CompanyName::parse(&sent.company_name));
    let sent_labels = fields.take("tenant.labels", labels(sent.labels));
    let server = Some(sent.server).filter(|s| !s.is_empty());
    let server = server.map(|name| server_id("tenant.server", &name)).transpose()?;
    let zone = Some(sent.time_zone).filter(|z| !z.is_empty());
    let zone = zone.map(|zone| fields.take("tenant.time_zone", TimeZone::parse(&zone)));
    let domain = Some(sent.domain).filter(|domain| !domain.is_empty());
    let domain = domain.map(|domain| fields.take("tenant.domain", DomainName::parse(&domain)));
    let looks = wanted_branding(&mut fields, &sent.branding.unwrap_or_default());
    let limits = limits::wanted(&mut fields, &request.limits.unwrap_or_default());
    let features = request.features.map(|sent| feature_names("features.features", sent.features)).transpose()?;
    let admin = request.initial_admin.map(|admin| initial_admin(&mut fields, &admin));
    let create = || {
        let tenant = NewTenant {
            code: code.flatten(),
            display_name: display_name?,
            company_name: company_name?,
            labels: sent_labels?,
            protected: sent.protected,
            server,
            time_zone: zone.flatten(),
            email_notification: sent.email_notification.unwrap_or(true),
            domain: domain.flatten(),
            branding: looks?,
            limits,
            features,
        };
        Some(CreateTenant { tenant, admin: admin.flatten(), from: None })
    };
    let create = create();
    fields.finish(create)
}

fn initial_admin(fields: &mut Fields, admin: &v1::InitialAdmin) -> Option<InitialAdmin> {
    let user_name = UserName::parse(&admin.user_name)
        .and_then(|name| if name.key() == SUPERUSER { Err(format!("is reserved: {SUPERUSER}")) } else { Ok(name) });
    let user_name = fields.take("initial_admin.user_name", user_name);
    let email = fields.take("initial_admin.email", Email::parse(&admin.email));
    let given_name = fields.take("initial_admin.given_name", PersonName::parse(&admin.given_name));
    let family_name = fields.take("initial_admin.family_name", PersonName::parse(&admin.family_name));
    Some(InitialAdmin { user_name: user_name?, email: email?, given_name: given_name?, family_name: family_name? })
}

/// What UpdateTenant asks for.
pub fn update(request: v1::UpdateTenantRequest) -> Result<UpdateTenant> {
    let sent = request.tenant.unwrap_or_default();
    let mut fields = Fields::default();
    let changeable = [
        ("display_name", !sent.display_name.is_empty()),
        ("company_name", !sent.company_name.is_empty()),
        ("labels", !sent.labels.is_empty()),
        ("protected", sent.protected),
        ("time_zone", !sent.time_zone.is_empty()),
        ("email_notification", sent.email_notification.is_some()),
        ("branding", sent.branding.is_some()),
    ];
    let [display_name, company_name, labelled, protected, time_zone, email_notification, branding] =
        fields.masked(request.update_mask, changeable);
    let mut patch = TenantPatch::default();
    if display_name {
        patch.display_name = fields.take("tenant.display_name", DisplayName::parse(&sent.display_name));
    }
    if company_name {
        patch.company_name = fields.take("tenant.company_name", CompanyName::parse(&sent.company_name));
    }
    if labelled {
        patch.labels = fields.take("tenant.labels", labels(sent.labels));
    }
    if protected {
        patch.protected = Some(sent.protected);
    }
    if time_zone {
        patch.time_zone = fields.take("tenant.time_zone", TimeZone::parse(&sent.time_zone));
    }
    if email_notification {
        let sent = sent.email_notification.ok_or_else(|| "must be true or false".to_owned());
        patch.email_notification = fields.take("tenant.email_notification", sent);
    }
    if branding {
        patch.branding = wanted_branding(&mut fields, &sent.branding.unwrap_or_default());
    }
    fields.finish(Some(UpdateTenant { patch, etag: sent.etag }))
}

/// That a resource name is one of a tenant, and of nothing below it.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", tenant] if *tenant != "-" => Ok(()),
        _ => Err(Error::field(field, "must be `tenants/{code}` or `tenants/{uid}`")),
    }
}
