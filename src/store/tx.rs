//! Transactions. Nothing else in the service gets a connection, and nothing gets a transaction without an [`OpContext`].
//!
//! A transaction works for one tenant, on which it begins and which row-level security then keeps to; for a caller its
//! first statement checks again what the caller's permit claims. A [`PlatformTx`] works across tenants, on the
//! few tables whose policies let it. Transactions run in a task of their own, so a caller that hangs up can't leave one
//! open in the pool.

mod handle;
mod own;

use std::ops::DerefMut as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel_async::pooled_connection::deadpool::{Object, Pool, PoolError};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AnsiTransactionManager, TransactionManager as _};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use super::connection::Address;
use super::enter::{AS_PLATFORM, begin, enter, enter_as, hold_own_rows};
use super::error::{Outcome, failed, judge, unavailable};
use super::impersonation::OwnRights;
use super::{audit, requests};
use crate::authn::Caller;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};

pub(super) use handle::Story;
pub use handle::{PlatformTx, Tx};
use own::Conn;
pub use own::Own;

/// How long one try may take. What runs longer hangs: the database itself gives up on statements before.
const LONGEST: Duration = Duration::from_secs(40);

/// How often a transaction that another one was in the way of is tried.
const TRIES: u32 = 6;

/// The database, by way of its pool.
#[derive(Clone)]
pub struct Db {
    pool: Pool<AsyncPgConnection>,
    address: Address,
    probe: Arc<Mutex<Option<AsyncPgConnection>>>,
    repeat_window: Duration,
    duration: Histogram<f64>,
}

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DbConfig {
    /// Where it is, for the role `landlord_app`.
    pub url: Address,
    /// Connections at most.
    pub pool_size: usize,
    /// How long to wait for a free connection before the call is refused.
    pub wait: Duration,
    /// How long the first answer to a request id is kept.
    pub repeat_window: Duration,
}

/// Work inside a transaction; it may run several times.
pub trait Work<X, I, T>: for<'t> Fn(&'t mut X, &'t I) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static {}
impl<X, I, T, F> Work<X, I, T> for F where
    F: for<'t> Fn(&'t mut X, &'t I) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static
{
}

