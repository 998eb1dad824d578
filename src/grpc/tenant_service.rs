//! TenantService: decode, call the use case, encode.

use super::convert::fields::Fields;
use super::convert::{domain, extension, license, limits, mail_text, operation::operation, page, tenant, utilization};
use super::guarded::TenantServiceHandler;
use crate::app::App;
use crate::app::tenants::{DeleteTenant, LockTenant};
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::name::Note;
use crate::domain::tenant_list::{Order, tenant_filter};
use crate::proto::v1;
use crate::snapshot::Query;

/// The service.
pub struct TenantService(pub App);

/// What was done is told, unless it was only tried.
fn done<T>(op: &OpContext, message: T) -> Option<T> {
    Some(message).filter(|_| !op.validate_only())
}

#[tonic::async_trait]
impl TenantServiceHandler for TenantService {
    async fn create_tenant(&self, op: OpContext, request: v1::CreateTenantRequest) -> Result<v1::CreateTenantResponse> {
        let made = self.0.create_tenant(op.clone(), tenant::create(request)?).await?;
        let tenant = Some(tenant::tenant(made.tenant));
        Ok(v1::CreateTenantResponse { operation: done(&op, operation(made.operation)), tenant })
    }

    async fn get_tenant(&self, op: OpContext, request: v1::GetTenantRequest) -> Result<v1::GetTenantResponse> {
        tenant::check_name("name", &request.name)?;
        let detail = tenant::detail(request.view)?;
        let seen = self.0.get_tenant(op, detail).await?;
        Ok(v1::GetTenantResponse { row: Some(tenant::row(seen, detail)) })
    }

    async fn list_tenants(&self, op: OpContext, request: v1::ListTenantsRequest) -> Result<v1::ListTenantsResponse> {
        let (order, descending) = page::order(&request.order_by, &Order::ALL, Order::field)?;
        let filter = tenant_filter(&request.filter)?;
        let detail = tenant::detail(request.view)?;
        let arguments = format!("{}\n{}\n{}", request.search, request.order_by, request.filter);
        let after = page::open(&self.0.root, &op, &arguments, &request.page_token)?;
        let limit = usize::try_from(page::size(request.page_size)?).unwrap_or(usize::MAX);
        let search = page::search(request.search)?;
        let query = Query { search, filter, order, descending, after, limit };
        let found = self.0.list_tenants(op.clone(), query, detail).await?;
        Ok(v1::ListTenantsResponse {
            rows: found.rows.into_iter().map(|row| tenant::row(row, detail)).collect(),
            next_page_token: page::seal(&self.0.root, &op, &arguments, found.next.as_ref())?,
            total_size: i32::try_from(found.total).unwrap_or(i32::MAX),
            total_size_estimated: found.estimated,
        })
    }

    async fn update_tenant(&self, op: OpContext, request: v1::UpdateTenantRequest) -> Result<v1::UpdateTenantResponse> {
        tenant::check_name("tenant.name", request.tenant.as_ref().map_or("", |t| &t.name))?;
        let changed = self.0.update_tenant(op, tenant::update(request)?).await?;
        Ok(v1::UpdateTenantResponse { tenant: Some(tenant::tenant(changed)) })
    }

    async fn lock_tenant(&self, op: OpContext, request: v1::LockTenantRequest) -> Result<v1::LockTenantResponse> {
        tenant::check_name("name", &request.name)?;
        let note = Note::parse(&request.reason).map_err(|allowed| Error::field("reason", allowed))?;
        let locked = self.0.lock_tenant(op, LockTenant { note, etag: request.etag }).await?;
        Ok(v1::LockTenantResponse { tenant: Some(tenant::tenant(locked)) })
    }

    async fn unlock_tenant(&self, op: OpContext, request: v1::UnlockTenantRequest) -> Result<v1::UnlockTenantResponse> {
        tenant::check_name("name", &request.name)?;
        let unlocked = self.0.unlock_tenant(op, request.etag).await?;
        Ok(v1::UnlockTenantResponse { tenant: Some(tenant::tenant(unlocked)) })
    }

    async fn prepare_tenant_deletion(
        &self,
        op: OpContext,
        request: v1::PrepareTenantDeletionRequest,
    ) -> Result<v1::PrepareTenantDeletionResponse> {
        tenant::check_name("name", &request.name)?;
        let begun = self.0.prepare_deletion(op.clone(), request.etag).await?;
        let preview = Some(tenant::preview(begun.preview));
        Ok(v1::PrepareTenantDeletionResponse { operation: done(&op, operation(begun.operation)), preview })
    }

    async fn cancel_tenant_deletion(
        &self,
        op: OpContext,
        request: v1::CancelTenantDeletionRequest,
    ) -> Result<v1::CancelTenantDeletionResponse> {
        tenant::check_name("name", &request.name)?;
        let back = self.0.cancel_deletion(op.clone(), request.etag).await?;
        let tenant = Some(tenant::tenant(back.tenant));
        Ok(v1::CancelTenantDeletionResponse { operation: done(&op, operation(back.operation)), tenant })
    }

