//! What everybody may know of a tenant before log-in.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::{tenant_domains as d, tenants as t};
use super::tenants::{BrandingRow, branding};
use super::tx::Tx;
use crate::domain::branding::Branding;
use crate::domain::error::Result;
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::State;
use crate::domain::name::{DisplayName, DomainName};

/// How a tenant is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// By code or uid.
    Named(String),
    /// By domain.
    At(DomainName),
}

/// What is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTenant {
    /// Its code.
    pub code: String,
    /// What people call it.
    pub display_name: DisplayName,
    /// How it looks.
    pub branding: Branding,
    /// Whether its users can log in.
    pub open: bool,
    /// Whether they can by its domain.
    pub domain_operational: bool,
}

type Row = (String, String, String, BrandingRow, Option<(bool, bool)>);

/// The tenant that is asked for; None: it is not there, or not any more.
pub async fn find(tx: &mut Tx, asked: &Asked) -> Result<Option<PublicTenant>> {
    let mut query = t::table
        .left_join(d::table.on(d::tenant_id.eq(t::tenant_id)))
        .select((
            t::code,
            t::display_name,
            t::state,
            (t::product_name, t::logo_url, t::primary_color, t::accent_color),
            (d::verified, d::secure).nullable(),
        ))
        .into_boxed();
    query = match asked {
        Asked::At(domain) => query.filter(t::domain.eq(domain.as_str())),
        Asked::Named(name) => match TenantUid::parse(name) {
            Some(uid) => query.filter(t::tenant_id.eq(uid.0)),
            None => query.filter(t::code.eq(name)),
        },
    };
    let found: Option<Row> = query.first(tx.across_tenants().await?).await.optional().map_err(failed)?;
    tx.within_tenant().await?;
    Ok(found.map(|(code, display_name, state, looks, domain)| PublicTenant {
        code,
        display_name: DisplayName::stored(display_name),
        branding: branding(looks),
        open: State::parse(&state) == Some(State::Active),
        domain_operational: domain.is_some_and(|(verified, secure)| verified && secure),
    }))
}