impl Db {
    /// A pool; it connects when it is first used.
    pub fn new(config: &DbConfig) -> Result<Self> {
        let mut manager = ManagerConfig::default();
        // `Verified` would cost a round trip for each transaction; a broken connection shows with its first statement.
        manager.recycling_method = RecyclingMethod::Fast;
        let address = config.url.clone();
        manager.custom_setup = Box::new(move |_| {
            let address = address.clone();
            async move { address.connect().await }.boxed()
        });
        let manager =
            AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(config.url.url().to_owned(), manager);
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .wait_timeout(Some(config.wait))
            .create_timeout(Some(Duration::from_secs(5)))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|e| Error::internal("connection pool", e))?;
        let duration = opentelemetry::global::meter("landlord")
            .f64_histogram("landlord.store.transaction.duration")
            .with_unit("s")
            .with_description("Time of a named transaction, with its tries")
            .build();
        let (address, probe) = (config.url.clone(), Arc::default());
        Ok(Self { pool, address, probe, repeat_window: config.repeat_window, duration })
    }

    /// Where the database is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Reads for one tenant.
    pub async fn read<I, T>(&self, op: OpContext, name: &'static str, input: I, work: impl Work<Tx, I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (db, op, input, work) = (self.clone(), Arc::new(op), Arc::new(input), Arc::new(work));
        self.run(name, move || {
            let (db, op, input, work) = (db.clone(), op.clone(), input.clone(), work.clone());
            async move {
                let mut tx = db.begin(op, false).await?;
                let out = work(&mut tx, &input).await;
                finish(&mut tx.conn, out.is_ok()).await?;
                out
            }
            .boxed()
        })
        .await
    }

    /// Changes something for one tenant, whole or not at all. With a request id it happens once, and a repeat gets the
    /// first result; with `validate_only` everything is done but not committed.
    pub async fn change<I, T>(
        &self,
        op: OpContext,
        name: &'static str,
        input: I,
        work: impl Work<Tx, I, T>,
    ) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let (db, op, input, work) = (self.clone(), Arc::new(op), Arc::new(input), Arc::new(work));
        self.run(name, move || {
            let (db, op, input, work) = (db.clone(), op.clone(), input.clone(), work.clone());
            async move {
                let mut tx = db.begin(op.clone(), true).await?;
                let out = db.changed(&mut tx, &op, input.as_ref(), work.as_ref()).await;
                let keep = out.is_ok() && !op.validate_only();
                finish(&mut tx.conn, keep).await?;
                if keep && op.call().is_some() {
                    fail::fail_point!("call.committed");
                }
                out
            }
            .boxed()
        })
        .await
    }

    /// A step on the way to a change that takes several transactions, of which [`Self::change`] makes the last one: what it does
    /// stays, but is no answer, and the audit trail does not tell of it. A repeat of a change that was made gets its result.
    pub async fn prepare<I, T, A>(
        &self,
        op: OpContext,
        name: &'static str,
        input: I,
        work: impl Work<Tx, I, T>,
    ) -> Result<Prepared<T, A>>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        A: DeserializeOwned + Send + 'static,
    {
        let (db, op, input, work) = (self.clone(), Arc::new(op), Arc::new(input), Arc::new(work));
        self.run(name, move || {
            let (db, op, input, work) = (db.clone(), op.clone(), input.clone(), work.clone());
            async move {
                let mut tx = db.begin(op.clone(), true).await?;
                let out = match requests::find(&mut tx, &op, db.repeat_window).await {
                    Ok(Some(answer)) => stored(answer).map(Prepared::Answered),
                    Ok(None) => work(&mut tx, &input).await.map(Prepared::Goes),
                    Err(reused) => Err(reused),
                };
                finish(&mut tx.conn, out.is_ok()).await?;
                out
            }
            .boxed()
        })
        .await
    }

    /// Refuses a request id that has come before with another body.
    pub async fn check_request_id(&self, op: OpContext) -> Result<()> {
        let found = self.read(op, "check-request-id", self.repeat_window, |tx, window| {
            async move {
                let op = tx.op().clone();
                requests::find(tx, &op, *window).await
            }
            .boxed()
        });
        found.await.map(|_| ())
    }

    async fn changed<I, T>(&self, tx: &mut Tx, op: &OpContext, input: &I, work: &impl Work<Tx, I, T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        if let Some(answer) = requests::find(tx, op, self.repeat_window).await? {
            return stored(answer);
        }
        let own = OwnRights::before(tx).await?;
        let out = work(tx, input).await?;
        if let Some(own) = own {
            own.remain(tx).await?;
        }
        audit::record(tx, op).await?;
        if op.validate_only() {
            tx.conn.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.map_err(failed)?;
        } else {
            let answer = serde_json::to_value(&out).map_err(|e| Error::internal("answer to keep", e))?;
            requests::keep(tx, op, answer).await?;
        }
        Ok(out)
    }

    /// Reads or changes across tenants, as far as the tables' policies allow.
    pub async fn platform<I, T>(
        &self,
        op: OpContext,
        name: &'static str,
        input: I,
        work: impl Work<PlatformTx, I, T>,
    ) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        if !op.permit().crosses_tenants() {
            return Err(Error::internal("context", "this permit does not cross tenants"));
        }
        let (db, op, input, work) = (self.clone(), Arc::new(op), Arc::new(input), Arc::new(work));
        self.run(name, move || {
            let (db, op, input, work) = (db.clone(), op.clone(), input.clone(), work.clone());
            async move {
                let mut tx = db.begin_platform(op).await?;
                let out = work(&mut tx, &input).await;
                finish(&mut tx.conn, out.is_ok()).await?;
                out
            }
            .boxed()
        })
        .await
    }

    /// Runs a transaction in a task of its own, again while others are in its way, and measures it.
    async fn run<T, A>(&self, name: &'static str, attempt: A) -> Result<T>
    where
        T: Send + 'static,
        A: Fn() -> BoxFuture<'static, Result<T>> + Send + Sync + 'static,
    {
        let tried = async move {
            let mut tries = 1;
            loop {
                let answer = tokio::time::timeout(LONGEST, attempt()).await;
                let answer = answer.unwrap_or_else(|_| Err(unavailable("no answer in time")));
                match answer.map_err(judge) {
                    Ok(out) => break Ok(out),
                    Err(Outcome::Retry(_)) if tries < TRIES => {
                        tries += 1;
                        tokio::time::sleep(jitter(tries)).await;
                    }
                    Err(Outcome::Retry(error) | Outcome::GiveUp(error)) => break Err(error),
                }
            }
        };
        let task = measured(name, self.duration.clone(), tried);
        tokio::spawn(task).await.map_err(|e| Error::internal("transaction task", e))?
    }

    async fn connection(&self) -> Result<Object<AsyncPgConnection>> {
        self.pool.get().await.map_err(|e| match e {
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => busy(),
            other => unavailable(other),
        })
    }

    async fn begin(&self, op: Arc<OpContext>, for_change: bool) -> Result<Tx> {
        Self::begin_on(Conn::Pooled(Box::new(self.connection().await?)), op, for_change).await
    }

    async fn begin_on(mut conn: Conn, op: Arc<OpContext>, for_change: bool) -> Result<Tx> {
        let tenant = op.target()?;
        begin(&mut conn, &op, tenant).await?;
        let entered = async {
            let held = for_change && hold_own_rows(&mut conn, &op, tenant).await?;
            enter(&mut conn, &op, tenant, for_change).await?;
            Ok(held.then_some(tenant))
        };
        match entered.await {
            Ok(held) => Ok(Tx { conn, op, tenant, held, story: Story::default() }),
            Err(refused) => {
                // What was held must not stay held until the pool looks at the connection again.
                finish(&mut conn, false).await?;
                Err(refused)
            }
        }
    }

    async fn begin_platform(&self, op: Arc<OpContext>) -> Result<PlatformTx> {
        let mut conn = self.connection().await?;
        let Some(caller) = op.permit().caller() else {
            let sql = format!("BEGIN; {AS_PLATFORM}");
            AnsiTransactionManager::begin_transaction_sql(conn.deref_mut(), &sql).await.map_err(unavailable)?;
            return Ok(PlatformTx { conn });
        };
        begin(&mut conn, &op, caller.user.home).await?;
        if let Err(refused) = enter(&mut conn, &op, caller.user.home, false).await {
            finish(&mut conn, false).await?;
            return Err(refused);
        }
        conn.batch_execute(AS_PLATFORM).await.map_err(failed)?;
        Ok(PlatformTx { conn })
    }

    /// Whether the database answers, asked on a connection that is kept for that: a pool in full use is a sign of load,
    /// and one whose connections hang says nothing.
    pub async fn ping(&self) -> Result<()> {
        let mut kept = self.probe.lock().await;
        let asked = tokio::time::timeout(Duration::from_secs(2), async {
            let mut conn = match kept.take() {
                Some(conn) => conn,
                None => self.address.connect().await.map_err(unavailable)?,
            };
            conn.batch_execute("SELECT 1").await.map_err(failed)?;
            Ok::<_, Error>(conn)
        });
        *kept = Some(asked.await.map_err(unavailable)??);
        Ok(())
    }
}

