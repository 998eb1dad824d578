//! Whether somebody may do something in a tenant, as other services ask it. Pure: what was found in, the answer out.

use std::collections::BTreeSet;

use super::error::Reason;
use super::id::{TenantUid, UserId};
use super::lifecycle::{LockReason, State};
use super::named::Named;
use super::obstacle::Obstacle;
use super::role::Held;
use super::user::UserState;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct AccessQuestion {
    /// By whom; none: nobody in particular.
    pub user: Option<Named<UserId>>,
    /// The privileges that it takes.
    pub privileges: Vec<Named<Held>>,
    /// The features that it takes.
    pub features: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct AccessFacts {
    /// The tenant.
    pub tenant: TenantUid,
    /// Its code.
    pub code: String,
    /// Its state.
    pub state: State,
    /// Why it is locked.
    pub lock_reason: Option<LockReason>,
    /// Its features.
    pub features: BTreeSet<String>,
    /// The user that was asked about, if it works there.
    pub worker: Option<Worker>,
}

/// A user who works in a tenant.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its home.
    pub home: TenantUid,
    /// The home's code.
    pub home_code: String,
    /// How far it is.
    pub state: UserState,
    /// Whether it must change the password before anything else.
    pub must_change_password: bool,
    /// Keys of those of the privileges that it holds.
    pub held: BTreeSet<String>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct AccessAnswer {
    /// What was found.
    pub facts: AccessFacts,
    /// Whether the user may work there; none: nobody was asked about.
    pub user_usable: Option<bool>,
    /// Those of the privileges that the user does not hold, as they were asked for.
    pub missing_privileges: Vec<String>,
    /// Those of the features that are off.
    pub missing_features: Vec<String>,
    /// All that stands in the way; nothing: it may be done.
    pub obstacles: Vec<Obstacle>,
}

impl AccessQuestion {
    /// The answer, given what was found.
    pub fn answer(&self, facts: AccessFacts) -> AccessAnswer {
        let mut obstacles = Vec::new();
        let tenant = format!("tenants/{}", facts.code);
        if facts.state != State::Active {
            let why = facts.lock_reason.map(|reason| format!(" ({})", reason.name())).unwrap_or_default();
            let text = format!("the tenant is {}{why}; only an ACTIVE one can be used", facts.state.name());
            obstacles.push(Obstacle::new(Reason::TenantLocked, tenant.as_str(), text));
        }
        let named = |user: &Named<UserId>, worker: &Worker| {
            user.names(facts.tenant, &facts.code) || user.names(worker.home, &worker.home_code)
        };
        let worker = self.user.as_ref().and_then(|user| facts.worker.as_ref().filter(|worker| named(user, worker)));
        let user_usable = self.user.as_ref().map(|user| {
            let before = obstacles.len();
            obstacles.extend(in_the_way_of(user, worker));
            obstacles.len() == before
        });
        let holds = |privilege: &Named<Held>| {
            let of_tenant = privilege.tenant.is_empty() || privilege.names(facts.tenant, &facts.code);
            of_tenant && worker.is_some_and(|worker| worker.held.contains(privilege.id.key()))
        };
        let missing = self.privileges.iter().filter(|privilege| !holds(privilege));
        let missing_privileges: Vec<_> = missing.map(|privilege| privilege.name.clone()).collect();
        if let Some(user) = self.user.as_ref().filter(|_| !missing_privileges.is_empty()) {
            let text = format!("the user does not hold {}", missing_privileges.join(", "));
            obstacles.push(Obstacle::new(Reason::PrivilegeMissing, user.name.as_str(), text));
        }
        let missing_features: Vec<_> =
            self.features.iter().filter(|feature| !facts.features.contains(*feature)).cloned().collect();
        if !missing_features.is_empty() {
            let text = format!("these features are off: {}", missing_features.join(", "));
            obstacles.push(Obstacle::new(Reason::FeatureOff, tenant, text));
        }
        AccessAnswer { facts, user_usable, missing_privileges, missing_features, obstacles }
    }
}

/// What keeps a user out of a tenant. One that works elsewhere and one that there never was are told alike.
fn in_the_way_of(user: &Named<UserId>, worker: Option<&Worker>) -> Vec<Obstacle> {
    let obstacle = |reason, text: String| Obstacle::new(reason, user.name.as_str(), text);
    let Some(worker) = worker else {
        return vec![obstacle(Reason::NotAMember, "the user does not work in the tenant".to_owned())];
    };
    let mut found = Vec::new();
    if worker.state != UserState::Active {
        let text = format!("the user is {}; only an ACTIVE one may do something", worker.state.name());
        found.push(obstacle(Reason::UserStateInvalid, text));
    }
    if worker.must_change_password {
        let text = "the user must change the password first, with UserService.ChangePassword".to_owned();
        found.push(obstacle(Reason::PasswordChangeRequired, text));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::privilege::Privilege;

    fn named<I>(tenant: &str, id: I) -> Named<I> {
        Named { name: format!("{tenant}: as it was asked for"), tenant: tenant.into(), id }
    }

    fn facts() -> AccessFacts {
        let held = BTreeSet::from([Privilege::PortalAdministrator.name().to_owned(), "category.finance".to_owned()]);
        let (state, must_change_password) = (UserState::Active, false);
        let worker = Worker { home: TenantUid::new(), home_code: "home".into(), state, must_change_password, held };
        AccessFacts {
            tenant: TenantUid::new(),
            code: "acme".into(),
            state: State::Active,
            lock_reason: None,
            features: ["reports".to_owned()].into(),
            worker: Some(worker),
        }
    }

    fn question() -> AccessQuestion {
        AccessQuestion {
            user: Some(named("acme", UserId::new())),
            privileges: vec![
                named("", Held::Function(Privilege::PortalAdministrator)),
                named("acme", Held::parse("category.finance").unwrap()),
            ],
            features: vec!["reports".into()],
        }
    }

    fn reasons(question: &AccessQuestion, facts: AccessFacts) -> Vec<Reason> {
        question.answer(facts).obstacles.iter().map(|obstacle| obstacle.reason).collect()
    }

    #[test]
    fn nothing_stands_in_the_way_of_who_has_all_of_it() {
        assert_eq!(reasons(&question(), facts()), []);
        let guest = AccessQuestion { user: Some(named("home", UserId::new())), ..question() };
        assert_eq!(reasons(&guest, facts()), []);
        assert_eq!(guest.answer(facts()).user_usable, Some(true));
        let nobody = AccessQuestion::default().answer(facts());
        assert!(nobody.obstacles.is_empty() && nobody.user_usable.is_none());
    }

    #[test]
    fn all_that_is_missing_is_told() {
        let mut locked = facts();
        (locked.state, locked.lock_reason) = (State::Locked, Some(LockReason::Operator));
        assert_eq!(reasons(&question(), locked), [Reason::TenantLocked]);
        let other = AccessQuestion { user: Some(named("elsewhere", UserId::new())), ..question() };
        assert_eq!(reasons(&other, facts()), [Reason::NotAMember, Reason::PrivilegeMissing]);
        assert_eq!(other.answer(facts()).missing_privileges.len(), 2, "whoever does not work there holds nothing");
        let away = AccessFacts { worker: None, ..facts() };
        assert_eq!(question().answer(away).user_usable, Some(false));
        let mut more = question();
        more.privileges.push(named("", Held::Function(Privilege::UserAdministrator)));
        more.privileges.push(named("beta", Held::parse("category.finance").unwrap()));
        more.features.push("exports".into());
        let answer = more.answer(facts());
        assert_eq!(
            (answer.missing_privileges.len(), answer.missing_features.as_slice()),
            (2, &["exports".to_owned()][..])
        );
        let mut fresh = facts();
        let worker = fresh.worker.as_mut().unwrap();
        (worker.state, worker.must_change_password) = (UserState::Locked, true);
        assert_eq!(reasons(&question(), fresh), [Reason::UserStateInvalid, Reason::PasswordChangeRequired]);
    }
}
