//! Transactions on a connection that something was prepared on, such as rows on their way back.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
use tokio::sync::OwnedSemaphorePermit;

use super::{Db, Tx, Work, finish, measured};
use crate::context::OpContext;
use crate::domain::error::Result;

/// A connection that is not of the pool, and goes with whoever has it.
pub struct Own {
    pub(in crate::store) conn: Box<AsyncPgConnection>,
    pub(in crate::store) _place: OwnedSemaphorePermit,
}

/// What a transaction runs on.
pub(in crate::store) enum Conn {
    Pooled(Box<Object<AsyncPgConnection>>),
    Own(Box<AsyncPgConnection>),
}

impl Deref for Conn {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        match self {
            Self::Pooled(conn) => conn,
            Self::Own(conn) => conn,
        }
    }
}

impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        match self {
            Self::Pooled(conn) => conn,
            Self::Own(conn) => conn,
        }
    }
}

impl Db {
    /// Changes something for one tenant, whole or not at all, on a connection that was prepared for it, and once: what was prepared
    /// goes with the connection. It is part of work that was asked for before, and takes as long as it takes.
    pub async fn change_on<I, T>(
        &self,
        own: Own,
        op: OpContext,
        name: &'static str,
        input: I,
        work: impl Work<Tx, I, T>,
    ) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.once(own, op, name, input, work, true).await
    }

    /// Reads for one tenant on such a connection, and holds nobody up.
    pub async fn read_on<I, T>(
        &self,
        own: Own,
        op: OpContext,
        name: &'static str,
        input: I,
        work: impl Work<Tx, I, T>,
    ) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.once(own, op, name, input, work, false).await
    }

    async fn once<I, T>(
        &self,
        Own { conn, _place }: Own,
        op: OpContext,
        name: &'static str,
        input: I,
        work: impl Work<Tx, I, T>,
        for_change: bool,
    ) -> Result<T> {
        let once = async {
            let mut tx = Self::begin_on(Conn::Own(conn), Arc::new(op), for_change).await?;
            let out = work(&mut tx, &input).await;
            finish(&mut tx.conn, out.is_ok()).await?;
            out
        };
        measured(name, self.duration.clone(), once).await
    }
}
