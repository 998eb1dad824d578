//! What the index knows of a tenant.

use std::borrow::Cow;
use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chrono::{DateTime, Utc};

use super::names::sort_key;
use crate::domain::fold::fold;
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::{LockReason, State};
use crate::domain::name::Labels;
use crate::domain::tenant_list::{Cursor, Order};

/// A tenant, as far as lists go by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(super) uid: TenantUid,
    pub(super) version: i64,
    pub(super) code: Box<str>,
    /// The folded name.
    pub(super) name: Box<str>,
    pub(super) sort_key: Box<[u8]>,
    pub(super) state: State,
    pub(super) lock_reason: Option<LockReason>,
    pub(super) server: Box<str>,
    pub(super) labels: Box<[(Box<str>, Box<str>)]>,
    pub(super) protected: bool,
    pub(super) created_at: DateTime<Utc>,
}

/// What of a tenant an entry is made from.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Which tenant.
    pub uid: TenantUid,
    /// Grows with each change of it.
    pub version: i64,
    /// Its code.
    pub code: &'a str,
    /// Its name.
    pub display_name: &'a str,
    /// Its state.
    pub state: State,
    /// Why it is locked, if it is.
    pub lock_reason: Option<LockReason>,
    /// Where it is placed.
    pub server: &'a str,
    /// Its labels.
    pub labels: &'a Labels,
    /// Whether it is protected.
    pub protected: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

impl Entry {
    /// The entry of a tenant.
    pub fn new(facts: &Facts<'_>) -> Self {
        Self {
            uid: facts.uid,
            version: facts.version,
            code: facts.code.into(),
            name: fold(facts.display_name).into(),
            sort_key: sort_key(facts.display_name),
            state: facts.state,
            lock_reason: facts.lock_reason,
            server: facts.server.into(),
            labels: facts.labels.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            protected: facts.protected,
            created_at: facts.created_at,
        }
    }

    /// Where it stands in relation to another in that order.
    pub(super) fn compare(&self, other: &Self, order: Order) -> Ordering {
        let keys = match order {
            Order::DisplayName => self.sort_key.cmp(&other.sort_key),
            Order::Code => self.code.cmp(&other.code),
            Order::State => self.state.name().cmp(other.state.name()),
            Order::CreateTime => self.created_at.cmp(&other.created_at),
        };
        keys.then_with(|| self.uid.cmp(&other.uid))
    }

    /// What that order compares before the uid.
    fn key(&self, order: Order) -> Cow<'_, [u8]> {
        match order {
            Order::DisplayName => Cow::Borrowed(&self.sort_key),
            Order::Code => Cow::Borrowed(self.code.as_bytes()),
            Order::State => Cow::Borrowed(self.state.name().as_bytes()),
            // As bytes, times are in the order of times if none is negative.
            Order::CreateTime => Cow::Owned(self.created_at.timestamp_micros().to_be_bytes().to_vec()),
        }
    }

    /// Its place in that order, for who goes on from there.
    pub(super) fn place(&self, order: Order) -> Cursor {
        Cursor { key: BASE64.encode(self.key(order)), uid: self.uid }
    }

    /// Where it stands in relation to a place.
    pub(super) fn compare_to(&self, place: &Place, order: Order) -> Ordering {
        self.key(order).as_ref().cmp(&place.key).then_with(|| self.uid.cmp(&place.uid))
    }
}

/// A place in an order, whether or not a tenant still stands there.
pub(super) struct Place {
    key: Vec<u8>,
    uid: TenantUid,
}

impl Place {
    /// The place that was given to somebody.
    pub(super) fn new(cursor: &Cursor) -> Self {
        Self { key: BASE64.decode(&cursor.key).unwrap_or_default(), uid: cursor.uid }
    }
}
