//! Why a user may or may not make a call on a tenant: the same rules as those of the decision, with all that is missing.
//! Pure.

use std::collections::BTreeSet;

use super::decision;
use super::impersonation::{Candidate, STATES};
use super::policy::{Access, Policy};
use crate::domain::error::Reason;
use crate::domain::id::{TenantUid, UserRef};
use crate::domain::lifecycle::State;
use crate::domain::obstacle::Obstacle;
use crate::domain::privilege::Privilege;
use crate::domain::user::UserState;

/// A user, as the explanation needs it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Who.
    pub user: UserRef,
    /// The user by its name, as it is told.
    pub name: String,
    /// How far it is.
    pub state: UserState,
    /// Whether it must change the password before anything else.
    pub must_change_password: bool,
    /// Privileges that it holds in the infrastructure tenant, if that is its home and it works there.
    pub as_operator: Option<BTreeSet<Privilege>>,
}

/// The tenant that the call would be on.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which.
    pub uid: TenantUid,
    /// By its name, as it is told.
    pub name: String,
    /// Its state.
    pub state: State,
    /// What the user is there.
    pub rights: Rights,
    /// For whom the user would act there.
    pub acting: Option<Account>,
}

/// The account that a user would act for.
#[derive(Clone, Debug)]
pub struct Account {
    /// By its user name, as it was asked for.
    pub name: String,
    /// None: the tenant has none of that name.
    pub candidate: Option<Candidate>,
}

/// What a user is in a tenant.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Whether it works there.
    pub member: bool,
    /// Privileges that its roles give it.
    pub given: BTreeSet<Privilege>,
    /// Privileges that the tenant's licences don't open.
    pub unlicensed: BTreeSet<Privilege>,
}

/// All that stands in the way of the call; nothing: it may be made.
pub fn obstacles(policy: &Policy, subject: &Subject, place: Option<&Place>) -> Vec<Obstacle> {
    let mut found = Vec::new();
    if subject.state != UserState::Active {
        let text = format!("the user is {}; only an ACTIVE one makes calls", subject.state.name());
        found.push(Obstacle::new(Reason::UserStateInvalid, subject.name.as_str(), text));
    }
    let acting = place.and_then(|place| Some((place, place.acting.as_ref()?)));
    if subject.must_change_password && (acting.is_some() || !policy.before_password_change) {
        let text = "the password must be changed first, with UserService.ChangePassword";
        found.push(Obstacle::new(Reason::PasswordChangeRequired, subject.name.as_str(), text));
    }
    match acting {
        Some((place, account)) => for_account(policy, subject, place, account, &mut found),
        None if policy.access == Access::Privileged => by_itself(policy, subject, place, &mut found),
        None => {}
    }
    if let Some(place) = place.filter(|_| policy.names_tenant()) {
        state(policy, place, &mut found);
    }
    found
}

/// What stands in the way of a user who makes the call by its own rights.
fn by_itself(policy: &Policy, subject: &Subject, place: Option<&Place>, found: &mut Vec<Obstacle>) {
    if subject.as_operator.as_ref().is_some_and(|held| holds_one(held, policy.platform)) {
        return;
    }
    let operator = subject.as_operator.is_some();
    let here = place.filter(|place| place.rights.member);
    let Some(place) = here.filter(|place| !operator || place.uid.is_infrastructure()) else {
        found.push(match (operator, policy.platform.is_empty()) {
            (true, false) => missing(
                subject.name.as_str(),
                policy.platform,
                "the user lacks privileges in the infrastructure tenant",
            ),
            (true, true) => {
                let text = "operators reach what is in a tenant by acting for an account there: see `acting_for`";
                Obstacle::new(Reason::PrivilegeMissing, subject.name.as_str(), text).one_of(policy.tenant)
            }
            (false, _) if policy.names_tenant() => {
                Obstacle::new(Reason::ResourceNotFound, subject.name.as_str(), "the user does not work in that tenant")
            }
            (false, _) => only_operators(subject, policy),
        });
        return;
    };
    let rights = &place.rights;
    let held: BTreeSet<_> = rights.given.difference(&rights.unlicensed).copied().collect();
    if policy.tenant.is_empty() {
        found.push(only_operators(subject, policy));
    } else if !holds_one(&held, policy.tenant) {
        found.push(lacks(subject.name.as_str(), policy.tenant, rights));
    }
    if place.state != State::Active {
        let text = "nobody works in a tenant that is not ACTIVE; operators may act in one that is LOCKED";
        found.push(Obstacle::new(Reason::TenantLocked, place.name.as_str(), text));
    }
}

