//! What goes on in the background, in rounds.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::app::App;
use crate::config::Config;
use crate::grpc::server::{end_health, report_health};

/// Tells health clients whether the database answers, and that the service goes down before it does.
pub(super) async fn watch_database(app: App, mut health: HealthReporter, stop: CancellationToken) {
    let watched = async {
        loop {
            report_health(&health, app.db.ping().await.is_ok()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    stop.run_until_cancelled(watched).await;
    end_health(&mut health).await;
}

/// Reads the list of tenants, so that the first who asks for it need not wait, and follows it.
pub(super) async fn follow_tenants(app: App, stop: CancellationToken) {
    loop {
        if let Err(error) = app.follow_tenants().await {
            tracing::warn!(%error, "could not read the list of tenants");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}

/// Checks the domains that are due. Whoever has to wait for silent ones keeps no other housekeeping waiting.
pub(super) async fn follow_domains(app: App, round: Duration, stop: CancellationToken) {
    let followed = async {
        loop {
            tokio::time::sleep(round).await;
            if let Err(error) = app.check_domains().await {
                tracing::warn!(%error, "could not check domains");
            }
        }
    };
    stop.run_until_cancelled(followed).await;
}

/// Has content removed that nothing has any more, and backups copied that are not in the second store.
pub(super) async fn follow_content(app: App, round: Duration, stop: CancellationToken) {
    let followed = async {
        loop {
            if let Err(error) = app.copy_backups().await {
                tracing::warn!(%error, "could not look for backups to copy");
            }
            tokio::time::sleep(round).await;
            if let Err(error) = app.collect_content().await {
                tracing::warn!(%error, "could not look for content to remove");
            }
        }
    };
    stop.run_until_cancelled(followed).await;
}

/// Learns of new signing keys, and forgets what has expired.
pub(super) async fn housekeeping(app: App, config: Config, stop: CancellationToken) {
    let repeat_window = Duration::from_secs(config.requests.repeat_hours * 3600);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(config.housekeeping_seconds)) => {}
        }
        if let Err(error) = app.load_signing_keys().await {
            tracing::warn!(%error, "could not load the signing keys");
        }
        if let Err(error) = app.fold_log_ins().await {
            tracing::warn!(%error, "could not fold log-ins");
        }
        if let Err(error) = app.remove_expired(repeat_window).await {
            tracing::warn!(%error, "could not remove what has expired");
        }
        if let Err(error) = app.sweep_events().await {
            tracing::warn!(%error, "could not remove what was cleared");
        }
    }
}
