//! The calls on identity providers and on who users are for them.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;

impl Api {
    /// CreateIdentityProvider.
    pub async fn create_provider(
        &self,
        id: &str,
        provider: v1::IdentityProvider,
    ) -> Result<v1::IdentityProvider, Status> {
        let (identity_provider_id, identity_provider) = (id.into(), Some(provider));
        let request =
            v1::CreateIdentityProviderRequest { identity_provider_id, identity_provider, ..Default::default() };
        let made = self.client.admin().create_identity_provider(request).await;
        made.map(|r| r.into_inner().identity_provider.unwrap())
    }

    /// UpdateIdentityProvider of what is populated.
    pub async fn update_provider(&self, provider: v1::IdentityProvider) -> Result<v1::IdentityProvider, Status> {
        let request = v1::UpdateIdentityProviderRequest { identity_provider: Some(provider), ..Default::default() };
        let changed = self.client.admin().update_identity_provider(request).await;
        changed.map(|r| r.into_inner().identity_provider.unwrap())
    }

    /// GetIdentityProvider.
    pub async fn provider(&self, name: &str) -> Result<v1::IdentityProvider, Status> {
        let request = v1::GetIdentityProviderRequest { name: name.into() };
        let found = self.client.admin().get_identity_provider(request).await;
        found.map(|r| r.into_inner().identity_provider.unwrap())
    }

    /// DeleteIdentityProvider.
    pub async fn delete_provider(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteIdentityProviderRequest { name: name.into(), ..Default::default() };
        self.client.admin().delete_identity_provider(request).await.map(|_| ())
    }

    /// LinkIdentity.
    pub async fn link(&self, user: &str, provider: &str, subject: &str) -> Result<v1::LinkIdentityResponse, Status> {
        let (user, identity_provider, subject) = (user.into(), provider.into(), subject.into());
        let request = v1::LinkIdentityRequest { user, identity_provider, subject, ..Default::default() };
        self.client.users().link_identity(request).await.map(Response::into_inner)
    }

    /// UnlinkIdentity.
    pub async fn unlink(&self, user: &str, provider: &str, subject: &str) -> Result<v1::User, Status> {
        let (user, identity_provider, subject) = (user.into(), provider.into(), subject.into());
        let request = v1::UnlinkIdentityRequest { user, identity_provider, subject, ..Default::default() };
        self.client.users().unlink_identity(request).await.map(|r| r.into_inner().user.unwrap())
    }

    /// ListUserIdentities: provider and subject of each.
    pub async fn identities(&self, user: &str) -> Result<Vec<(String, String)>, Status> {
        let request = v1::ListUserIdentitiesRequest { user: user.into() };
        let found = self.client.users().list_user_identities(request).await?.into_inner().identities;
        Ok(found.into_iter().map(|found| (found.identity_provider, found.subject)).collect())
    }

    /// CreateSession with a token.
    pub async fn session_by(&self, id_token: &str) -> Result<v1::CreateSessionResponse, Status> {
        let request = v1::CreateSessionRequest { id_token: id_token.into(), ..Default::default() };
        self.client.sessions().create_session(request).await.map(Response::into_inner)
    }
}
