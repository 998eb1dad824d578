//! Which users of a tenant have which extensions.

use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::extension_list::{ExtensionQuery, extension_filter};
use crate::grpc::convert::{extension, names, page};
use crate::proto::v1;

/// AllocateExtension.
pub async fn allocate(
    app: &App,
    op: OpContext,
    request: v1::AllocateExtensionRequest,
) -> Result<v1::AllocateExtensionResponse> {
    let taken = app.allocate_extension(op, extension::wanted(&request.user, &request.extension)?).await?;
    Ok(v1::AllocateExtensionResponse { moved: extension::taken(taken) })
}

/// ReleaseExtension.
pub async fn release(
    app: &App,
    op: OpContext,
    request: v1::ReleaseExtensionRequest,
) -> Result<v1::ReleaseExtensionResponse> {
    let taken = app.release_extension(op, extension::wanted(&request.user, &request.extension)?).await?;
    Ok(v1::ReleaseExtensionResponse { released: extension::taken(taken) })
}

/// ListExtensions.
pub async fn list(app: &App, op: OpContext, request: v1::ListExtensionsRequest) -> Result<v1::ListExtensionsResponse> {
    names::tenant("parent", &request.parent)?;
    let arguments = format!("{}\n{}\n{}", request.parent, request.filter, request.order_by);
    let ((), descending) = page::order(&request.order_by, &[()], |()| "extension")?;
    let filter = extension_filter(&request.filter)?;
    let after = page::open(&app.root, &op, &arguments, &request.page_token)?;
    let query = ExtensionQuery { filter, descending, after, size: page::size(request.page_size)? };
    let found = app.list_extensions(op.clone(), query).await?;
    Ok(v1::ListExtensionsResponse {
        next_page_token: page::seal(&app.root, &op, &arguments, found.page.next.as_ref())?,
        extensions: found.page.rows.into_iter().map(|row| extension::stretch(&found.tenant_code, row)).collect(),
        total_size: page::total(found.total),
        total_size_estimated: page::is_estimate(found.total),
    })
}
