//! The gRPC server: layers, services, health, reflection, and the way it goes down.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::InterceptorLayer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;
use tower::ServiceBuilder;

use super::admin_service::AdminService;
use super::asset_service::AssetService;
use super::backup_service::BackupService;
use super::event_service::EventService;
use super::guard::Guard;
use super::guarded::{
    GuardedAdminService, GuardedAssetService, GuardedBackupService, GuardedEventService, GuardedOperationService,
    GuardedSessionService, GuardedTenantService, GuardedUserService,
};
use super::interceptors;
use super::layers::authenticate::AuthenticateLayer;
use super::layers::{KnownMethods, stack};
use super::operation_service::OperationService;
use super::session_service::SessionService;
use super::tenant_service::TenantService;
use super::tls::Tls;
use super::user_service::UserService;
use crate::app::App;
use crate::authz::policy;
use crate::domain::networks::Networks;
use crate::proto::DESCRIPTORS;

/// The largest message that is read.
const LARGEST_MESSAGE: usize = 4 << 20;

/// How to serve.
pub struct ServerConfig {
    /// Transport security; none: plain text.
    pub tls: Option<Tls>,
    /// Whether to serve reflection.
    pub reflection: bool,
    /// The proxies that are believed when they say where a call comes from.
    pub trusted_proxies: Networks,
    /// How long calls may take to finish when the process goes down.
    pub drain: Duration,
}

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("gRPC: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptor set can't be read.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// The names of the services, for health.
const SERVICES: [&str; 8] = [
    "landlord.v1.TenantService",
    "landlord.v1.OperationService",
    "landlord.v1.SessionService",
    "landlord.v1.UserService",
    "landlord.v1.EventService",
    "landlord.v1.AdminService",
    "landlord.v1.AssetService",
    "landlord.v1.BackupService",
];

/// Tells health clients whether the services can be used.
pub async fn report_health(health: &HealthReporter, serving: bool) {
    let status = if serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
    for service in SERVICES.into_iter().chain([""]) {
        health.set_service_status(service, status).await;
    }
}

/// Tells health clients that the process goes down, and ends their streams, which would otherwise hold it up.
pub async fn end_health(health: &mut HealthReporter) {
    report_health(health, false).await;
    for service in SERVICES.into_iter().chain([""]) {
        health.clear_service_status(service).await;
    }
}

/// Serves on `listener` until `stop`, then lets calls finish for the drain time. What health says is
/// [`report_health`]'s to tell.
pub async fn serve(
    listener: TcpListener,
    app: App,
    config: ServerConfig,
    health: HealthServer<impl Health>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let guard = Guard::new(app.clone(), config.trusted_proxies);
    let context = ServiceBuilder::new()
        .layer(stack(KnownMethods::new(|path| policy::by_path(path).is_some())))
        .layer(AuthenticateLayer(app.clone()))
        .layer(InterceptorLayer::new(interceptors::tenant_context))
        .layer(InterceptorLayer::new(interceptors::impersonation))
        .into_inner();
    let server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(60)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)));
    let reflection = config.reflection.then(|| {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        Ok::<_, ServeError>((builder().build_v1()?, builder().build_v1alpha()?))
    });
    let (v1, v1alpha) = reflection.transpose()?.unzip();
    let router = server
        .layer(context)
        .add_service(health)
        .add_optional_service(v1)
        .add_optional_service(v1alpha)
        .add_service(
            GuardedTenantService::server(guard.clone(), TenantService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(
            GuardedOperationService::server(guard.clone(), OperationService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(
            GuardedSessionService::server(guard.clone(), SessionService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(
            GuardedUserService::server(guard.clone(), UserService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(
            GuardedEventService::server(guard.clone(), EventService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(
            GuardedAssetService::server(guard.clone(), AssetService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(
            GuardedBackupService::server(guard.clone(), BackupService(app.clone()))
                .max_decoding_message_size(LARGEST_MESSAGE),
        )
        .add_service(GuardedAdminService::server(guard, AdminService(app)).max_decoding_message_size(LARGEST_MESSAGE));
    // The server's own setting reaches only sockets that it has bound itself; small answers would wait for an ACK.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let stopped = stop.clone().cancelled_owned();
    let served = match config.tls {
        None => router.serve_with_incoming_shutdown(incoming, stopped).boxed(),
        Some(tls) => router.serve_with_incoming_shutdown(tls.accept(incoming).boxed(), stopped).boxed(),
    };
    // tonic has no limit for the calls that are still open; a stream would hold the process for ever.
    tokio::select! {
        served = served => served.map_err(ServeError::from),
        () = async { stop.cancelled().await; tokio::time::sleep(config.drain).await } => {
            tracing::warn!("calls were still open when the drain time was over");
            Ok(())
        }
    }
}
