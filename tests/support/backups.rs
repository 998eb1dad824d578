//! The calls on backups.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;

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

    /// VerifyBackup, to its end.
    pub async fn verify(&self, name: &str) -> Result<v1::Operation, Status> {
        let request = v1::VerifyBackupRequest { name: name.into(), ..Default::default() };
        let begun = self.client.backups().verify_backup(request).await?.into_inner().operation.unwrap();
        Ok(self.wait(&begun.name).await)
    }
}
