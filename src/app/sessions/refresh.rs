//! RefreshSession.
//!
//! Each refresh token works once. If the answer to a refresh got lost, the token before may come again for a while; the one
//! that got lost is then good for nothing, so that a session is never carried on by two. Whatever else comes again ends it.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{Issued, not_a_session, open, works_in};
use crate::app::{App, SessionRules};
use crate::authn::refresh_token::RefreshToken;
use crate::authn::{Caller, Credential, SessionClaims};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::UserRef;
use crate::domain::user::UserState;
use crate::store::tx::Tx;
use crate::store::{sessions, users};

#[derive(Serialize, Deserialize)]
enum Refreshed {
    Next(Caller, RefreshToken),
    Ended,
    Reused,
}

impl App {
    /// Exchanges a refresh token for the next one, and an access token.
    pub async fn refresh(&self, token: &str) -> Result<Issued> {
        let presented = RefreshToken::decode(token, &self.root).ok_or_else(not_a_session)?;
        let op = OpContext::system(Purpose::Refresh, Some(presented.home));
        let input = (presented.clone(), self.sessions);
        let refreshed = self
            .db
            .change(op, "refresh-session", input, |tx, (presented, rules)| refresh(tx, presented, rules).boxed());
        match refreshed.await? {
            Refreshed::Next(caller, next) => self.issue(&caller, &next),
            Refreshed::Ended => Err(not_a_session()),
            Refreshed::Reused => {
                tracing::warn!(session = %presented.session, "a refresh token was used twice; the session has ended");
                Err(not_a_session())
            }
        }
    }
}

async fn refresh(tx: &mut Tx, presented: &RefreshToken, rules: &SessionRules) -> Result<Refreshed> {
    // Tenants are held before anything else, as everywhere.
    let home = users::hold_tenant(tx).await?;
    let Some(active) = sessions::active_tenant(tx, presented.session).await? else { return Ok(Refreshed::Ended) };
    users::hold_tenant_at(tx, active).await?;
    let Some(session) = sessions::load_for_change(tx, presented.session, rules.grace).await? else {
        return Ok(Refreshed::Ended);
    };
    let hash = presented.hash();
    let current = session.hash == hash;
    let answer_lost = session.previous_hash.as_ref() == Some(&hash) && session.just_refreshed;
    if !current && !answer_lost {
        sessions::end(tx, presented.session).await?;
        return Ok(Refreshed::Reused);
    }
    let user = users::load(tx, session.user).await?.filter(|user| user.state == UserState::Active);
    let Some(user) = user else { return Ok(Refreshed::Ended) };
    // Held already, unless the session has moved just now.
    let held = users::hold_tenant_at(tx, session.active).await?;
    open(home)?;
    let tenant_epoch = open(held)?;
    if tenant_epoch != session.tenant_epoch || !works_in(tx, user.id, session.active).await? {
        return Ok(Refreshed::Ended);
    }
    let generation = if current { session.generation + 1 } else { session.generation };
    let next = RefreshToken::new(presented.home, presented.session, generation)?;
    if current {
        sessions::rotate(tx, &session, &next, rules.refresh).await?;
    } else {
        sessions::replace(tx, &next).await?;
    }
    let claims = SessionClaims { id: presented.session, user_epoch: user.epoch, tenant_epoch };
    let caller = Caller {
        user: UserRef { home: presented.home, user: user.id },
        active: session.active,
        credential: Credential::Session(claims),
    };
    Ok(Refreshed::Next(caller, next))
}