/// What stands in the way of a user who makes the call for an account.
fn for_account(policy: &Policy, subject: &Subject, place: &Place, account: &Account, found: &mut Vec<Obstacle>) {
    let mut add = |reason, resource: &str, text: String| found.push(Obstacle::new(reason, resource, text));
    let (name, not_permitted) = (subject.name.as_str(), Reason::ImpersonationNotPermitted);
    if !policy.impersonation {
        add(not_permitted, name, format!("{} can't be called while acting for another account", policy.name));
    }
    let Some(held) = &subject.as_operator else {
        // Nothing of the account is told.
        found.push(may_not_act(subject));
        return;
    };
    let account_name = format!("{}: {}", place.name, account.name);
    if !STATES.contains(&place.state) {
        let text = format!("the tenant is {}; operators act in one that is ACTIVE or LOCKED", place.state.name());
        add(Reason::TenantStateInvalid, &place.name, text);
    }
    match &account.candidate {
        None => add(Reason::ImpersonationTargetNotDefined, &account_name, "the tenant has no such account".to_owned()),
        Some(candidate) => {
            let mut undefined = |text: &str| add(Reason::ImpersonationTargetNotDefined, &account_name, text.to_owned());
            if !candidate.marked {
                undefined("the account is not marked as a target; SetImpersonationTarget marks it");
            }
            if !candidate.member {
                undefined("the account does not work in the tenant");
            }
            if candidate.state != UserState::Active {
                undefined("the account is not ACTIVE");
            }
        }
    }
    if !held.contains(&Privilege::Impersonation) {
        found.push(may_not_act(subject));
    }
    if !policy.platform.is_empty() && !holds_one(held, policy.platform) {
        found.push(missing(name, policy.platform, "the call also takes a privilege of the operator"));
    }
    let lacking = account.candidate.as_ref().filter(|_| !policy.tenant.is_empty());
    if lacking.is_some_and(|candidate| !holds_one(&candidate.privileges, policy.tenant)) {
        let text = "the account lacks privileges in its tenant";
        let lacks = Obstacle::new(Reason::ImpersonationTargetUnderprivileged, account_name, text);
        found.push(lacks.one_of(policy.tenant));
    }
}

/// What of the tenant's state stands in the way.
fn state(policy: &Policy, place: &Place, found: &mut Vec<Obstacle>) {
    if place.uid.is_infrastructure() {
        if policy.change && !policy.infrastructure {
            let text = "the infrastructure tenant is read-only";
            found.push(Obstacle::new(Reason::TenantReadOnly, place.name.as_str(), text));
        }
    } else if !policy.states.is_empty() && !policy.states.contains(&place.state) {
        let allowed: Vec<_> = policy.states.iter().map(|state| state.name()).collect();
        let text =
            format!("the tenant is {}; the call is allowed when it is {}", place.state.name(), allowed.join(", "));
        found.push(Obstacle::new(Reason::TenantStateInvalid, place.name.as_str(), text));
    }
}

/// That the user acts for nobody.
pub fn may_not_act(subject: &Subject) -> Obstacle {
    let text = "only operators who hold the privilege for that act for other accounts";
    let obstacle = Obstacle::new(Reason::ImpersonationNotPermitted, subject.name.as_str(), text);
    obstacle.one_of(&[Privilege::Impersonation])
}

fn only_operators(subject: &Subject, policy: &Policy) -> Obstacle {
    missing(&subject.name, policy.platform, "only operators make this call")
}

fn missing(who: &str, needed: &[Privilege], text: &str) -> Obstacle {
    Obstacle::new(Reason::PrivilegeMissing, who, text).one_of(needed)
}

/// Which privilege is missing: one that no role gives, or one that a role gives and no licence opens.
fn lacks(who: &str, needed: &[Privilege], rights: &Rights) -> Obstacle {
    let closed: Vec<_> = needed.iter().copied().filter(|p| rights.given.contains(p)).collect();
    if closed.is_empty() {
        return missing(who, needed, "the user lacks a privilege in the tenant");
    }
    let text = "roles give the user the privilege, but no licence of the tenant opens it";
    Obstacle::new(Reason::PrivilegeNotLicensed, who, text).one_of(&closed)
}

fn holds_one(held: &BTreeSet<Privilege>, needed: &[Privilege]) -> bool {
    needed.iter().any(|privilege| held.contains(privilege))
}

