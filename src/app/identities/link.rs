//! LinkIdentity, UnlinkIdentity and ListUserIdentities: which subject of which provider a user is. Nobody is found by an address: who
//! administers a user says it.

use futures::FutureExt as _;

use crate::app::App;
use crate::app::users::{at_home, held_at_home, reload};
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::identity_provider::{MOST_OF_A_USER, UserIdentity, name, speaks_for};
use crate::domain::name::Subject;
use crate::store::tx::Tx;
use crate::store::{accounts, identity_providers, user_identities};

/// A user, and who it is for an identity provider.
#[derive(Clone, Debug)]
pub struct LinkIdentity {
    /// The user.
    pub user: UserId,
    /// Id of the provider.
    pub provider: String,
    /// Who the user is there.
    pub subject: Subject,
}

impl App {
    /// Lets a user log in as that subject. One that is invited becomes active: it can log in now.
    pub async fn link_identity(&self, op: OpContext, input: LinkIdentity) -> Result<(Account, UserIdentity)> {
        self.db.change(op, "link-identity", input, |tx, input| link(tx, input).boxed()).await
    }

    /// The opposite: the subject's tokens count no more when this commits, and the sessions that began with them end.
    pub async fn unlink_identity(&self, op: OpContext, input: LinkIdentity) -> Result<Account> {
        self.db.change(op, "unlink-identity", input, |tx, input| unlink(tx, input).boxed()).await
    }

    /// What a tenant's own user is for identity providers.
    pub async fn list_user_identities(&self, op: OpContext, user: UserId) -> Result<Vec<UserIdentity>> {
        let absent = op.not_found();
        let read = self.db.read(op, "list-user-identities", user, |tx, user| {
            async move {
                let found = at_home(tx, *user).await?;
                if found { user_identities::list(tx, *user).await.map(Some) } else { Ok(None) }
            }
            .boxed()
        });
        read.await?.ok_or(absent)
    }
}

/// The user, if whoever calls could give it a new password as well.
async fn held(tx: &mut Tx, input: &LinkIdentity) -> Result<Account> {
    let account = held_at_home(tx, input.user, "").await?;
    tx.tell("identity_provider", name(&input.provider));
    tx.tell("subject", input.subject.as_str());
    Ok(account)
}

async fn link(tx: &mut Tx, input: &LinkIdentity) -> Result<(Account, UserIdentity)> {
    let account = held(tx, input).await?;
    let home = tx.tenant();
    // A provider of another tenant is none.
    let of = identity_providers::tenant_of(tx, &input.provider).await?.filter(|of| of.is_none_or(|of| of == home));
    let of = of.ok_or_else(|| Error::not_found(name(&input.provider)))?;
    if !speaks_for(of, home) {
        let text = "must be one that is for the infrastructure tenant: others do not speak for its users";
        return Err(Error::field("identity_provider", text));
    }
    if user_identities::list(tx, account.id).await?.len() >= MOST_OF_A_USER {
        return Err(Error::field("subject", format!("the user has {MOST_OF_A_USER} identities, as many as may be")));
    }
    user_identities::insert(tx, account.id, &input.provider, &input.subject).await?;
    accounts::activate(tx, account.id).await?;
    let linked = user_identities::list(tx, account.id).await?.pop();
    let linked = linked.ok_or_else(|| Error::internal("identity", "it went away in its own transaction"))?;
    Ok((reload(tx, account.id).await?, linked))
}

async fn unlink(tx: &mut Tx, input: &LinkIdentity) -> Result<Account> {
    let account = held(tx, input).await?;
    if !user_identities::remove(tx, account.id, &input.provider, &input.subject).await? {
        let (provider, subject) = (name(&input.provider), &input.subject);
        return Err(Error::not_found(format!("{} as {subject} of {provider}", account.name())));
    }
    reload(tx, account.id).await
}
