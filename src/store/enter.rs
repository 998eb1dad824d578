//! How a transaction begins.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl};

use super::error::{failed, unavailable};
use super::impersonation::names;
use super::schema::{tenants as t, users as u};
use crate::authn::{Caller, Credential, IdentityClaims, Proof, SessionClaims};
use crate::authz::permit::Ground;
use crate::authz::policy::ServiceUse;
use crate::authz::services::Service;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::impersonation;
use crate::domain::privilege::Privilege;
use crate::domain::service_identity::method_not_given;

/// Makes the rest of a transaction one of the role that looks across tenants.
pub(super) const AS_PLATFORM: &str = "SET LOCAL ROLE landlord_platform";

/// Begins a transaction, on the tenant that its work is on or, for a caller, that the caller works in.
pub(super) async fn begin(conn: &mut AsyncPgConnection, op: &OpContext, tenant: TenantUid) -> Result<()> {
    let tenant = op.permit().caller().map_or(tenant, |caller| caller.active);
    let sql = format!("BEGIN; SELECT set_config('landlord.tenant', '{tenant}', true)");
    AnsiTransactionManager::begin_transaction_sql(conn, &sql).await.map_err(unavailable)
}

/// Takes the tenant of the transaction, and checks the permit's claims. The service's own work has none, and began on its tenant.
pub(super) async fn enter(
    conn: &mut AsyncPgConnection,
    op: &OpContext,
    tenant: TenantUid,
    for_change: bool,
) -> Result<()> {
    match op.permit().ground() {
        Ground::System(_) => Ok(()),
        Ground::Service { service, policy } => {
            let (key, certificate) = match &service.proof {
                Proof::Key(_, hash) => (Some(hash.as_slice()), None),
                Proof::Certificate(id) => (None, Some(id.as_str())),
            };
            let (method, in_active) = (policy.short(), policy.services == ServiceUse::ActiveTenant);
            let entered: String = diesel::select(sql::enter_as_service(
                tenant.0,
                service.service.uid.0,
                key,
                certificate,
                &method,
                in_active,
                for_change,
            ))
            .get_result(conn)
            .await
            .map_err(failed)?;
            service_refused(&entered, op, service, &method)
        }
        Ground::Public => Err(Error::internal("context", "a call that is open to everybody opens no transaction")),
        Ground::Caller { caller, needed, .. } => enter_as(conn, caller, tenant, needed, for_change).await,
        Ground::Acting { acting, .. } if acting.tenant != tenant => {
            Err(Error::internal("context", "who acts for an account works on its tenant alone"))
        }
        Ground::Acting { caller, of_caller, acting, of_account } => {
            let (user, active, account) = (caller.user, caller.active.0, acting.acted_for.user.0);
            let (of_actor, of_target) = (names(of_caller), names(of_account));
            let entered = match caller.credential {
                Credential::Session(SessionClaims { id, user_epoch, tenant_epoch }) => {
                    diesel::select(sql::enter_acting(
                        tenant.0,
                        user.home.0,
                        user.user.0,
                        id.0,
                        user_epoch,
                        active,
                        tenant_epoch,
                        account,
                        of_actor,
                        of_target,
                        for_change,
                    ))
                    .get_result::<String>(conn)
                    .await
                }
                Credential::Identity(IdentityClaims { id, issued_at }) => {
                    diesel::select(sql::enter_acting_with_identity(
                        tenant.0,
                        user.home.0,
                        user.user.0,
                        id.0,
                        issued_at,
                        active,
                        account,
                        of_actor,
                        of_target,
                        for_change,
                    ))
                    .get_result::<String>(conn)
                    .await
                }
            };
            match entered.map_err(failed)? {
                entered if entered == Reason::ResourceNotFound.name() => Err(op.not_found()),
                entered => refused(&entered, of_caller, of_account),
            }
        }
    }
}

/// What entering has answered, as a refusal of what is no longer so.
pub(super) fn refused(answer: &str, of_caller: &[Privilege], of_account: &[Privilege]) -> Result<()> {
    let reason = match answer {
        "OK" => return Ok(()),
        answer => Reason::parse(answer),
    };
    Err(match reason {
        Some(Reason::PrivilegeMissing) => {
            let text = "the privilege that the call needs was just revoked";
            Refusal::new(Reason::PrivilegeMissing, text)
                .with("privilege", impersonation::names(of_caller.iter().copied()))
                .into()
        }
        Some(Reason::ImpersonationNotPermitted) => impersonation::privilege_missing(),
        Some(Reason::ImpersonationTargetNotDefined) => impersonation::target_not_defined(),
        Some(Reason::ImpersonationTargetUnderprivileged) => impersonation::target_underprivileged(of_account),
        Some(Reason::TenantStateInvalid) => {
            let text = "the tenant is neither ACTIVE nor LOCKED any more";
            Refusal::new(Reason::TenantStateInvalid, text).into()
        }
        Some(Reason::SessionRequired) => {
            let text = "the user has no licence that permits log-in in the tenant; call CreateSession with id_token once, which \
                        takes one if one is free";
            Refusal::new(Reason::SessionRequired, text).into()
        }
        _ => Refusal::new(Reason::TokenInvalid, "the session has ended; log in again").into(),
    })
}

