//! CheckImpersonation and RepairImpersonation: whether a tenant's superuser can be acted for, and how it gets what it lacks.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::directory::usable_superuser;
use crate::app::tenants::{caller_facts, target};
use crate::authz::decision::{Facts, is_operator};
use crate::authz::impersonation::{Candidate, STATES, Whom};
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::id::UserId;
use crate::domain::impersonation::{OF_ACTOR, OF_TARGET};
use crate::domain::lifecycle::State;
use crate::domain::name::UserName;
use crate::domain::obstacle::Obstacle;
use crate::domain::privilege::Privilege;
use crate::domain::role::Held;
use crate::domain::user::{SUPERUSER, UserState};
use crate::store::tx::Tx;
use crate::store::{identities, impersonation, privileges, roles};

/// What is missing for acting for a tenant's superuser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Code of the tenant.
    pub tenant_code: String,
    /// Its superuser; none: it has none.
    pub superuser: Option<UserId>,
    /// What the tenant and its superuser lack.
    pub in_tenant: Vec<Obstacle>,
    /// What the caller lacks.
    pub of_actor: Vec<Obstacle>,
}

/// What was done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// What was missing in the tenant, and is there now.
    pub mended: Vec<Obstacle>,
    /// How it is now.
    pub check: Check,
}

impl App {
    /// What is missing for acting for the tenant's superuser.
    pub async fn check_impersonation(&self, op: OpContext) -> Result<Check> {
        let facts = caller_facts(&op)?;
        self.db.read(op, "check-impersonation", facts, |tx, facts| check(tx, facts).boxed()).await
    }

    /// Gives the tenant's superuser what it lacks: the account itself, its place in the tenant, the mark and privileges.
    pub async fn repair_impersonation(&self, op: OpContext) -> Result<Repair> {
        let facts = caller_facts(&op)?;
        self.db.change(op, "repair-impersonation", facts, |tx, facts| repair(tx, facts).boxed()).await
    }
}

async fn check(tx: &mut Tx, facts: &Facts) -> Result<Check> {
    let found = impersonation::candidate(tx, &superuser()?).await?;
    let (state, candidate) = found.ok_or_else(|| tx.op().not_found())?;
    let tenant = tx.tenant();
    let code = identities::codes(tx, &[tenant]).await?.remove(&tenant).unwrap_or_else(|| tenant.to_string());
    let unlicensed = privileges::unlicensed(tx).await?;
    let in_tenant = if tenant.is_infrastructure() {
        let text = "nobody is acted for in the infrastructure tenant: its users act in others";
        vec![Obstacle::new(Reason::ImpersonationTargetNotDefined, "tenants/infrastructure", text)]
    } else {
        in_tenant(&code, state, candidate.as_ref(), &unlicensed)
    };
    // Whoever acts for superuser already, and whoever is of the tenant, is no operator here.
    let operator = is_operator(facts) && tx.op().permit().acting().is_none();
    let of_actor = if operator { of_actor(facts) } else { Vec::new() };
    Ok(Check { tenant_code: code, superuser: candidate.map(|found| found.user), in_tenant, of_actor })
}

fn superuser() -> Result<Whom> {
    let name = UserName::parse(SUPERUSER).map_err(|why| Error::internal("superuser", why))?;
    Ok(Whom::Named(name))
}

/// What a tenant and its superuser lack.
fn in_tenant(
    code: &str,
    state: State,
    superuser: Option<&Candidate>,
    unlicensed: &BTreeSet<Privilege>,
) -> Vec<Obstacle> {
    let tenant = format!("tenants/{code}");
    let mut found = Vec::new();
    if !STATES.contains(&state) {
        let text = format!("the tenant is {}; operators act in one that is ACTIVE or LOCKED", state.name());
        found.push(Obstacle::new(Reason::TenantStateInvalid, tenant.as_str(), text));
    }
    let undefined = |resource: &str, text: &str| Obstacle::new(Reason::ImpersonationTargetNotDefined, resource, text);
    let Some(superuser) = superuser else {
        found.push(undefined(&tenant, "the tenant has no account superuser; RepairImpersonation makes it"));
        return found;
    };
    let name = format!("{tenant}/users/{}", superuser.user);
    if !superuser.marked {
        found.push(undefined(&name, "superuser is not marked; SetImpersonationTarget or RepairImpersonation marks it"));
    }
    if !superuser.member {
        found.push(undefined(&name, "superuser does not work in the tenant; RepairImpersonation brings it back"));
    }
    if superuser.state != UserState::Active {
        found.push(undefined(&name, "superuser is not ACTIVE; RepairImpersonation makes it so"));
    }
    let needed = OF_TARGET.into_iter().filter(|privilege| !unlicensed.contains(privilege));
    let missing: BTreeSet<_> = needed.filter(|privilege| !superuser.privileges.contains(privilege)).collect();
    if !missing.is_empty() {
        let text = "superuser lacks privileges in the tenant; RepairImpersonation gives them to it";
        let lacks = Obstacle::new(Reason::ImpersonationTargetUnderprivileged, name, text);
        found.push(lacks.all_of(&missing));
    }
    found
}

/// What a caller lacks for acting for others.
fn of_actor(facts: &Facts) -> Vec<Obstacle> {
    let missing: BTreeSet<_> = OF_ACTOR.into_iter().filter(|p| !facts.privileges.contains(p)).collect();
    let name = format!("tenants/infrastructure/users/{}", facts.caller.user.user);
    let (impersonation, others): (BTreeSet<_>, BTreeSet<_>) =
        missing.into_iter().partition(|privilege| *privilege == Privilege::Impersonation);
    let mut found = Vec::new();
    if !impersonation.is_empty() {
        let text = "you lack the privilege to act for others in the infrastructure tenant";
        found.push(Obstacle::new(Reason::ImpersonationNotPermitted, name.as_str(), text).all_of(&impersonation));
    }
    if !others.is_empty() {
        let text = "you lack privileges in the infrastructure tenant that calls take of whoever makes them for others";
        found.push(Obstacle::new(Reason::PrivilegeMissing, name.as_str(), text).all_of(&others));
    }
    found
}

async fn repair(tx: &mut Tx, facts: &Facts) -> Result<Repair> {
    target(tx).await?;
    let before = check(tx, facts).await?;
    let user = usable_superuser(tx).await?;
    let missing: BTreeSet<_> = check(tx, facts).await?.in_tenant.into_iter().flat_map(|o| o.privileges).collect();
    let missing: Vec<_> = missing.iter().filter_map(|name| Privilege::parse(name)).map(Held::Function).collect();
    if !missing.is_empty() {
        give(tx, user, &missing).await?;
    }
    let check = check(tx, facts).await?;
    if !check.in_tenant.is_empty() {
        return Err(Error::internal("repair", format!("it left {:?}", check.in_tenant)));
    }
    for obstacle in &before.in_tenant {
        let what =
            if obstacle.privileges.is_empty() { obstacle.message.clone() } else { obstacle.privileges.join(" ") };
        tx.tell(obstacle.reason.name(), what);
    }
    Ok(Repair { mended: before.in_tenant, check })
}

/// Gives privileges to superuser by a role that nobody else holds, so that nobody else gets them.
async fn give(tx: &mut Tx, superuser: UserId, missing: &[Held]) -> Result<()> {
    let role = match roles::held_by_alone(tx, superuser).await? {
        Some(role) => role,
        None => roles::insert_named_after(tx, SUPERUSER).await?,
    };
    roles::grant(tx, role, missing).await?;
    roles::assign(tx, role, &[superuser], &[]).await?;
    Ok(())
}
