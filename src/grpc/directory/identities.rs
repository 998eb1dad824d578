//! Who users are for identity providers.

use crate::app::App;
use crate::app::identities::LinkIdentity;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::identity_provider::{UserIdentity, name};
use crate::domain::name::Subject;
use crate::grpc::convert::fields::timestamp;
use crate::grpc::convert::identity_provider::provider_id;
use crate::grpc::convert::{names, user};
use crate::proto::v1;

/// LinkIdentity.
pub async fn link(app: &App, op: OpContext, request: v1::LinkIdentityRequest) -> Result<v1::LinkIdentityResponse> {
    let input = input(&request.user, &request.identity_provider, &request.subject)?;
    let (account, linked) = app.link_identity(op, input).await?;
    Ok(v1::LinkIdentityResponse { user: Some(user::user(account)), identity: Some(identity(linked)) })
}

/// UnlinkIdentity.
pub async fn unlink(
    app: &App,
    op: OpContext,
    request: v1::UnlinkIdentityRequest,
) -> Result<v1::UnlinkIdentityResponse> {
    let input = input(&request.user, &request.identity_provider, &request.subject)?;
    let account = app.unlink_identity(op, input).await?;
    Ok(v1::UnlinkIdentityResponse { user: Some(user::user(account)) })
}

/// ListUserIdentities.
pub async fn list(
    app: &App,
    op: OpContext,
    request: v1::ListUserIdentitiesRequest,
) -> Result<v1::ListUserIdentitiesResponse> {
    let found = app.list_user_identities(op, names::id("user", &request.user)?).await?;
    Ok(v1::ListUserIdentitiesResponse { identities: found.into_iter().map(identity).collect() })
}

fn input(user: &str, provider: &str, subject: &str) -> Result<LinkIdentity> {
    Ok(LinkIdentity {
        user: names::id("user", user)?,
        provider: provider_id("identity_provider", provider)?,
        subject: Subject::parse(subject).map_err(|allowed| Error::field("subject", allowed))?,
    })
}

fn identity(identity: UserIdentity) -> v1::UserIdentity {
    v1::UserIdentity {
        identity_provider: name(&identity.provider),
        subject: identity.subject.to_string(),
        create_time: Some(timestamp(identity.created_at)),
    }
}
