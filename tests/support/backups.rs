//! The calls on backups.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;
use super::lifecycle::ADMIN_PASSWORD;
use super::server::TestServer;

impl Api {
    /// CreateBackup.
    pub async fn begin_backup(&self, request: v1::CreateBackupRequest) -> Result<v1::CreateBackupResponse, Status> {
        self.client.backups().create_backup(request).await.map(Response::into_inner)
    }

    /// CreateBackup of these components, all if none is named.
    pub async fn begin(&self, parent: &str, components: &[&str]) -> Result<v1::CreateBackupResponse, Status> {
        let components = components.iter().map(|component| (*component).to_owned()).collect();
        self.begin_backup(v1::CreateBackupRequest { parent: parent.into(), components, ..Default::default() }).await
    }

    /// Backs up everything and waits until that is done.
    pub async fn back_up(&self, parent: &str) -> v1::Backup {
        let begun = self.begin(parent, &[]).await.unwrap();
        let ended = self.succeed(begun.operation).await;
        let name = begun.backup.unwrap().name;
        assert_eq!(ended.results, [name.as_str()]);
        self.backup(&name).await.unwrap()
    }

    /// GetBackup.
    pub async fn backup(&self, name: &str) -> Result<v1::Backup, Status> {
        let request = v1::GetBackupRequest { name: name.into() };
        self.client.backups().get_backup(request).await.map(|r| r.into_inner().backup.unwrap())
    }

    /// ListBackups.
    pub async fn list_backups(&self, request: v1::ListBackupsRequest) -> Result<v1::ListBackupsResponse, Status> {
        self.client.backups().list_backups(request).await.map(Response::into_inner)
    }

    /// The notes of the backups that match a filter, newest first.
    pub async fn backups(&self, parent: &str, filter: &str) -> Result<Vec<String>, Status> {
        let request = v1::ListBackupsRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
        Ok(self.list_backups(request).await?.backups.into_iter().map(|backup| backup.note).collect())
    }

    /// UpdateBackup.
    pub async fn change_backup(&self, backup: v1::Backup, paths: &[&str]) -> Result<v1::Backup, Status> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = v1::UpdateBackupRequest { backup: Some(backup), update_mask, ..Default::default() };
        self.client.backups().update_backup(request).await.map(|r| r.into_inner().backup.unwrap())
    }

    /// DeleteBackup.
    pub async fn remove_backup(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteBackupRequest { name: name.into(), ..Default::default() };
        self.client.backups().delete_backup(request).await.map(|_| ())
    }

    /// RestoreBackup.
    pub async fn restore(&self, request: v1::RestoreBackupRequest) -> Result<v1::RestoreBackupResponse, Status> {
        self.client.backups().restore_backup(request).await.map(Response::into_inner)
    }

    /// What RestoreBackup would do.
    pub async fn try_restore(&self, request: v1::RestoreBackupRequest) -> Result<v1::RestorePreview, Status> {
        let request = v1::RestoreBackupRequest { validate_only: true, ..request };
        let answer = self.restore(request).await?;
        assert_eq!(answer.operation, None);
        Ok(answer.preview.unwrap())
    }

    /// VerifyBackup, to its end.
    pub async fn verify(&self, name: &str) -> Result<v1::Operation, Status> {
        self.verify_as(v1::VerifyBackupRequest { name: name.into(), ..Default::default() }).await
    }

    /// VerifyBackup of the seals alone, to its end.
    pub async fn verify_seals(&self, name: &str) -> Result<v1::Operation, Status> {
        let request = v1::VerifyBackupRequest { name: name.into(), seals_only: true, ..Default::default() };
        self.verify_as(request).await
    }

    async fn verify_as(&self, request: v1::VerifyBackupRequest) -> Result<v1::Operation, Status> {
        let begun = self.client.backups().verify_backup(request).await?.into_inner().operation.unwrap();
        Ok(self.wait(&begun.name).await)
    }
}

/// Asks for a restore of all that a backup has.
pub fn whole(name: &str) -> v1::RestoreBackupRequest {
    v1::RestoreBackupRequest { name: name.into(), ..Default::default() }
}

/// What a preview says of users, groups or the like: who returns, who goes, and who is left out.
pub fn change(preview: &v1::RestorePreview, subject: &str) -> [Vec<String>; 3] {
    let change = preview.changes.iter().find(|change| change.subject == subject).unwrap();
    [&change.returning, &change.going, &change.left_out].map(|list| {
        let list = list.clone().unwrap();
        assert_eq!(usize::try_from(list.count).unwrap(), list.names.len());
        list.names
    })
}

/// The tables of which a restore of everything brings rows back.
const TABLES: [&str; 14] = [
    "users",
    "memberships",
    "groups",
    "group_members",
    "privileges",
    "roles",
    "role_privileges",
    "user_roles",
    "group_roles",
    "user_identities",
    "user_extensions",
    "user_licenses",
    "tenant_mail_texts",
    "assets",
];

impl TestServer {
    /// All that a tenant has and a backup copies, row by row, but for what counts changes.
    pub async fn picture(&self, tenant: &str) -> Vec<(String, String)> {
        let (sql, mut rows) = (self.sql().await, Vec::new());
        let of = format!("tenant_id = (SELECT uid FROM tenant_identities WHERE 'tenants/' || code = '{tenant}')");
        let counts = "'{epoch,epoch_at,version,updated_at,born,range_first,range_last}'::text[]";
        for table in TABLES {
            let query = format!("SELECT (to_jsonb(t) - {counts})::text FROM {table} t WHERE {of} ORDER BY 1");
            let found = sql.query(&query, &[]).await.unwrap();
            rows.extend(found.iter().map(|row| (table.to_owned(), row.get::<_, String>(0))));
        }
        let profile = "jsonb_build_array(display_name, company_name, time_zone, email_notification, product_name,
                       logo_url, primary_color, accent_color)::text";
        let profile = sql.query_one(&format!("SELECT {profile} FROM tenants WHERE {of}"), &[]).await.unwrap();
        rows.push(("tenants".to_owned(), profile.get(0)));
        rows
    }

    /// Restores a backup, to its end, and logs that user in again.
    pub async fn restored(&self, api: &Api, request: v1::RestoreBackupRequest, user_name: &str) -> Api {
        let begun = api.restore(request).await.unwrap();
        self.operator().await.succeed(begun.operation).await;
        self.anonymous().await.log_in(user_name, ADMIN_PASSWORD).await
    }
}
