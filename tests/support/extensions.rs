//! The calls on extensions.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;

impl Api {
    /// GetTenantExtensions.
    pub async fn extensions_of(&self, name: &str) -> Result<v1::TenantExtensions, Status> {
        let request = v1::GetTenantExtensionsRequest { name: name.into() };
        self.client.tenants().get_tenant_extensions(request).await.map(|r| r.into_inner().extensions.unwrap())
    }

    /// SetTenantExtensions.
    pub async fn replace_extensions(
        &self,
        request: v1::SetTenantExtensionsRequest,
    ) -> Result<v1::TenantExtensions, Status> {
        self.client.tenants().set_tenant_extensions(request).await.map(|r| r.into_inner().extensions.unwrap())
    }

    /// SetTenantExtensions to these ranges; gives those that the tenant has then.
    pub async fn set_extensions(&self, name: &str, ranges: &[&str]) -> Result<Vec<String>, Status> {
        let ranges = ranges.iter().map(|range| (*range).to_owned()).collect();
        let request = v1::SetTenantExtensionsRequest { name: name.into(), ranges, ..Default::default() };
        self.replace_extensions(request).await.map(|extensions| extensions.ranges)
    }

    /// AllocateExtension; gives whose it was before.
    pub async fn allocate(&self, user: &str, extension: &str) -> Result<Vec<(String, String)>, Status> {
        let request =
            v1::AllocateExtensionRequest { user: user.into(), extension: extension.into(), ..Default::default() };
        self.client.users().allocate_extension(request).await.map(|r| pairs(r.into_inner().moved))
    }

    /// ReleaseExtension; gives what was the user's before.
    pub async fn release(&self, user: &str, extension: &str) -> Result<Vec<String>, Status> {
        let request =
            v1::ReleaseExtensionRequest { user: user.into(), extension: extension.into(), ..Default::default() };
        let released = self.client.users().release_extension(request).await?.into_inner().released;
        Ok(released.into_iter().map(|extension| extension.extension).collect())
    }

    /// ListExtensions.
    pub async fn list_extensions(
        &self,
        request: v1::ListExtensionsRequest,
    ) -> Result<v1::ListExtensionsResponse, Status> {
        self.client.users().list_extensions(request).await.map(Response::into_inner)
    }

    /// ListExtensions with a filter: each with the name of the user who has it, or none.
    pub async fn extensions(&self, parent: &str, filter: &str) -> Result<Vec<(String, String)>, Status> {
        let request = v1::ListExtensionsRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
        self.list_extensions(request).await.map(|page| pairs(page.extensions))
    }
}

/// Extensions with the names of the users who have them.
pub fn pairs(extensions: Vec<v1::Extension>) -> Vec<(String, String)> {
    extensions.into_iter().map(|found| (found.extension, found.user_name)).collect()
}

/// The same, to compare with.
pub fn have(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(extension, user)| ((*extension).to_owned(), (*user).to_owned())).collect()
}