/// Who may have a user's rights explained besides the user: operators who manage tenants, and whoever administers the users
/// of its home.
pub fn may_ask(asking: &decision::Facts, about: UserRef) -> bool {
    let holds = |privilege| asking.privileges.contains(&privilege);
    let manages = holds(Privilege::TenantAdministrator) || holds(Privilege::ManageTenants);
    about == asking.caller.user
        || decision::is_operator(asking) && manages
        || about.home == asking.caller.active && holds(Privilege::UserAdministrator)
}

/// Whether who asks may know of every tenant.
pub fn knows_tenants(asking: &decision::Facts) -> bool {
    let rights = [Privilege::TenantAdministrator, Privilege::ManageTenants, Privilege::Impersonation];
    decision::is_operator(asking) && holds_one(&asking.privileges, &rights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::Caller;
    use crate::authz::decision::{Facts, Target, decide};
    use crate::authz::impersonation::may_act;
    use crate::authz::policy;
    use crate::domain::id::UserId;
    use crate::domain::name::ImpersonationReason;

    /// Sets of privileges that tell the rules apart.
    fn sets() -> Vec<BTreeSet<Privilege>> {
        let one = |privilege: Privilege| BTreeSet::from([privilege]);
        let mut sets: Vec<_> = Privilege::ALL.into_iter().map(one).collect();
        sets.extend([
            BTreeSet::new(),
            Privilege::ALL.into(),
            [Privilege::Impersonation, Privilege::ManageTenants].into(),
        ]);
        sets
    }

    fn facts(user: UserRef, active: TenantUid, privileges: &BTreeSet<Privilege>) -> Facts {
        Facts {
            caller: Caller::in_session(user, active),
            user_name: "somebody".into(),
            privileges: privileges.clone(),
            must_change_password: false,
        }
    }

    fn subject(user: UserRef, held: &BTreeSet<Privilege>) -> Subject {
        let as_operator = user.home.is_infrastructure().then(|| held.clone());
        Subject { user, name: "who".into(), state: UserState::Active, must_change_password: false, as_operator }
    }

    fn place(uid: TenantUid, rights: Rights) -> Place {
        Place { uid, name: "where".into(), state: State::Active, rights, acting: None }
    }

    #[test]
    fn what_is_explained_is_what_is_decided() {
        let acme = TenantUid::new();
        for policy in policy::ALL.iter().copied() {
            for held in sets() {
                for (home, on) in [
                    (acme, acme),
                    (acme, TenantUid::new()),
                    (TenantUid::INFRASTRUCTURE, acme),
                    (TenantUid::INFRASTRUCTURE, TenantUid::INFRASTRUCTURE),
                ] {
                    let user = UserRef { home, user: UserId::new() };
                    let target = if policy.names_tenant() { Target::One(on) } else { Target::Nothing };
                    let decided = decide(policy, &facts(user, home, &held), target, "").is_ok();
                    let rights = Rights { member: home == on, given: held.clone(), ..Rights::default() };
                    let mut told = obstacles(policy, &subject(user, &held), Some(&place(on, rights)));
                    // The state comes with the transaction, not with the decision.
                    told.retain(|obstacle| {
                        !matches!(obstacle.reason, Reason::TenantStateInvalid | Reason::TenantReadOnly)
                    });
                    assert_eq!(told.is_empty(), decided, "{} by {held:?} of {home} on {on}: {told:?}", policy.path);
                }
            }
        }
    }

    #[test]
    fn what_is_explained_of_acting_for_others_is_what_is_decided() {
        let acme = TenantUid::new();
        for policy in policy::ALL.iter().copied().filter(|policy| policy.name != "ExchangeToken") {
            for (held, of_account) in
                sets().into_iter().flat_map(|held| sets().into_iter().map(move |s| (held.clone(), s)))
            {
                let user = UserRef { home: TenantUid::INFRASTRUCTURE, user: UserId::new() };
                let (state, member, marked) = (UserState::Active, true, true);
                let candidate = Candidate { user: UserId::new(), marked, state, member, privileges: of_account };
                let why = ImpersonationReason::parse("why").unwrap();
                let decided = may_act(policy, &facts(user, TenantUid::INFRASTRUCTURE, &held))
                    .and_then(|may| may.for_account((acme, State::Active), Some(candidate.clone()), why))
                    .is_ok();
                let acting = Some(Account { name: "superuser".into(), candidate: Some(candidate) });
                let place = Place { acting, ..place(acme, Rights::default()) };
                let mut told = obstacles(policy, &subject(user, &held), Some(&place));
                told.retain(|obstacle| obstacle.reason != Reason::TenantStateInvalid);
                assert_eq!(told.is_empty(), decided, "{} by {held:?}: {told:?}", policy.path);
            }
        }
    }
}
