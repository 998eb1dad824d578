//! The decision whether a caller may act for an account of another tenant. Pure, in two steps: first the caller, who learns
//! nothing of tenants and accounts without the right to act for them, then the account.

use std::collections::BTreeSet;
use std::ptr;
use std::sync::Arc;

use super::decision::{self, Facts};
use super::permit::{Ground, Permit};
use super::policy::{self, Policy};
use crate::authn::ActsFor;
use crate::domain::error::{Error, Result};
use crate::domain::id::{TenantUid, UserId};
use crate::domain::impersonation::{
    ActedFor, chained, not_permitted, privilege_missing, target_not_defined, target_underprivileged,
};
use crate::domain::lifecycle::State;
use crate::domain::name::{ImpersonationReason, UserName};
use crate::domain::privilege::Privilege;
use crate::domain::user::UserState;

/// For whom a caller wants to act, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The account.
    pub whom: Whom,
    /// Why.
    pub reason: ImpersonationReason,
}

/// An account as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// By its user name, in the tenant that the call is on.
    Named(UserName),
    /// The one that a token was exchanged for.
    Known(TenantUid, UserId),
}

impl Wish {
    /// What the metadata asks for, or the token says. Not both: nobody acts for an account on behalf of one.
    pub fn of(asked: Option<Self>, token: Option<ActsFor>) -> Result<Option<Self>> {
        match (asked, token) {
            (Some(_), Some(_)) => Err(chained()),
            (asked, None) => Ok(asked),
            (None, Some(ActsFor { tenant, user, reason })) => {
                Ok(Some(Self { whom: Whom::Known(tenant, user), reason }))
            }
        }
    }
}

/// What is known of an account that somebody wants to act for.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Which.
    pub user: UserId,
    /// Whether it is marked as a target.
    pub marked: bool,
    /// How far it is.
    pub state: UserState,
    /// Whether it works in its tenant.
    pub member: bool,
    /// The privileges that it holds there.
    pub privileges: BTreeSet<Privilege>,
}

impl Candidate {
    /// Whether it may be acted for.
    pub fn is_target(&self) -> bool {
        self.marked && self.member && self.state == UserState::Active
    }
}

/// An account that a caller acts for, as it was when that was decided.
#[derive(Debug)]
pub struct Acting {
    /// Where.
    pub tenant: TenantUid,
    /// For whom and why.
    pub acted_for: ActedFor,
    /// The privileges that the account holds there.
    pub privileges: BTreeSet<Privilege>,
}

impl Acting {
    /// Whether the caller may also make that call in this way, leaving the tenant's state aside.
    pub fn allows(&self, policy: &'static Policy, caller: &Facts) -> bool {
        may_act(policy, caller).is_ok() && holds_one(&self.privileges, policy.tenant)
    }
}

/// The states of a tenant in which operators act for its accounts: a lock keeps them out of nothing.
pub const STATES: &[State] = &[State::Active, State::Locked];

/// A caller who may act for accounts with a call.
#[derive(Debug)]
pub struct MayAct<'f> {
    policy: &'static Policy,
    caller: &'f Facts,
}

/// Whether the caller may act for accounts with this call.
pub fn may_act<'f>(policy: &'static Policy, caller: &'f Facts) -> Result<MayAct<'f>> {
    // Nobody else learns more than that it is not permitted.
    if decision::is_operator(caller) {
        if ptr::eq(policy, &policy::SESSION_SERVICE_EXCHANGE_TOKEN) {
            return Err(chained());
        }
        if !policy.impersonation {
            let text = format!("{} can't be called while acting for another account", policy.name);
            return Err(not_permitted(text).into());
        }
    }
    permitted(policy, caller)
}

/// Whether the caller may have a token for acting for accounts. What a call takes besides is asked when it is made.
pub fn may_exchange(caller: &Facts) -> Result<MayAct<'_>> {
    permitted(&policy::SESSION_SERVICE_EXCHANGE_TOKEN, caller)
}

fn permitted<'f>(policy: &'static Policy, caller: &'f Facts) -> Result<MayAct<'f>> {
    if !decision::is_operator(caller) {
        let text = "only operators may act for other accounts, from a session in their own tenant";
        return Err(not_permitted(text).into());
    }
    if caller.must_change_password {
        return Err(decision::password_change_required());
    }
    if !caller.privileges.contains(&Privilege::Impersonation) {
        return Err(privilege_missing());
    }
    if !holds_one(&caller.privileges, policy.platform) {
        return Err(decision::missing(policy, true));
    }
    Ok(MayAct { policy, caller })
}

impl MayAct<'_> {
    /// Leave for the call, or why not, given the tenant's state and what is known of the account.
    pub fn for_account(
        self,
        (tenant, state): (TenantUid, State),
        candidate: Option<Candidate>,
        reason: ImpersonationReason,
    ) -> Result<Permit> {
        if !STATES.contains(&state) {
            return Err(Error::state(state.name(), STATES));
        }
        let candidate = candidate.filter(Candidate::is_target).ok_or_else(target_not_defined)?;
        if !holds_one(&candidate.privileges, self.policy.tenant) {
            return Err(target_underprivileged(self.policy.tenant));
        }
        let method = self.policy.path.to_owned();
        let acted_for = ActedFor { user: candidate.user, reason, method };
        let acting = Arc::new(Acting { tenant, acted_for, privileges: candidate.privileges });
        let (of_caller, of_account) = (self.policy.platform, self.policy.tenant);
        Ok(Permit(Ground::Acting { caller: self.caller.caller, of_caller, acting, of_account }))
    }
}

