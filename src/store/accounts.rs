//! Accounts at home: how they come, change and go.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::{failed, is_duplicate};
use super::schema::{deleted_users as d, links as l, memberships as m, sessions as s, users as u};
use super::tx::Tx;
use crate::domain::account::{Account, AccountPatch, NewAccount, folded};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{TenantUid, UserId};
use crate::domain::name::{Email, Language, PersonName, UserName};
use crate::domain::user::UserState;

/// Adds a user who is at home, and works, in the transaction's tenant.
pub async fn insert(tx: &mut Tx, new: &NewAccount) -> Result<UserId> {
    let (tenant, id) = (tx.tenant().0, UserId::new());
    let email = new.email.as_ref().map_or("", Email::as_str);
    let (name, given, family) = (new.user_name.as_str(), new.given_name.as_str(), new.family_name.as_str());
    let row = (
        u::tenant_id.eq(tenant),
        u::id.eq(id.0),
        u::user_name.eq(name),
        u::user_name_key.eq(new.user_name.key()),
        u::email.eq(email),
        u::given_name.eq(given),
        u::family_name.eq(family),
        u::language.eq(new.language.as_str()),
        u::state.eq(UserState::Invited.name()),
        u::folded.eq(folded(name, given, family, email)),
    );
    let added = diesel::insert_into(u::table).values(row).execute(tx.conn()).await;
    added.map_err(|error| taken_or_failed(error, name))?;
    diesel::insert_into(m::table)
        .values((m::tenant_id.eq(tenant), m::user_id.eq(id.0), m::home_tenant_id.eq(tenant)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(id)
}

fn taken_or_failed(error: diesel::result::Error, user_name: &str) -> Error {
    if !is_duplicate(&error, "users_tenant_id_user_name_key_key") {
        return failed(error);
    }
    let text = format!("the tenant has a user {user_name} already; user names differ by more than case");
    Refusal::new(Reason::ResourceExists, text).into()
}

/// Holds a user of the transaction's tenant until the transaction ends.
pub async fn hold(tx: &mut Tx, id: UserId) -> Result<()> {
    let row = u::table.find((tx.tenant().0, id.0)).select(u::id).for_update();
    row.first::<uuid::Uuid>(tx.conn()).await.optional().map_err(failed)?;
    Ok(())
}

#[derive(AsChangeset)]
#[diesel(table_name = u)]
struct Change<'a> {
    user_name: Option<&'a str>,
    user_name_key: Option<String>,
    email: Option<&'a str>,
    given_name: Option<&'a str>,
    family_name: Option<&'a str>,
    language: Option<&'a str>,
    folded: String,
}

/// Changes a user.
pub async fn update(tx: &mut Tx, account: &Account, patch: &AccountPatch) -> Result<()> {
    let user_name = patch.user_name.as_ref().map(UserName::as_str);
    let email = patch.email.as_ref().map(|email| email.as_ref().map_or("", Email::as_str));
    let given_name = patch.given_name.as_ref().map(PersonName::as_str);
    let family_name = patch.family_name.as_ref().map(PersonName::as_str);
    let name = user_name.unwrap_or(&account.user_name);
    let change = Change {
        user_name,
        user_name_key: patch.user_name.as_ref().map(UserName::key),
        email,
        given_name,
        family_name,
        language: patch.language.as_ref().map(Language::as_str),
        folded: folded(
            name,
            given_name.unwrap_or(&account.given_name),
            family_name.unwrap_or(&account.family_name),
            email.unwrap_or(&account.email),
        ),
    };
    let changed = diesel::update(u::table.find((tx.tenant().0, account.id.0))).set(change).execute(tx.conn()).await;
    changed.map_err(|error| taken_or_failed(error, name))?;
    Ok(())
}

/// Locks a user: its sessions end, and its tokens stop working.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<()> {
    diesel::update(u::table.find((tx.tenant().0, id.0)))
        .set((u::state.eq(UserState::Locked.name()), u::epoch.eq(u::epoch + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    super::sessions::end_all(tx, id).await
}

/// Voids the password of a user: its sessions end, and its tokens stop working.
pub async fn void_password(tx: &mut Tx, id: UserId) -> Result<()> {
    diesel::update(u::table.find((tx.tenant().0, id.0)))
        .set((u::password_hash.eq(None::<String>), u::must_change_password.eq(false), u::epoch.eq(u::epoch + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    super::sessions::end_all(tx, id).await
}

/// Makes an invited user active, who has something else than a password to log in with.
pub async fn activate(tx: &mut Tx, id: UserId) -> Result<()> {
    let invited = u::table.find((tx.tenant().0, id.0)).filter(u::state.eq(UserState::Invited.name()));
    diesel::update(invited).set(u::state.eq(UserState::Active.name())).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Unlocks a user, who is as far as it was: with nothing to log in with it is invited.
pub async fn unlock(tx: &mut Tx, id: UserId) -> Result<()> {
    let row = u::table.find((tx.tenant().0, id.0));
    let hash: Option<String> = row.select(u::password_hash).first(tx.conn()).await.map_err(failed)?;
    let can_log_in = hash.is_some() || !super::user_identities::list(tx, id).await?.is_empty();
    let state = if can_log_in { UserState::Active } else { UserState::Invited };
    diesel::update(row).set(u::state.eq(state.name())).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Ends what the user's tokens are good for: they were issued for more than it may do now.
pub async fn raise_epoch(tx: &mut Tx, id: UserId) -> Result<()> {
    let row = u::table.find((tx.tenant().0, id.0));
    diesel::update(row).set(u::epoch.eq(u::epoch + 1)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Where the user's sessions start; None: at home.
pub async fn set_default_tenant(tx: &mut Tx, id: UserId, tenant: Option<TenantUid>) -> Result<()> {
    let row = u::table.find((tx.tenant().0, id.0));
    diesel::update(row).set(u::default_tenant_id.eq(tenant.map(|t| t.0))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Removes a user with its links and sessions. Its memberships everywhere, and what hangs on them, go with it.
pub async fn delete(tx: &mut Tx, id: UserId) -> Result<()> {
    let tenant = tx.tenant().0;
    let links = l::table.filter(l::tenant_id.eq(tenant)).filter(l::user_id.eq(id.0));
    diesel::delete(links).execute(tx.conn()).await.map_err(failed)?;
    let sessions = s::table.filter(s::tenant_id.eq(tenant)).filter(s::user_id.eq(id.0));
    diesel::delete(sessions).execute(tx.conn()).await.map_err(failed)?;
    diesel::delete(u::table.find((tenant, id.0))).execute(tx.conn()).await.map_err(failed)?;
    // No restore brings the user back unasked.
    let row = (d::tenant_id.eq(tenant), d::user_id.eq(id.0));
    diesel::insert_into(d::table).values(row).on_conflict_do_nothing().execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
