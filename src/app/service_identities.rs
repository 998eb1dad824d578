//! The identities of other services, and their keys.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt as _;

use super::App;
use super::tenants::caller_facts;
use crate::authn::api_key::ApiKey;
use crate::authz::services::may_give;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::{ServiceId, TenantUid};
use crate::domain::name::{DisplayName, SpiffeId};
use crate::domain::named::Named;
use crate::domain::page::Page;
use crate::domain::service_identity::{
    COLLECTION, NewServiceIdentity, Reach, ServiceIdentity, ServiceIdentityPatch, ServiceRef,
};
use crate::store::tx::Tx;
use crate::store::{privileges, service_identities};

/// A service identity to be made.
#[derive(Clone, Debug)]
pub struct CreateServiceIdentity {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub display_name: DisplayName,
    /// The calls that it may make.
    pub methods: BTreeSet<String>,
    /// On which tenants.
    pub tenants: Tenants,
    /// The one of its certificates.
    pub spiffe_id: Option<SpiffeId>,
    /// How long its first key is good; none: it gets no key.
    pub key_lifetime: Option<Duration>,
}

/// What to change of a service identity.
#[derive(Clone, Debug)]
pub struct UpdateServiceIdentity {
    /// Which.
    pub id: String,
    /// Everything but the tenants.
    pub patch: ServiceIdentityPatch,
    /// On which tenants from now on.
    pub tenants: Option<Tenants>,
    /// The etag that was read; empty: not compared.
    pub etag: String,
}

/// A new key for a service.
#[derive(Clone, Debug)]
pub struct RotateServiceIdentity {
    /// Which.
    pub id: String,
    /// How long the key is good.
    pub key_lifetime: Duration,
    /// How long the one before goes on.
    pub overlap: Duration,
    /// The etag that was read; empty: not compared.
    pub etag: String,
}

/// Tenants as a request names them.
#[derive(Clone, Debug)]
pub enum Tenants {
    /// All of them.
    All,
    /// These.
    Named(Vec<Named<()>>),
}

/// A service identity with the key that it has just got. The key stands nowhere else.
pub struct Issued {
    /// The identity.
    pub identity: ServiceIdentity,
    /// The key, unless nothing was changed or none was asked for.
    pub api_key: Option<String>,
}

impl App {
    /// Makes a service identity.
    pub async fn create_service_identity(&self, op: OpContext, input: CreateServiceIdentity) -> Result<Issued> {
        let service = ServiceRef { uid: ServiceId::new(), id: input.id.clone() };
        let key = input.key_lifetime.map(|life| Ok::<_, Error>((ApiKey::generate(service.uid)?, life))).transpose()?;
        let shown = key.as_ref().filter(|_| !op.validate_only()).map(|(key, _)| key.encode());
        let input = (service, input, key.map(|(key, lifetime)| (key.hash(), lifetime)));
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let made = self.db.change(op, "create-service-identity", input, |tx, (service, input, key)| {
            create(tx, service, input, key.as_ref()).boxed()
        });
        Ok(Issued { identity: made.await?, api_key: shown })
    }

    /// One service identity.
    pub async fn get_service_identity(&self, op: OpContext, id: String) -> Result<ServiceIdentity> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-service-identity", id, |tx, id| found(tx, id).boxed()).await
    }

    /// A page of service identities, in the order of their ids, and how many there are.
    pub async fn list_service_identities(
        &self,
        op: OpContext,
        after: Option<String>,
        size: i64,
    ) -> Result<(Page<ServiceIdentity, String>, i64)> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (after.unwrap_or_default(), size + 1);
        let read = self.db.read(op, "list-service-identities", input, |tx, (after, limit)| {
            async move { Ok((service_identities::list(tx, after, *limit).await?, service_identities::count(tx).await?)) }
                .boxed()
        });
        let (rows, total) = read.await?;
        Ok((Page::cut(rows, size, |identity| identity.service.id.clone()), total))
    }

    /// Changes what a service may do.
    pub async fn update_service_identity(
        &self,
        op: OpContext,
        input: UpdateServiceIdentity,
    ) -> Result<ServiceIdentity> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.change(op, "update-service-identity", input, |tx, input| update(tx, input).boxed()).await
    }

    /// Gives a service a new key.
    pub async fn rotate_service_identity(&self, op: OpContext, input: RotateServiceIdentity) -> Result<Issued> {
        let validate_only = op.validate_only();
        let op = op.on(TenantUid::INFRASTRUCTURE);
        // The key has the uid in it, which never changes.
        let service = self.get_uid(op.clone(), input.id.clone()).await?;
        let key = ApiKey::generate(service)?;
        let input = (input, service, key.hash());
        let rotated = self.db.change(op, "rotate-service-identity", input, |tx, (input, service, hash)| {
            rotate(tx, input, *service, hash).boxed()
        });
        Ok(Issued { identity: rotated.await?, api_key: (!validate_only).then(|| key.encode()) })
    }

    /// Removes a service identity.
    pub async fn delete_service_identity(&self, op: OpContext, id: String, etag: String) -> Result<()> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let deleted = self.db.change(op, "delete-service-identity", (id, etag), |tx, (id, etag)| {
            async move {
                let identity = held(tx, id, etag).await?;
                service_identities::delete(tx, &identity.service).await
            }
            .boxed()
        });
        deleted.await
    }

    async fn get_uid(&self, op: OpContext, id: String) -> Result<ServiceId> {
        Ok(self.get_service_identity(op, id).await?.service.uid)
    }
}

