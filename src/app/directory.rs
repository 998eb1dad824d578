//! The directory of users, groups and roles, as the participant that is built in.

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};

use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::{RoleId, UserId, UserRef};
use crate::domain::name::DisplayName;
use crate::domain::operation::{InitialAdmin, Units};
use crate::domain::user::{BuiltInRole, SUPERUSER, UserState};
use crate::ports::{Answer, Participant, Record, StepCall, Usage};
use crate::store::claims::{self, Claim};
use crate::store::directory::{self, NewUser};
use crate::store::tx::{Db, Tx};
use crate::store::{impersonation_targets, memberships, records, roles};

/// Rows that one batch of a purge removes.
const BATCH: i64 = 1000;

/// The directory.
#[derive(Clone)]
pub struct Directory {
    db: Db,
}

impl Directory {
    /// In that database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    fn work(&self, call: &StepCall) -> OpContext {
        OpContext::system(Purpose::Worker, Some(call.tenant.uid))
    }
}

#[async_trait]
impl Participant for Directory {
    fn name(&self) -> &'static str {
        "directory"
    }

    async fn provision(&self, call: &StepCall, admin: Option<&InitialAdmin>) -> Result<Answer> {
        let input = (call.claim, call.tenant.display_name.clone(), admin.cloned());
        self.db
            .change(self.work(call), "provision-directory", input, |tx, (claim, _, admin)| {
                provision(tx, claim, admin.as_ref()).boxed()
            })
            .await?;
        Ok(Answer::Done)
    }

    async fn freeze(&self, _: &StepCall) -> Result<Answer> {
        fail::fail_point!("directory.freeze", |why| Ok(Answer::Wait(why.unwrap_or_default())));
        // The lifecycle itself keeps everybody out of a tenant that is being deleted.
        Ok(Answer::Done)
    }

    async fn thaw(&self, _: &StepCall) -> Result<Answer> {
        Ok(Answer::Done)
    }

    async fn purge(&self, call: &StepCall) -> Result<Answer> {
        let total = match call.so_far.total {
            // Counted once, and not while the fence holds the operation: it takes longer than a batch.
            0 => self.db.read(self.work(call), "rows-to-remove", (), |tx, ()| directory::rows(tx).boxed()).await?,
            known => known,
        };
        let gone = self
            .db
            .change(self.work(call), "purge-directory", call.claim, |tx, claim| {
                async move {
                    claims::fence(tx, claim).await?;
                    directory::remove_batch_of_rows(tx, BATCH).await
                }
                .boxed()
            })
            .await?;
        Ok(if gone == 0 { Answer::Done } else { Answer::More(Units { done: gone, total }) })
    }

    async fn export(&self, call: &StepCall) -> Result<BoxStream<'static, Result<Record>>> {
        let (db, op) = (self.db.clone(), self.work(call));
        let tables = futures::stream::iter(records::TABLES).then(move |table| {
            let (db, op) = (db.clone(), op.clone());
            async move {
                let rows = db.read(op, "export-directory", *table, |tx, table| records::of(tx, table).boxed()).await?;
                let rows = rows.into_iter().map(|body| Ok(Record { kind: (*table).to_owned(), body }));
                Ok::<_, Error>(futures::stream::iter(rows))
            }
        });
        Ok(tables.try_flatten().boxed())
    }

    async fn import(&self, call: &StepCall, records: BoxStream<'static, Result<Record>>) -> Result<u64> {
        let records: Vec<Record> = records.try_collect().await?;
        let count = records.len() as u64;
        let input = (call.claim, records);
        self.db
            .change(self.work(call), "import-directory", input, |tx, (claim, records)| {
                async move {
                    claims::fence(tx, claim).await?;
                    for record in records {
                        records::insert(tx, &record.kind, &record.body).await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await?;
        Ok(count)
    }

    async fn usage(&self, call: &StepCall) -> Result<Usage> {
        let counts =
            self.db.read(self.work(call), "directory-usage", (), |tx, ()| directory::counts(tx).boxed()).await?;
        Ok(Usage { objects: counts.users + counts.groups + counts.roles, bytes: 0 })
    }
}

async fn provision(tx: &mut Tx, claim: &Claim, admin: Option<&InitialAdmin>) -> Result<()> {
    claims::fence(tx, claim).await?;
    if directory::exists(tx).await? {
        return Ok(());
    }
    let tenant = crate::store::tenants::load(tx).await?;
    let tenant = tenant.ok_or_else(|| Error::internal("provision", "the tenant is gone"))?;
    let administrator = start_directory(tx, &tenant.display_name).await?;
    if let Some(admin) = admin {
        let key = admin.user_name.key();
        let user = NewUser {
            user_name: admin.user_name.as_str(),
            user_name_key: &key,
            email: admin.email.as_str(),
            given_name: admin.given_name.as_str(),
            family_name: admin.family_name.as_str(),
            state: UserState::Invited,
            password_hash: None,
            must_change_password: false,
            impersonation_target: false,
        };
        let user = directory::insert_user(tx, &user).await?;
        roles::assign(tx, administrator, &[user], &[]).await?;
    }
    Ok(())
}

/// What every directory starts with: the root group, the three roles, and `superuser`. Gives the role Administrator.
pub(super) async fn start_directory(tx: &mut Tx, tenant_name: &DisplayName) -> Result<RoleId> {
    directory::insert_root_group(tx, tenant_name).await?;
    let administrator = directory::insert_role(tx, BuiltInRole::Administrator).await?;
    directory::insert_role(tx, BuiltInRole::User).await?;
    directory::insert_role(tx, BuiltInRole::Viewer).await?;
    let superuser = insert_superuser(tx).await?;
    roles::assign(tx, administrator, &[superuser], &[]).await?;
    Ok(administrator)
}

/// Sees to it that the tenant has that account and that it can be acted for; what it may do is as it is.
pub(super) async fn usable_superuser(tx: &mut Tx) -> Result<UserId> {
    let user = match directory::find_user(tx, SUPERUSER).await? {
        Some(user) => user,
        None => insert_superuser(tx).await?,
    };
    memberships::insert(tx, &[UserRef { home: tx.tenant(), user }]).await?;
    impersonation_targets::make_usable(tx, user).await?;
    Ok(user)
}

/// The account that operators act for. In the infrastructure tenant nobody does.
async fn insert_superuser(tx: &mut Tx) -> Result<UserId> {
    let superuser = NewUser {
        user_name: SUPERUSER,
        user_name_key: SUPERUSER,
        email: "",
        given_name: "",
        family_name: "",
        state: UserState::Active,
        password_hash: None,
        must_change_password: false,
        impersonation_target: !tx.tenant().is_infrastructure(),
    };
    directory::insert_user(tx, &superuser).await
}
