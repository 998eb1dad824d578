//! RequestPasswordReset: for everybody, and so it tells nothing of who is there.

use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::app::attempts::check_wait;
use crate::app::home::{Home, account, leads_in};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::attempts::Slot;
use crate::domain::error::Result;
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::State;
use crate::domain::name::UserName;
use crate::domain::operation::{Actor, Mail, Params};
use crate::domain::user::UserState;
use crate::store::tx::Tx;
use crate::store::{attempts, operations, users};

/// How long each answer takes at least: longer than what is done, so that the time tells nothing of it.
const ANSWERED_AFTER: Duration = Duration::from_millis(200);

impl App {
    /// Mails a link to the user of that name, if there is one who can have it.
    pub async fn request_password_reset(&self, call: &OpContext, user_name: &str, home: Home) -> Result<()> {
        let answered = Instant::now() + ANSWERED_AFTER;
        let asked = self.ask_for_reset(call, user_name, home).await;
        sleep_until(answered).await;
        asked
    }

    async fn ask_for_reset(&self, call: &OpContext, user_name: &str, home: Home) -> Result<()> {
        let found = self.home_of(&home).await?.map(|(uid, _)| uid);
        let key = UserName::parse(user_name).map(|name| name.key()).unwrap_or_default();
        let slots = self.reset_slots(call, &account(found, &home, &key, user_name))?;
        let searched = found.unwrap_or(TenantUid(uuid::Uuid::nil()));
        let op = OpContext::system(Purpose::Link, Some(searched)).in_answer_to(call.correlation_id().to_owned());
        let input = (home, key, slots);
        self.db.change(op, "ask-for-reset", input, |tx, (home, key, slots)| ask(tx, home, key, slots).boxed()).await?;
        self.notify();
        Ok(())
    }
}

async fn ask(tx: &mut Tx, home: &Home, key: &str, [address, account]: &[Slot; 2]) -> Result<()> {
    check_wait(tx, &[*address]).await?;
    let flooded = attempts::wait(tx, &[*account]).await?.is_some();
    attempts::count(tx, &[*address]).await?;
    if flooded {
        return Ok(());
    }
    attempts::count(tx, &[*account]).await?;
    let active = matches!(users::hold_tenant(tx).await?, Some((State::Active, _)));
    let open = active && leads_in(tx, home).await?;
    let found = users::find_for_log_in(tx, key).await?.filter(|(user, _)| open && !user.email.is_empty());
    let Some((user, _)) = found else { return Ok(()) };
    let mail = match user.state {
        UserState::Active => Mail::Reset,
        UserState::Invited => Mail::Activation,
        UserState::Locked => return Ok(()),
    };
    let nobody = Actor::default();
    operations::enqueue(tx, &Params::DeliverMail { mail, user: user.id }, &nobody).await?;
    Ok(())
}
