//! Whose a token of an identity provider is, and where its bearer works.

use futures::FutureExt as _;

use crate::app::App;
use crate::app::sessions::works_in;
use crate::authn::{Caller, Credential, IdentityClaims};
use crate::authz::decision::Facts;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::identity_provider::LinkedAccount;
use crate::domain::name::Subject;
use crate::store::tx::Tx;
use crate::store::{memberships, user_identities, users};

/// Accounts of one subject that are looked at.
pub(in crate::app) const MOST_ACCOUNTS: i64 = 1000;

/// Whom a token speaks for.
#[derive(Clone, Debug)]
pub(in crate::app) struct Spoken {
    /// Id of the provider.
    pub provider: String,
    /// Who that is there.
    pub subject: Subject,
    /// When it was said, in seconds.
    pub issued_at: i64,
}

impl App {
    /// Whom a token speaks for; None: no provider has anything to do with it.
    pub(in crate::app) async fn spoken(&self, token: &str) -> Result<Option<Spoken>> {
        let proven = self.prove(token).await?;
        Ok(proven.map(|(provider, proven)| Spoken {
            provider: provider.id.clone(),
            subject: proven.subject,
            issued_at: proven.issued_at,
        }))
    }

    /// The bearer of a token of an identity provider, with what is known of it. It works in the tenant that is wanted, by code or
    /// uid, if it is assigned there, and otherwise where its sessions would start. None: no provider has anything to do with it.
    pub(in crate::app) async fn recognize(&self, token: &str, wanted: Option<&str>) -> Result<Option<Facts>> {
        let Some(spoken) = self.spoken(token).await? else { return Ok(None) };
        let wanted = match wanted {
            Some(name) => self.resolve_tenant(name).await?.map(|(uid, _)| uid),
            None => None,
        };
        let op = OpContext::system(Purpose::Authenticate, Some(TenantUid::INFRASTRUCTURE));
        let found = self.db.read(op, "recognize", (spoken, wanted), |tx, (spoken, wanted)| {
            async move {
                let caller = bearer(tx, spoken, *wanted).await?;
                users::facts(tx, &caller).await?.ok_or_else(nobody)
            }
            .boxed()
        });
        found.await.map(Some)
    }
}

async fn bearer(tx: &mut Tx, spoken: &Spoken, wanted: Option<TenantUid>) -> Result<Caller> {
    let accounts = user_identities::accounts(tx, &spoken.provider, &spoken.subject, MOST_ACCOUNTS).await?;
    let mut there = Vec::new();
    if let Some(wanted) = wanted {
        tx.switch(wanted).await?;
        let users: Vec<_> = accounts.iter().map(|account| account.user).collect();
        let working = memberships::working(tx, &users).await?;
        there.extend(accounts.iter().copied().filter(|account| working.contains(&account.user)));
    }
    let (account, active) = match wanted.filter(|_| !there.is_empty()) {
        Some(wanted) => (only(&there)?, wanted),
        None => {
            let account = only(&accounts)?;
            (account, start(tx, &account).await?)
        }
    };
    let claims = IdentityClaims { id: account.identity, issued_at: spoken.issued_at };
    Ok(Caller { user: account.user, active, credential: Credential::Identity(claims) })
}

/// Where the sessions of an account start.
async fn start(tx: &mut Tx, account: &LinkedAccount) -> Result<TenantUid> {
    let (home, user) = (account.user.home, account.user.user);
    tx.switch(home).await?;
    let found = users::load(tx, user).await?.ok_or_else(nobody)?;
    let start = found.default_tenant.unwrap_or(home);
    if works_in(tx, user, start).await? {
        return Ok(start);
    }
    let text = "you do not work in your default tenant; name another tenant of yours with x-landlord-tenant, or ask the \
                administrator of your users to set a new one";
    Err(Refusal::new(Reason::DefaultTenantRequired, text).into())
}

/// The account, if it is one.
pub(in crate::app) fn only(accounts: &[LinkedAccount]) -> Result<LinkedAccount> {
    match accounts {
        [account] => Ok(*account),
        [] => Err(nobody()),
        _ => {
            let text = "the token's subject has accounts in several tenants: name one where only one of them works, with \
                        x-landlord-tenant, or for CreateSession its home with `tenant`";
            Err(Refusal::new(Reason::TokenInvalid, text).into())
        }
    }
}

/// The refusal of a token whose subject is no user.
pub(in crate::app) fn nobody() -> Error {
    let text = "the token is good, but its subject is no user here; an administrator links it with LinkIdentity";
    Refusal::new(Reason::TokenInvalid, text).into()
}
