//! The Rust client: the generated service clients, with credential, tenant and impersonation sent on every call.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use landlord::client::Client;
//!
//! let client = Client::connect("http://127.0.0.1:50051").await?.with_token("eyJ...")?.in_tenant("acme")?;
//! let mut tenants = client.tenants();
//! # let _ = &mut tenants;
//! # Ok(())
//! # }
//! ```

mod interceptors;
pub mod keys;

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use self::interceptors::{Credential, Impersonation, TenantContext};
use crate::proto::v1::admin_service_client::AdminServiceClient;
use crate::proto::v1::asset_service_client::AssetServiceClient;
use crate::proto::v1::backup_service_client::BackupServiceClient;
use crate::proto::v1::event_service_client::EventServiceClient;
use crate::proto::v1::operation_service_client::OperationServiceClient;
use crate::proto::v1::session_service_client::SessionServiceClient;
use crate::proto::v1::tenant_service_client::TenantServiceClient;
use crate::proto::v1::user_service_client::UserServiceClient;

/// A channel on which every call carries what the [`Client`] was told.
pub type Intercepted =
    InterceptedService<InterceptedService<InterceptedService<Channel, Credential>, TenantContext>, Impersonation>;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none, or nobody answers there.
    #[error("can't connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    /// A value can't be sent as metadata, which is printable ASCII.
    #[error("{key} must be printable ASCII and not empty")]
    Metadata {
        /// The metadata key.
        key: &'static str,
    },
}

/// A connection, and what its calls say of their caller. Cheap to clone; each method gives a new one.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    credential: Credential,
    tenant: TenantContext,
    impersonation: Impersonation,
}

impl Client {
    /// Connects to an address such as `http://127.0.0.1:50051`, or to an [`Endpoint`] with TLS and time-outs of its own.
    pub async fn connect<E>(endpoint: E) -> Result<Self, ClientError>
    where
        E: TryInto<Endpoint>,
        E::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Ok(Self::on(Endpoint::new(endpoint)?.connect().await?))
    }

    /// A client on a channel that is there already.
    pub fn on(channel: Channel) -> Self {
        Self {
            channel,
            credential: Credential::default(),
            tenant: TenantContext::default(),
            impersonation: Impersonation::default(),
        }
    }

    /// Sends a bearer token.
    pub fn with_token(self, token: &str) -> Result<Self, ClientError> {
        Ok(Self { credential: Credential::bearer(token)?, ..self })
    }

    /// Selects a tenant by its code or uid.
    pub fn in_tenant(self, tenant: &str) -> Result<Self, ClientError> {
        Ok(Self { tenant: TenantContext::of(tenant)?, ..self })
    }

    /// Acts for a user of the tenant, and says why.
    pub fn impersonating(self, user: &str, reason: &str) -> Result<Self, ClientError> {
        Ok(Self { impersonation: Impersonation::of(user, reason)?, ..self })
    }

    /// TenantService.
    pub fn tenants(&self) -> TenantServiceClient<Intercepted> {
        TenantServiceClient::new(self.intercepted())
    }

    /// UserService.
    pub fn users(&self) -> UserServiceClient<Intercepted> {
        UserServiceClient::new(self.intercepted())
    }

    /// SessionService.
    pub fn sessions(&self) -> SessionServiceClient<Intercepted> {
        SessionServiceClient::new(self.intercepted())
    }

    /// OperationService.
    pub fn operations(&self) -> OperationServiceClient<Intercepted> {
        OperationServiceClient::new(self.intercepted())
    }

    /// AdminService.
    pub fn admin(&self) -> AdminServiceClient<Intercepted> {
        AdminServiceClient::new(self.intercepted())
    }

    /// EventService.
    pub fn events(&self) -> EventServiceClient<Intercepted> {
        EventServiceClient::new(self.intercepted())
    }

    /// AssetService.
    pub fn assets(&self) -> AssetServiceClient<Intercepted> {
        AssetServiceClient::new(self.intercepted())
    }

    /// BackupService.
    pub fn backups(&self) -> BackupServiceClient<Intercepted> {
        BackupServiceClient::new(self.intercepted())
    }

    fn intercepted(&self) -> Intercepted {
        let channel = InterceptedService::new(self.channel.clone(), self.credential.clone());
        let channel = InterceptedService::new(channel, self.tenant.clone());
        InterceptedService::new(channel, self.impersonation.clone())
    }
}