    async fn delete_tenant(&self, op: OpContext, request: v1::DeleteTenantRequest) -> Result<v1::DeleteTenantResponse> {
        tenant::check_name("name", &request.name)?;
        let delete = DeleteTenant { confirm_name: request.confirm_name, force: request.force, etag: request.etag };
        let begun = self.0.delete_tenant(op.clone(), delete).await?;
        let preview = Some(tenant::preview(begun.preview));
        Ok(v1::DeleteTenantResponse { operation: done(&op, operation(begun.operation)), preview })
    }

    async fn get_tenant_limits(
        &self,
        op: OpContext,
        request: v1::GetTenantLimitsRequest,
    ) -> Result<v1::GetTenantLimitsResponse> {
        limits::check_name("name", &request.name, "limits")?;
        let (tenant, found) = self.0.get_limits(op).await?;
        Ok(v1::GetTenantLimitsResponse { limits: Some(limits::limits(&tenant, &found)) })
    }

    async fn update_tenant_limits(
        &self,
        op: OpContext,
        request: v1::UpdateTenantLimitsRequest,
    ) -> Result<v1::UpdateTenantLimitsResponse> {
        limits::check_name("limits.name", request.limits.as_ref().map_or("", |l| &l.name), "limits")?;
        let (patch, etag) = limits::update(request)?;
        let (tenant, changed) = self.0.update_limits(op, patch, etag).await?;
        Ok(v1::UpdateTenantLimitsResponse { limits: Some(limits::limits(&tenant, &changed)) })
    }

    async fn get_tenant_licenses(
        &self,
        op: OpContext,
        request: v1::GetTenantLicensesRequest,
    ) -> Result<v1::GetTenantLicensesResponse> {
        limits::check_name("name", &request.name, "licenses")?;
        let (tenant, found) = self.0.get_tenant_licenses(op).await?;
        Ok(v1::GetTenantLicensesResponse { licenses: Some(license::tenant_licenses(&tenant, found)) })
    }

    async fn update_tenant_licenses(
        &self,
        op: OpContext,
        request: v1::UpdateTenantLicensesRequest,
    ) -> Result<v1::UpdateTenantLicensesResponse> {
        limits::check_name("licenses.name", request.licenses.as_ref().map_or("", |l| &l.name), "licenses")?;
        let (wanted, etag) = license::update_tenant(request)?;
        let (tenant, changed) = self.0.update_tenant_licenses(op, wanted, etag).await?;
        Ok(v1::UpdateTenantLicensesResponse { licenses: Some(license::tenant_licenses(&tenant, changed)) })
    }

    async fn get_tenant_utilization(
        &self,
        op: OpContext,
        request: v1::GetTenantUtilizationRequest,
    ) -> Result<v1::GetTenantUtilizationResponse> {
        limits::check_name("name", &request.name, "utilization")?;
        let (tenant, found) = self.0.get_utilization(op).await?;
        Ok(v1::GetTenantUtilizationResponse { utilization: Some(utilization::utilization(&tenant, found)) })
    }

    async fn get_tenant_extensions(
        &self,
        op: OpContext,
        request: v1::GetTenantExtensionsRequest,
    ) -> Result<v1::GetTenantExtensionsResponse> {
        limits::check_name("name", &request.name, "extensions")?;
        let (tenant, found) = self.0.get_tenant_extensions(op).await?;
        Ok(v1::GetTenantExtensionsResponse { extensions: Some(extension::tenant_extensions(&tenant, &found)) })
    }

    async fn set_tenant_extensions(
        &self,
        op: OpContext,
        request: v1::SetTenantExtensionsRequest,
    ) -> Result<v1::SetTenantExtensionsResponse> {
        limits::check_name("name", &request.name, "extensions")?;
        let wanted = extension::ranges(&request.ranges)?;
        let (tenant, set) = self.0.set_tenant_extensions(op, wanted, request.etag).await?;
        Ok(v1::SetTenantExtensionsResponse { extensions: Some(extension::tenant_extensions(&tenant, &set)) })
    }

    async fn get_tenant_features(
        &self,
        op: OpContext,
        request: v1::GetTenantFeaturesRequest,
    ) -> Result<v1::GetTenantFeaturesResponse> {
        limits::check_name("name", &request.name, "features")?;
        let (tenant, found) = self.0.get_features(op).await?;
        let features = limits::features(format!("{tenant}/features"), &found);
        Ok(v1::GetTenantFeaturesResponse { features: Some(features) })
    }