/// Runs a transaction in a span of its own, and writes down how long it took.
async fn measured<T>(name: &'static str, duration: Histogram<f64>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let span =
        tracing::info_span!("transaction", otel.name = name, db.system.name = "postgresql", db.operation.name = name);
    let began = Instant::now();
    let out = work.instrument(span).await;
    let outcome = if out.is_ok() { "ok" } else { "error" };
    duration.record(began.elapsed().as_secs_f64(), &[KeyValue::new("name", name), KeyValue::new("outcome", outcome)]);
    out
}

/// How a step on the way to a change has gone.
#[derive(Debug)]
pub enum Prepared<T, A> {
    /// The change can go on.
    Goes(T),
    /// It was made before, with this result.
    Answered(A),
}

fn stored<A: DeserializeOwned>(answer: serde_json::Value) -> Result<A> {
    serde_json::from_value(answer).map_err(|e| Error::internal("stored answer", e))
}

/// Whether what a token says still holds, as far as the database knows; the transaction then is on the active tenant. For a
/// change it holds until the transaction ends.
pub(super) async fn stands(tx: &mut Tx, caller: &Caller, for_change: bool) -> Result<()> {
    enter_as(&mut tx.conn, caller, caller.active, &[], for_change).await?;
    tx.tenant = caller.active;
    Ok(())
}

async fn finish(conn: &mut AsyncPgConnection, keep: bool) -> Result<()> {
    if keep {
        fail::fail_point!("store.commit.before");
        AnsiTransactionManager::commit_transaction(conn).await.map_err(failed)?;
        fail::fail_point!("store.commit.after");
        return Ok(());
    }
    // What went wrong is in the caller's hands already; a connection that can't roll back is dropped by the pool.
    if let Err(error) = AnsiTransactionManager::rollback_transaction(conn).await {
        tracing::debug!(%error, "rollback");
    }
    Ok(())
}

fn busy() -> Error {
    let text = "all connections to the database are in use; nothing was done: try again";
    Refusal::new(Reason::StoreUnavailable, text).retry_after(Duration::from_secs(1)).into()
}

fn jitter(tries: u32) -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(random % (4 << tries))
}
