//! ListExtensions.

use futures::FutureExt as _;

use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::extension::Stretch;
use crate::domain::extension_list::ExtensionQuery;
use crate::domain::page::{EXACT_TOTAL, Page};
use crate::store::{extension_list, tenants};

/// A page of a tenant's extensions.
#[derive(Clone, Debug)]
pub struct ExtensionPage {
    /// Code of the tenant.
    pub tenant_code: String,
    /// The page, and where it ends.
    pub page: Page<Stretch, i64>,
    /// How many there are, counted up to one more than [`EXACT_TOTAL`].
    pub total: i64,
}

impl App {
    /// A page of a tenant's extensions: those of each user, and those that are free.
    pub async fn list_extensions(&self, op: OpContext, list: ExtensionQuery) -> Result<ExtensionPage> {
        let (absent, size) = (op.not_found(), list.size);
        let read = self.db.read(op, "list-extensions", list, |tx, list| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                Ok(Some((tenant.code, extension_list::page(tx, list, EXACT_TOTAL + 1).await?)))
            }
            .boxed()
        });
        let (tenant_code, (rows, total)) = read.await?.ok_or(absent)?;
        Ok(ExtensionPage { tenant_code, page: Page::cut(rows, size, |row| row.numbers.codes().0), total })
    }
}
