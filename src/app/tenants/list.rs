//! ListTenants: by pages, in an order that ends in a unique key.

use futures::FutureExt as _;

use super::access::access;
use super::read::{SeenTenant, caller_facts};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::store::page::{Cursor, Order};
use crate::store::tenants::{self, EXACT_TOTAL, ListTenants};

/// What to list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// Part of name or code.
    pub search: String,
    /// The order.
    pub order: Order,
    /// Against it.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Rows at most.
    pub size: i64,
}

/// A page.
#[derive(Clone, Debug)]
pub struct TenantPage {
    /// Its rows.
    pub rows: Vec<SeenTenant>,
    /// Where it ends, if another follows.
    pub next: Option<Cursor>,
    /// How many there are in all pages.
    pub total: i64,
    /// Whether there are more than that.
    pub estimated: bool,
}

impl App {
    /// A page of all tenants.
    pub async fn list_tenants(&self, op: OpContext, request: ListRequest) -> Result<TenantPage> {
        let facts = caller_facts(&op)?;
        let (order, size) = (request.order, request.size);
        let query = ListTenants {
            search: request.search,
            order,
            descending: request.descending,
            after: request.after,
            limit: size + 1,
        };
        let listed = self.db.platform(op, "list-tenants", query, |tx, query| tenants::list(tx, query).boxed());
        let (mut found, counted) = listed.await?;
        let more = i64::try_from(found.len()).unwrap_or(i64::MAX) > size;
        if more {
            found.pop();
        }
        let next = found.last().filter(|_| more).map(|(tenant, _)| Cursor {
            text: match order {
                Order::DisplayName => tenant.display_name.as_str().to_owned(),
                Order::Code => tenant.code.clone(),
                Order::State => tenant.state.name().to_owned(),
                Order::CreateTime => String::new(),
            },
            time: (order == Order::CreateTime).then_some(tenant.created_at),
            uid: tenant.uid,
        });
        let rows = found.into_iter().map(|(tenant, marked)| {
            let access = access(&tenant, &facts, marked);
            SeenTenant { tenant, access }
        });
        Ok(TenantPage { rows: rows.collect(), next, total: counted.min(EXACT_TOTAL), estimated: counted > EXACT_TOTAL })
    }
}
