//! ExplainAccess: why a user may or may not make a call on a tenant.

use futures::FutureExt as _;

use super::caller;
use crate::app::App;
use crate::app::tenants::caller_facts;
use crate::authz::explain::{Account, Place, Rights, Subject, knows_tenants, may_ask, may_not_act, obstacles};
use crate::authz::impersonation::Whom;
use crate::authz::permit::Purpose;
use crate::authz::policy::Policy;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::id::{TenantUid, UserId, UserRef};
use crate::domain::name::UserName;
use crate::domain::named::Named;
use crate::domain::obstacle::Obstacle;
use crate::store::{explanation, users};

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct ExplainAccess {
    /// The call.
    pub policy: &'static Policy,
    /// On which tenant, as the request names it; none: the call is about no tenant.
    pub tenant: Option<Named<()>>,
    /// By whom; none: by the caller.
    pub user: Option<Named<UserId>>,
    /// For which account; none: by the user's own rights.
    pub acting_for: Option<UserName>,
}

impl App {
    /// All that stands in the way of a call; nothing: it may be made.
    pub async fn explain_access(&self, op: OpContext, input: ExplainAccess) -> Result<Vec<Obstacle>> {
        let facts = caller_facts(&op)?;
        let user = match &input.user {
            None => caller(&op)?.user,
            Some(named) => {
                let home = self.resolve_tenant(&named.tenant).await?.map(|(uid, _)| uid);
                let about = home.map(|home| UserRef { home, user: named.id });
                about.filter(|about| may_ask(&facts, *about)).ok_or_else(|| named.not_found())?
            }
        };
        let subject = self.subject(user).await?;
        let absent = || input.user.as_ref().map_or_else(|| Error::not_found(""), Named::not_found);
        let subject = subject.ok_or_else(absent)?;
        let Some(named) = input.tenant.as_ref() else { return Ok(obstacles(input.policy, &subject, None)) };
        let place = match self.resolve_tenant(&named.tenant).await? {
            Some((uid, _)) => self.place(&subject, uid, &named.name, input.acting_for.clone()).await?,
            None => None,
        };
        // Of a tenant where the user does not work nobody learns whether it is there, save operators who may know of all.
        let knows = knows_tenants(&facts);
        Ok(match place.filter(|place| knows || place.rights.member) {
            Some(place) => obstacles(input.policy, &subject, Some(&place)),
            None if knows => {
                vec![Obstacle::new(Reason::ResourceNotFound, named.name.as_str(), "there is no such tenant")]
            }
            None if input.acting_for.is_some() => vec![may_not_act(&subject)],
            None => obstacles(input.policy, &subject, None),
        })
    }

    async fn subject(&self, user: UserRef) -> Result<Option<Subject>> {
        let op = OpContext::system(Purpose::Explain, Some(user.home));
        let read = self.db.read(op, "explain-user", user, |tx, user| {
            async move { Ok((users::load(tx, user.user).await?, explanation::rights(tx, *user).await?)) }.boxed()
        });
        let (Some(account), rights) = read.await? else { return Ok(None) };
        let name = format!("tenants/{}/users/{}", self.code_of(user.home).await?, user.user);
        let works = rights.filter(|(_, rights)| user.home.is_infrastructure() && rights.member);
        let as_operator = works.map(|(_, Rights { given, unlicensed, .. })| &given - &unlicensed);
        let (state, must_change_password) = (account.state, account.must_change_password);
        Ok(Some(Subject { user, name, state, must_change_password, as_operator }))
    }

    async fn place(
        &self,
        subject: &Subject,
        uid: TenantUid,
        name: &str,
        acting_for: Option<UserName>,
    ) -> Result<Option<Place>> {
        let op = OpContext::system(Purpose::Explain, Some(uid));
        let read = self.db.read(op, "explain-tenant", subject.user, |tx, user| explanation::rights(tx, *user).boxed());
        let Some((state, rights)) = read.await? else { return Ok(None) };
        let acting = match acting_for {
            None => None,
            Some(name) => {
                let found = self.candidate(uid, Whom::Named(name.clone())).await?;
                let candidate = found.and_then(|(_, candidate)| candidate);
                Some(Account { name: name.to_string(), candidate })
            }
        };
        Ok(Some(Place { uid, name: name.to_owned(), state, rights, acting }))
    }
}
