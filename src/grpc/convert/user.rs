//! Users as messages, and the requests that make and change them.

use super::fields::{Fields, timestamp};
use super::names;
use crate::app::memberships::Workplaces;
use crate::app::users::{CreateUser, UpdateUser};
use crate::domain::account::{Account, AccountPatch, NewAccount};
use crate::domain::error::Result;
use crate::domain::name::{Email, Language, PersonName, UserName};
use crate::domain::user::UserState;
use crate::proto::v1;

/// A user as a message.
pub fn user(account: Account) -> v1::User {
    let tenant = format!("tenants/{}", account.tenant_code);
    v1::User {
        name: account.name(),
        etag: account.etag(),
        user_name: account.user_name,
        email: account.email,
        given_name: account.given_name,
        family_name: account.family_name,
        state: state(account.state).into(),
        guest: account.guest,
        home: format!("tenants/{}", account.home_code),
        member: account.member,
        default_tenant: account.default_tenant.map(|code| format!("tenants/{code}")).unwrap_or_default(),
        language: account.language,
        groups: account.groups.iter().map(|id| format!("{tenant}/groups/{id}")).collect(),
        roles: account.roles.iter().map(|id| format!("{tenant}/roles/{id}")).collect(),
        licenses: account.licenses,
        create_time: Some(timestamp(account.created_at)),
        update_time: Some(timestamp(account.updated_at)),
    }
}

fn state(state: UserState) -> v1::user::State {
    match state {
        UserState::Invited => v1::user::State::Invited,
        UserState::Active => v1::user::State::Active,
        UserState::Locked => v1::user::State::Locked,
    }
}

/// The tenants in which a user works, as messages.
pub fn workplaces(found: &Workplaces) -> Vec<v1::UserTenant> {
    let default = found.account.default_tenant.as_ref().unwrap_or(&found.account.home_code);
    let tenant = |row: &crate::store::memberships::Workplace| v1::UserTenant {
        tenant: format!("tenants/{}", row.code),
        home: row.tenant == found.account.home,
        default_tenant: row.code == *default,
        assign_time: Some(timestamp(row.since)),
    };
    found.page.rows.iter().map(tenant).collect()
}

/// No address, or one.
fn email(text: &str) -> Result<Option<Email>, String> {
    if text.is_empty() { Ok(None) } else { Email::parse(text).map(Some) }
}

/// What CreateUser asks for.
pub fn create(request: v1::CreateUserRequest) -> Result<CreateUser> {
    names::tenant("tenant", &request.tenant)?;
    let sent = request.user.unwrap_or_default();
    let mut fields = Fields::default();
    let user_name = fields.take("user.user_name", UserName::parse(&sent.user_name));
    let email = fields.take("user.email", email(&sent.email));
    let given_name = fields.take("user.given_name", PersonName::parse(&sent.given_name));
    let family_name = fields.take("user.family_name", PersonName::parse(&sent.family_name));
    let language = fields.take("user.language", Language::parse(&sent.language));
    let account = || {
        let (given_name, family_name, language) = (given_name?, family_name?, language?);
        Some(NewAccount { user_name: user_name?, email: email?, given_name, family_name, language })
    };
    let account = fields.finish(account())?;
    let groups = names::all("user.groups", &sent.groups, 0)?;
    let roles = names::all("user.roles", &sent.roles, 0)?;
    Ok(CreateUser { account, groups, roles })
}

/// What UpdateUser asks for.
pub fn update(request: v1::UpdateUserRequest) -> Result<UpdateUser> {
    let sent = request.user.unwrap_or_default();
    let user = names::id("user.name", &sent.name)?;
    let mut fields = Fields::default();
    let changeable = [
        ("user_name", !sent.user_name.is_empty()),
        ("email", !sent.email.is_empty()),
        ("given_name", !sent.given_name.is_empty()),
        ("family_name", !sent.family_name.is_empty()),
        ("language", !sent.language.is_empty()),
    ];
    let [user_name, address, given_name, family_name, language] = fields.masked(request.update_mask, changeable);
    let mut patch = AccountPatch::default();
    if user_name {
        patch.user_name = fields.take("user.user_name", UserName::parse(&sent.user_name));
    }
    if address {
        patch.email = fields.take("user.email", email(&sent.email));
    }
    if given_name {
        patch.given_name = fields.take("user.given_name", PersonName::parse(&sent.given_name));
    }
    if family_name {
        patch.family_name = fields.take("user.family_name", PersonName::parse(&sent.family_name));
    }
    if language {
        patch.language = fields.take("user.language", Language::parse(&sent.language));
    }
    fields.finish(Some(UpdateUser { user, patch, etag: sent.etag }))
}
