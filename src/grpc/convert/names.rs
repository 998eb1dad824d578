//! Resource names of the directory, in requests.

use crate::domain::error::{Error, Result};
use crate::domain::id::{AssetId, BackupId, GroupId, RoleId, SessionId, UploadId, UserId};
use crate::domain::named::Named;
use crate::domain::role::{Held, PrivilegeKey};

/// Resources that a request may name at once.
const MOST: usize = 1000;

/// A kind of resource below a tenant whose id is a UUID.
pub trait Resource: Sized {
    /// The collection, such as `users`.
    const COLLECTION: &'static str;
    /// The id that is written as `text`.
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! resources {
    ($($name:ident = $collection:literal;)*) => {$(
        impl Resource for $name {
            const COLLECTION: &'static str = $collection;
            fn parse(text: &str) -> Option<Self> {
                $name::parse(text)
            }
        }
    )*};
}

resources! {
    UserId = "users";
    GroupId = "groups";
    RoleId = "roles";
    AssetId = "assets";
    UploadId = "uploads";
    BackupId = "backups";
}

/// Whether that can name a tenant.
fn is_tenant(text: &str) -> bool {
    !text.is_empty() && text != "-" && text.len() <= 64 && !text.contains('\0')
}

/// The tenant that a request names, or `tenants/-`, which leaves it open. The policy of the call says whether it may be left open.
pub fn tenant_or_open(field: &str, name: &str) -> Result<()> {
    if name == "tenants/-" { Ok(()) } else { tenant(field, name).map(|_| ()) }
}

/// `tenants/{tenant}/{collection}/{id}`.
pub fn named<I: Resource>(field: &str, name: &str) -> Result<Named<I>> {
    let parsed = match name.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", tenant, collection, id] if is_tenant(tenant) && *collection == I::COLLECTION => {
            I::parse(id).map(|id| Named { name: name.to_owned(), tenant: (*tenant).to_owned(), id })
        }
        _ => None,
    };
    parsed.ok_or_else(|| Error::field(field, format!("must be `tenants/{{tenant}}/{}/{{id}}`", I::COLLECTION)))
}

/// The id in `tenants/{tenant}/uploads/{request_id}`, where the tenant may be left open.
pub fn upload(field: &str, name: &str) -> Result<UploadId> {
    match name.strip_prefix("tenants/-/uploads/").and_then(UploadId::parse) {
        Some(id) => Ok(id),
        None => id(field, name),
    }
}

/// `tenants/{tenant}/users/{user}/sessions/{session}`: the user, and its session.
pub fn session(field: &str, name: &str) -> Result<(Named<UserId>, SessionId)> {
    let parsed = name
        .split_once("/sessions/")
        .and_then(|(user, session)| Some((named::<UserId>(field, user).ok()?, SessionId::parse(session)?)));
    parsed.ok_or_else(|| Error::field(field, "must be `tenants/{tenant}/users/{user}/sessions/{session}`"))
}

/// The id in such a name.
pub fn id<I: Resource>(field: &str, name: &str) -> Result<I> {
    Ok(named(field, name)?.id)
}

/// A list of such names, of at least `least`.
pub fn all<I: Resource>(field: &str, names: &[String], least: usize) -> Result<Vec<Named<I>>> {
    bounded(field, names, least)?;
    names.iter().map(|name| named(field, name)).collect()
}

/// `tenants/{tenant}`, and nothing below it.
pub fn tenant(field: &str, name: &str) -> Result<Named<()>> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", tenant] if is_tenant(tenant) => {
            Ok(Named { name: name.to_owned(), tenant: (*tenant).to_owned(), id: () })
        }
        _ => Err(Error::field(field, "must be `tenants/{code}` or `tenants/{uid}`")),
    }
}

/// The id in the name of something of the platform's own, which is of that form, such as `servers/{server}`.
pub fn of_platform(form: &str, field: &str, name: &str) -> Result<String> {
    let collection = form.split('{').next().unwrap_or_default();
    let id = name.strip_prefix(collection).filter(|id| !id.is_empty() && id.len() <= 40 && !id.contains(['/', '\0']));
    id.map(str::to_owned).ok_or_else(|| Error::field(field, format!("must be `{form}`")))
}

/// A list of names of tenants.
pub fn tenants(field: &str, names: &[String]) -> Result<Vec<Named<()>>> {
    bounded(field, names, 1)?;
    names.iter().map(|name| tenant(field, name)).collect()
}

/// Privileges: `privileges/{privilege}`, or `tenants/{tenant}/privileges/{privilege}`. One that can't be is not there.
pub fn privileges(field: &str, names: &[String], least: usize) -> Result<Vec<Named<Held>>> {
    bounded(field, names, least)?;
    names.iter().map(|name| privilege(field, name)).collect()
}

fn privilege(field: &str, name: &str) -> Result<Named<Held>> {
    let (tenant, held) = match name.split('/').collect::<Vec<_>>().as_slice() {
        ["privileges", key] => ("", Held::parse(key).filter(|held| matches!(held, Held::Function(_)))),
        ["tenants", tenant, "privileges", key] if is_tenant(tenant) => {
            (*tenant, PrivilegeKey::parse(key).ok().map(Held::Defined))
        }
        _ => {
            let allowed = "must be `privileges/{privilege}` or `tenants/{tenant}/privileges/{privilege}`";
            return Err(Error::field(field, allowed));
        }
    };
    let id = held.ok_or_else(|| Error::not_found(name))?;
    Ok(Named { name: name.to_owned(), tenant: tenant.to_owned(), id })
}

/// The key of a privilege that a tenant defines, from its name.
pub fn privilege_key(field: &str, name: &str) -> Result<PrivilegeKey> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", tenant, "privileges", key] if is_tenant(tenant) => {
            PrivilegeKey::parse(key).map_err(|_| Error::not_found(name))
        }
        _ => Err(Error::field(field, "must be `tenants/{tenant}/privileges/{privilege}`")),
    }
}

fn bounded(field: &str, names: &[String], least: usize) -> Result<()> {
    if (least..=MOST).contains(&names.len()) {
        return Ok(());
    }
    Err(Error::field(field, format!("must name {least} to {MOST}")))
}