async fn create(
    tx: &mut Tx,
    service: &ServiceRef,
    input: &CreateServiceIdentity,
    key: Option<&(Vec<u8>, Duration)>,
) -> Result<ServiceIdentity> {
    tx.about(service.name());
    check_may_give(tx, &input.methods).await?;
    let new = NewServiceIdentity {
        service: service.clone(),
        display_name: input.display_name.clone(),
        methods: input.methods.clone(),
        reach: reach(tx, &input.tenants).await?,
        spiffe_id: input.spiffe_id.clone(),
    };
    service_identities::insert(tx, &new).await?;
    if let Some((hash, lifetime)) = key {
        add_key(tx, service.uid, hash, *lifetime).await?;
    }
    let made = found(tx, &service.id).await?;
    for (field, value) in facts(&made) {
        tx.tell(field, value);
    }
    Ok(made)
}

async fn update(tx: &mut Tx, input: &UpdateServiceIdentity) -> Result<ServiceIdentity> {
    let identity = held(tx, &input.id, &input.etag).await?;
    let mut patch = input.patch.clone();
    if let Some(tenants) = &input.tenants {
        patch.reach = Some(reach(tx, tenants).await?);
    }
    check_may_give(tx, patch.methods.as_ref().unwrap_or(&identity.methods)).await?;
    service_identities::update(tx, &identity.service, &patch).await?;
    let changed = found(tx, &input.id).await?;
    tx.tell_changes(facts(&identity), facts(&changed));
    Ok(changed)
}

async fn rotate(tx: &mut Tx, input: &RotateServiceIdentity, meant: ServiceId, hash: &[u8]) -> Result<ServiceIdentity> {
    let identity = held(tx, &input.id, &input.etag).await?;
    if identity.service.uid != meant {
        return Err(Error::stale(identity.service.name()));
    }
    check_may_give(tx, &identity.methods).await?;
    service_identities::retire_keys(tx, meant, identity.goes_on(), input.overlap).await?;
    add_key(tx, meant, hash, input.key_lifetime).await?;
    service_identities::update(tx, &identity.service, &ServiceIdentityPatch::default()).await?;
    tx.tell("overlap", format!("{} s", input.overlap.as_secs()));
    found(tx, &input.id).await
}

async fn add_key(tx: &mut Tx, service: ServiceId, hash: &[u8], lifetime: Duration) -> Result<()> {
    tx.tell("key_lifetime", format!("{} s", lifetime.as_secs()));
    service_identities::add_key(tx, service, hash, lifetime).await
}

async fn found(tx: &mut Tx, id: &str) -> Result<ServiceIdentity> {
    service_identities::load(tx, id).await?.ok_or_else(|| Error::not_found(format!("{COLLECTION}{id}")))
}

/// The identity, held for the change, if it is as the caller has read it.
async fn held(tx: &mut Tx, id: &str, etag: &str) -> Result<ServiceIdentity> {
    let name = format!("{COLLECTION}{id}");
    tx.about(name.clone());
    let identity = service_identities::load_for_change(tx, id).await?.ok_or_else(|| Error::not_found(name))?;
    identity.check_etag(etag)?;
    Ok(identity)
}

async fn reach(tx: &mut Tx, tenants: &Tenants) -> Result<Reach> {
    Ok(match tenants {
        Tenants::All => Reach::All,
        Tenants::Named(named) => Reach::These(service_identities::tenants(tx, named).await?),
    })
}

/// Refuses to let a service have what the caller could not do.
async fn check_may_give(tx: &mut Tx, methods: &BTreeSet<String>) -> Result<()> {
    let caller = caller_facts(tx.op())?.caller.user.user;
    may_give(methods, &privileges::of_user(tx, caller).await?)
}

/// The identity by field, for people.
fn facts(identity: &ServiceIdentity) -> [(&'static str, String); 4] {
    let some = |names: &mut dyn Iterator<Item = &str>| {
        const MOST: usize = 20;
        let names: Vec<_> = names.collect();
        let (shown, more) = names.split_at(names.len().min(MOST));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        format!("[{}{more}]", shown.join(" "))
    };
    let tenants = match identity.reach {
        Reach::All => "all".to_owned(),
        Reach::These(_) => some(&mut identity.tenant_codes.iter().map(String::as_str)),
    };
    [
        ("display_name", identity.display_name.to_string()),
        ("methods", some(&mut identity.methods.iter().map(String::as_str))),
        ("tenants", tenants),
        ("spiffe_id", identity.spiffe_id.as_ref().map_or_else(|| "none".to_owned(), SpiffeId::to_string)),
    ]
}