/// The same for a service.
fn service_refused(answer: &str, op: &OpContext, service: &Service, method: &str) -> Result<()> {
    let reason = match answer {
        "OK" => return Ok(()),
        answer => Reason::parse(answer),
    };
    Err(match reason {
        Some(Reason::MethodNotGiven) => method_not_given(&service.service, method),
        Some(Reason::ResourceNotFound) => op.not_found(),
        Some(Reason::TenantLocked) => {
            let text =
                format!("the tenant is not ACTIVE, and {method} reaches what is in it; CheckAccess says what it is");
            Refusal::new(Reason::TenantLocked, text).into()
        }
        _ => Refusal::new(Reason::TokenInvalid, "the key or certificate is not good any more").into(),
    })
}

/// Takes the locks that a change of the caller's own account or own tenant needs in the end. Entering only shares these
/// rows, and two who share a row would wait for each other to change it. The order is that of entering: the tenant, then
/// the user. Sessions need nothing: who has the user alone has them alone. Says whether the tenant is held, by this or by entering.
pub(super) async fn hold_own_rows(conn: &mut AsyncPgConnection, op: &OpContext, tenant: TenantUid) -> Result<bool> {
    let Some(caller) = op.permit().caller() else { return Ok(false) };
    let acts = op.permit().acting().is_some();
    let (home, user) = (caller.user.home, caller.user.user);
    let changes_tenant = caller.active == tenant && op.call().is_some_and(|call| call.policy.names_tenant());
    if home != tenant && !changes_tenant {
        return Ok(acts);
    }
    let row = t::table.find(caller.active.0).select(t::tenant_id);
    let row = if changes_tenant {
        row.for_no_key_update().first::<uuid::Uuid>(conn).await
    } else {
        row.for_share().first::<uuid::Uuid>(conn).await
    };
    row.optional().map_err(failed)?;
    if home == tenant {
        if home != caller.active {
            set_tenant(conn, home).await?;
        }
        let row = u::table.find((home.0, user.0)).select(u::id).for_no_key_update();
        row.first::<uuid::Uuid>(conn).await.optional().map_err(failed)?;
    }
    Ok(acts || changes_tenant)
}

/// The same for a caller who acts for nobody else: `enter_transaction` and `enter_with_identity` in the migrations check each claim,
/// in this transaction.
pub(super) async fn enter_as(
    conn: &mut AsyncPgConnection,
    caller: &Caller,
    tenant: TenantUid,
    needed: &[Privilege],
    for_change: bool,
) -> Result<()> {
    let Caller { user, active, credential } = caller;
    let entered = match credential {
        Credential::Session(SessionClaims { id, user_epoch, tenant_epoch }) => {
            diesel::select(sql::enter_transaction(
                tenant.0,
                user.home.0,
                user.user.0,
                id.0,
                *user_epoch,
                active.0,
                *tenant_epoch,
                names(needed),
                for_change,
            ))
            .get_result::<String>(conn)
            .await
        }
        Credential::Identity(IdentityClaims { id, issued_at }) => {
            diesel::select(sql::enter_with_identity(
                tenant.0,
                user.home.0,
                user.user.0,
                id.0,
                *issued_at,
                active.0,
                names(needed),
                for_change,
            ))
            .get_result::<String>(conn)
            .await
        }
    };
    refused(&entered.map_err(failed)?, needed, &[])
}

#[expect(clippy::too_many_arguments, reason = "generated; one argument for each claim")]
mod sql {
    use super::*;

    diesel::define_sql_function! {
        /// See the migration.
        fn enter_transaction(target: SqlUuid, home: SqlUuid, caller: SqlUuid, session: SqlUuid, user_epoch: BigInt,
            active: SqlUuid, tenant_epoch: BigInt, needed: Array<Text>, for_change: Bool) -> Text;
    }

    diesel::define_sql_function! {
        /// See the migration.
        fn enter_with_identity(target: SqlUuid, home: SqlUuid, caller: SqlUuid, identity: SqlUuid, issued_at: BigInt,
            active: SqlUuid, needed: Array<Text>, for_change: Bool) -> Text;
    }

    diesel::define_sql_function! {
        /// See the migration.
        fn enter_acting_with_identity(tenant: SqlUuid, home: SqlUuid, caller: SqlUuid, identity: SqlUuid, issued_at: BigInt,
            active: SqlUuid, account: SqlUuid, of_actor: Array<Text>, of_account: Array<Text>, for_change: Bool) -> Text;
    }

    diesel::define_sql_function! {
        /// See the migration.
        fn enter_acting(tenant: SqlUuid, home: SqlUuid, caller: SqlUuid, session: SqlUuid, user_epoch: BigInt,
            active: SqlUuid, tenant_epoch: BigInt, account: SqlUuid, of_actor: Array<Text>, of_account: Array<Text>,
            for_change: Bool) -> Text;
    }

    diesel::define_sql_function! {
        /// See the migration.
        fn enter_as_service(tenant: SqlUuid, service: SqlUuid, key_hash: Nullable<Binary>, certificate: Nullable<Text>,
            method: Text, in_active: Bool, for_change: Bool) -> Text;
    }
}
diesel::define_sql_function! {
    /// Sets a setting, for the transaction when it is local.
    fn set_config(name: Text, value: Text, is_local: Bool) -> Text;
}

/// Takes the tenant of the transaction; the service's own work has no claims to check.
pub(super) async fn set_tenant(conn: &mut AsyncPgConnection, tenant: TenantUid) -> Result<()> {
    diesel::select(set_config("landlord.tenant", tenant.to_string(), true)).execute(conn).await.map_err(failed)?;
    Ok(())
}