    async fn update_tenant_features(
        &self,
        op: OpContext,
        request: v1::UpdateTenantFeaturesRequest,
    ) -> Result<v1::UpdateTenantFeaturesResponse> {
        limits::check_name("name", &request.name, "features")?;
        let patch = limits::switched(request.enable, request.disable)?;
        let (tenant, changed) = self.0.update_features(op, patch, request.etag).await?;
        let features = limits::features(format!("{tenant}/features"), &changed);
        Ok(v1::UpdateTenantFeaturesResponse { features: Some(features) })
    }

    async fn get_tenant_mail_texts(
        &self,
        op: OpContext,
        request: v1::GetTenantMailTextsRequest,
    ) -> Result<v1::GetTenantMailTextsResponse> {
        limits::check_name("name", &request.name, "mailTexts")?;
        let (tenant, texts) = self.0.get_mail_texts(op).await?;
        Ok(v1::GetTenantMailTextsResponse { mail_texts: Some(mail_text::of_tenant(&tenant, texts)) })
    }

    async fn update_tenant_mail_texts(
        &self,
        op: OpContext,
        request: v1::UpdateTenantMailTextsRequest,
    ) -> Result<v1::UpdateTenantMailTextsResponse> {
        let sent = request.mail_texts.unwrap_or_default();
        limits::check_name("mail_texts.name", &sent.name, "mailTexts")?;
        let mut fields = Fields::default();
        let texts = mail_text::wanted(&mut fields, "mail_texts.mail_texts", &sent.mail_texts);
        let (tenant, texts) = self.0.update_mail_texts(op, fields.finish(texts)?, sent.etag).await?;
        Ok(v1::UpdateTenantMailTextsResponse { mail_texts: Some(mail_text::of_tenant(&tenant, texts)) })
    }

    async fn get_default_features(
        &self,
        op: OpContext,
        _: v1::GetDefaultFeaturesRequest,
    ) -> Result<v1::GetDefaultFeaturesResponse> {
        let found = self.0.get_default_features(op).await?;
        let features = limits::features(DEFAULT_FEATURES.to_owned(), &found);
        Ok(v1::GetDefaultFeaturesResponse { features: Some(features) })
    }

    async fn update_default_features(
        &self,
        op: OpContext,
        request: v1::UpdateDefaultFeaturesRequest,
    ) -> Result<v1::UpdateDefaultFeaturesResponse> {
        let patch = limits::switched(request.enable, request.disable)?;
        let changed = self.0.update_default_features(op, patch, request.etag).await?;
        let features = limits::features(DEFAULT_FEATURES.to_owned(), &changed);
        Ok(v1::UpdateDefaultFeaturesResponse { features: Some(features) })
    }

    async fn set_tenant_domain(
        &self,
        op: OpContext,
        request: v1::SetTenantDomainRequest,
    ) -> Result<v1::SetTenantDomainResponse> {
        limits::check_name("name", &request.name, "domain")?;
        let name = domain::name("domain", &request.domain)?;
        let (tenant, set) = self.0.set_domain(op.clone(), name, request.etag).await?;
        let mut set = domain::domain(&tenant.name(), set);
        // What was drawn is not kept, so nobody must put it in a record.
        if op.validate_only() {
            set.record_value = String::new();
        }
        Ok(v1::SetTenantDomainResponse { tenant: Some(tenant::tenant(tenant)), domain: Some(set) })
    }

    async fn verify_tenant_domain(
        &self,
        op: OpContext,
        request: v1::VerifyTenantDomainRequest,
    ) -> Result<v1::VerifyTenantDomainResponse> {
        limits::check_name("name", &request.name, "domain")?;
        let (tenant, checked) = self.0.verify_domain(op).await?;
        Ok(v1::VerifyTenantDomainResponse { domain: Some(domain::domain(&tenant, checked)) })
    }

    async fn remove_tenant_domain(
        &self,
        op: OpContext,
        request: v1::RemoveTenantDomainRequest,
    ) -> Result<v1::RemoveTenantDomainResponse> {
        limits::check_name("name", &request.name, "domain")?;
        let tenant = self.0.remove_domain(op, request.etag).await?;
        Ok(v1::RemoveTenantDomainResponse { tenant: Some(tenant::tenant(tenant)) })
    }

    async fn resolve_tenant(
        &self,
        op: OpContext,
        request: v1::ResolveTenantRequest,
    ) -> Result<v1::ResolveTenantResponse> {
        Ok(domain::resolved(self.0.resolve_for_all(&op, domain::asked(&request)?).await?))
    }

    async fn retry_tenant_provisioning(
        &self,
        op: OpContext,
        request: v1::RetryTenantProvisioningRequest,
    ) -> Result<v1::RetryTenantProvisioningResponse> {
        tenant::check_name("name", &request.name)?;
        let made = self.0.retry_provisioning(op.clone(), request.etag).await?;
        let tenant = Some(tenant::tenant(made.tenant));
        Ok(v1::RetryTenantProvisioningResponse { operation: done(&op, operation(made.operation)), tenant })
    }
}

/// The resource name of the default features.
const DEFAULT_FEATURES: &str = "defaultFeatures";