/// Whether one of those that are needed is held; none may be needed.
fn holds_one(held: &BTreeSet<Privilege>, needed: &[Privilege]) -> bool {
    needed.is_empty() || needed.iter().any(|privilege| held.contains(privilege))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::Caller;
    use crate::domain::error::Reason;
    use crate::domain::id::UserRef;

    fn caller(home: TenantUid, active: TenantUid, privileges: &[Privilege]) -> Facts {
        let user = UserRef { home, user: UserId::new() };
        Facts {
            caller: Caller::in_session(user, active),
            user_name: "somebody".into(),
            privileges: privileges.iter().copied().collect(),
            must_change_password: false,
        }
    }

    fn operator(privileges: &[Privilege]) -> Facts {
        caller(TenantUid::INFRASTRUCTURE, TenantUid::INFRASTRUCTURE, privileges)
    }

    fn superuser() -> Candidate {
        let privileges = BTreeSet::from([Privilege::UserAdministrator]);
        Candidate { user: UserId::new(), marked: true, state: UserState::Active, member: true, privileges }
    }

    fn reason(policy: &'static Policy, caller: &Facts, state: State, candidate: Option<Candidate>) -> Option<Reason> {
        let why = ImpersonationReason::parse("ticket 4711").unwrap();
        let decided =
            may_act(policy, caller).and_then(|may| may.for_account((TenantUid::new(), state), candidate, why));
        decided.err().and_then(|error| error.reason())
    }

    #[test]
    fn an_operator_acts_for_a_marked_account_that_may_make_the_call() {
        let call = &policy::USER_SERVICE_CREATE_GROUP;
        let olga = operator(&[Privilege::Impersonation]);
        for state in [State::Active, State::Locked] {
            assert_eq!(reason(call, &olga, state, Some(superuser())), None);
        }
        assert_eq!(reason(call, &olga, State::Prepared, Some(superuser())), Some(Reason::TenantStateInvalid));
        for other in [
            None,
            Some(Candidate { marked: false, ..superuser() }),
            Some(Candidate { member: false, ..superuser() }),
            Some(Candidate { state: UserState::Locked, ..superuser() }),
        ] {
            assert_eq!(reason(call, &olga, State::Active, other), Some(Reason::ImpersonationTargetNotDefined));
        }
        let weak = Candidate { privileges: BTreeSet::from([Privilege::PortalAdministrator]), ..superuser() };
        assert_eq!(reason(call, &olga, State::Active, Some(weak)), Some(Reason::ImpersonationTargetUnderprivileged));
    }

    #[test]
    fn the_actor_is_of_the_infrastructure_tenant_and_holds_what_it_takes() {
        let (call, not_permitted) = (&policy::USER_SERVICE_CREATE_GROUP, Some(Reason::ImpersonationNotPermitted));
        let refused = |actor: &Facts| reason(call, actor, State::Active, Some(superuser()));
        assert_eq!(refused(&operator(&[Privilege::ManageTenants])), not_permitted);
        let (elsewhere, infrastructure) = (TenantUid::new(), TenantUid::INFRASTRUCTURE);
        for (home, active) in [(elsewhere, elsewhere), (elsewhere, infrastructure), (infrastructure, elsewhere)] {
            assert_eq!(refused(&caller(home, active, &Privilege::ALL)), not_permitted);
        }
        let get = &policy::TENANT_SERVICE_GET_TENANT;
        let only = operator(&[Privilege::Impersonation]);
        assert_eq!(reason(get, &only, State::Active, Some(superuser())), Some(Reason::PrivilegeMissing));
        let both = operator(&[Privilege::Impersonation, Privilege::ManageTenants]);
        assert_eq!(reason(get, &both, State::Active, Some(superuser())), None);
        let fresh = Facts { must_change_password: true, ..both };
        assert_eq!(refused(&fresh), Some(Reason::PasswordChangeRequired));
    }

    #[test]
    fn calls_that_do_not_let_themselves_be_made_so_refuse_and_nothing_is_chained() {
        let olga = operator(&Privilege::ALL);
        for policy in policy::ALL.iter().filter(|policy| !policy.impersonation) {
            let chained = policy.name == "ExchangeToken";
            let refused = reason(policy, &olga, State::Active, Some(superuser()));
            let expected = if chained { Reason::ImpersonationChained } else { Reason::ImpersonationNotPermitted };
            assert_eq!(refused, Some(expected), "{}", policy.path);
        }
        let why = ImpersonationReason::parse("ticket 4711").unwrap();
        let token = ActsFor { tenant: TenantUid::new(), user: UserId::new(), reason: why.clone() };
        let asked = Wish { whom: Whom::Known(token.tenant, token.user), reason: why };
        assert_eq!(Wish::of(None, Some(token.clone())).unwrap(), Some(asked.clone()));
        assert_eq!(Wish::of(Some(asked), Some(token)).unwrap_err().reason(), Some(Reason::ImpersonationChained));
    }
}
