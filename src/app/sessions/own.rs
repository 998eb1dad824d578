//! ListSessions and DeleteSession: one's own sessions, and, for who administers users, those of a tenant's own users.

use std::sync::Arc;

use futures::FutureExt as _;

use super::caller;
use crate::app::App;
use crate::app::users::at_home;
use crate::authz::decision::{Facts, over_others};
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::{SessionId, UserId, UserRef};
use crate::domain::named::Named;
use crate::domain::page::Page;
use crate::domain::privilege::Privilege;
use crate::store::sessions::{self, OpenSession};

/// A session, or all of them, of one user.
#[derive(Clone, Debug)]
pub struct Whose<I> {
    /// The user, as the request names it.
    pub user: Named<UserId>,
    /// Which session.
    pub session: I,
}

impl App {
    /// A page of a user's open sessions, newest first, and the user's name; without a user the caller's own.
    pub async fn list_sessions(
        &self,
        op: OpContext,
        user: Option<Named<UserId>>,
        after: Option<SessionId>,
        size: i64,
    ) -> Result<(Page<OpenSession, SessionId>, String)> {
        let (op, whose) = self.over(op, user.as_ref()).await?;
        let absent = user.map(|user| user.not_found());
        let input = (whose.user, after, size + 1, absent.is_some());
        let read = self.db.read(op, "list-sessions", input, |tx, (user, after, limit, named)| {
            async move {
                if *named && !at_home(tx, *user).await? {
                    return Ok(None);
                }
                sessions::list(tx, *user, *after, *limit).await.map(Some)
            }
            .boxed()
        });
        let rows = match (read.await?, absent) {
            (Some(rows), _) => rows,
            (None, Some(absent)) => return Err(absent),
            (None, None) => Vec::new(),
        };
        Ok((Page::cut(rows, size, |row| row.id), self.name_of(whose).await?))
    }

    /// Ends a session; without a name the caller's.
    pub async fn end_session(&self, op: OpContext, named: Option<Whose<SessionId>>) -> Result<()> {
        let (op, whose) = self.over(op, named.as_ref().map(|named| &named.user)).await?;
        let session = match &named {
            Some(named) => named.session,
            None => caller(&op)?.session()?.id,
        };
        let name = format!("{}/sessions/{session}", self.name_of(whose).await?);
        let absent = named.map(|named| format!("{}/sessions/{session}", named.user.name));
        let input = (whose.user, session, name, absent);
        self.db
            .change(op, "end-session", input, |tx, (user, session, name, absent)| {
                async move {
                    let Some(absent) = absent else { return sessions::end(tx, *session).await };
                    tx.about(name.clone());
                    if !sessions::is_of(tx, *session, *user).await? {
                        return Err(Error::not_found(absent));
                    }
                    sessions::end(tx, *session).await
                }
                .boxed()
            })
            .await
    }

    async fn name_of(&self, user: UserRef) -> Result<String> {
        Ok(format!("tenants/{}/users/{}", self.code_of(user.home).await?, user.user))
    }

    /// The context for work on the sessions of that user, if the caller may have it, and who the user is.
    async fn over(&self, op: OpContext, user: Option<&Named<UserId>>) -> Result<(OpContext, UserRef)> {
        let own = caller(&op)?.user;
        let Some(user) = user else { return Ok((op.on(own.home), own)) };
        let tenant = self.resolve_tenant(&user.tenant).await?.map(|(uid, _)| uid);
        if user.id == own.user && tenant == Some(own.home) {
            return Ok((op.on(own.home), own));
        }
        let permit = over_others(facts(&op)?.as_ref(), tenant, &Privilege::UserAdministrator, &user.name)?;
        let home = permit.caller().map_or(own.home, |caller| caller.active);
        Ok((op.by(permit).on(home), UserRef { home, user: user.id }))
    }
}

fn facts(op: &OpContext) -> Result<Arc<Facts>> {
    let facts = op.call().and_then(|call| call.facts.clone());
    facts.ok_or_else(|| Error::internal("context", "the call has no caller"))
}
