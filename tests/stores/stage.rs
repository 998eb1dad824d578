//! Two tenants with content and a backup in a store behind a proxy, and what is done with them.

use landlord::proto::v1;
use v1::backup::State;

use crate::assets::copy::two_tenants;
use crate::assets::s3;
use crate::assets::store::s3;
use crate::support::assets::{header, noise};
use crate::support::backups::whole;
use crate::support::bucket::Bucket;
use crate::support::client::{Api, refusal};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// What is done. Each needs the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Upload,
    BackUp,
    Download,
    Archive,
    Verify,
    Copy,
    Restore,
    /// A tenant comes, gets content, and goes.
    Life,
}

impl Deed {
    pub const ALL: [Self; 8] = [
        Self::Upload,
        Self::BackUp,
        Self::Download,
        Self::Archive,
        Self::Verify,
        Self::Copy,
        Self::Restore,
        Self::Life,
    ];

    /// Those that read what was stored before.
    pub const READING: [Self; 5] = [Self::Download, Self::Archive, Self::Verify, Self::Copy, Self::Restore];
}

/// The service behind the proxy.
pub enum Service {
    Here(Bucket),
    Real(Box<s3::Service>),
}

impl Service {
    fn address(&self) -> &str {
        match self {
            Self::Here(bucket) => &bucket.address,
            Self::Real(moto) => &moto.address,
        }
    }

    /// The keys of all objects.
    pub async fn keys(&self) -> Vec<String> {
        match self {
            Self::Here(bucket) => bucket.keys().await,
            Self::Real(moto) => moto.keys().await,
        }
    }
}

/// Acme, with Anna in it, who works in Beta as well.
pub struct Stage {
    pub server: TestServer,
    pub service: Service,
    pub proxy: Proxy,
    pub acme: String,
    pub beta: String,
    pub anna: Api,
    pub bert: Api,
    /// An asset of two parts, which is in the backup, and its content.
    pub large: String,
    content: Vec<u8>,
    pub backup: v1::Backup,
    archive: Vec<u8>,
    /// What the backup shows.
    then: Vec<(String, String)>,
    /// The assets that there are, by their names, and their content.
    there: Vec<(String, Vec<u8>)>,
    number: u64,
}

/// No request waits so long for what is to be waited for.
fn options(proxy: &Proxy) -> Vec<(&'static str, String)> {
    let mut options = s3(&proxy.endpoint);
    options.push(("objects.timeout_seconds", "20".into()));
    options
}

impl Stage {
    pub async fn start() -> Self {
        Self::before(Service::Here(Bucket::start().await)).await
    }

    pub async fn before(service: Service) -> Self {
        let proxy = Proxy::start(service.address()).await;
        let server = TestServer::with(&options(&proxy)).await;
        let (acme, anna, beta, bert) = two_tenants(&server).await;
        let content = noise((8 << 20) + 300_000, 1);
        let large = anna.new_asset(&acme, "large", &content).await.name;
        let backup = anna.back_up(&acme).await;
        let (_, archive) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
        let (then, there) = (server.picture(&acme).await, vec![(large.clone(), content.clone())]);
        let number = 1;
        Self { server, service, proxy, acme, beta, anna, bert, large, content, backup, archive, then, there, number }
    }

    /// A replica that has nothing in its memory takes over, with these options.
    pub async fn taken_over(&mut self, changed: &[(&'static str, String)]) {
        let options = [&options(&self.proxy), changed].concat();
        let fresh = TestServer::on(self.server.database.clone(), &options).await;
        std::mem::replace(&mut self.server, fresh).stop().await.unwrap();
        self.anna = self.server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        self.bert = self.server.anonymous().await.log_in("bert@beta", ADMIN_PASSWORD).await;
    }

    /// Does it, wholly or not at all; gives the reason why not.
    pub async fn does(&mut self, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Upload => self.upload().await,
            Deed::BackUp => self.back_up().await,
            Deed::Download => self.download().await,
            Deed::Archive => self.download_backup().await,
            Deed::Verify => self.verify().await,
            Deed::Copy => self.copy().await,
            Deed::Restore => self.restore().await,
            Deed::Life => self.life().await,
        }
    }

    /// All of it can be done, and whatever was done before is there.
    pub async fn all_is_well(&mut self) {
        for deed in Deed::ALL {
            assert_eq!(self.does(deed).await, Ok(()), "{deed:?} with a store that works");
        }
        for (name, content) in &self.there {
            assert!(self.anna.download(name, 0).await.unwrap().1 == *content, "{name}");
        }
        let request = v1::ListBackupsRequest { parent: self.acme.clone(), ..Default::default() };
        for backup in self.anna.list_backups(request).await.unwrap().backups {
            if backup.state() == State::Complete {
                assert_eq!(self.anna.verify(&backup.name).await.unwrap().error, None, "{backup:?}");
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    async fn used(&self, tenant: &str) -> i64 {
        self.server.operator().await.limits(tenant).await.unwrap().storage_bytes
    }

    async fn upload(&mut self) -> Result<(), String> {
        let content = noise(300_000, self.next());
        let (before, used) = (self.anna.assets(&self.acme, "").await.unwrap(), self.used(&self.acme).await);
        let uploaded = self.anna.upload(header(&self.acme, "another", &content), &content).await;
        match uploaded {
            Ok(made) => {
                assert_eq!(self.used(&self.acme).await, used + 300_000);
                self.there.push((made.name, content));
                Ok(())
            }
            Err(status) => {
                assert_eq!(self.anna.assets(&self.acme, "").await.unwrap(), before);
                assert_eq!(self.used(&self.acme).await, used, "nothing is reserved any more");
                Err(refusal(&status).1)
            }
        }
    }

    async fn back_up(&self) -> Result<(), String> {
        let begun = self.anna.begin(&self.acme, &[]).await.unwrap();
        let ended = self.anna.wait(&begun.operation.unwrap().name).await;
        let backup = self.anna.backup(&begun.backup.unwrap().name).await.unwrap();
        match ended.error {
            None => {
                assert_eq!(backup.state(), State::Complete);
                Ok(())
            }
            Some(error) => {
                assert_eq!((backup.state(), &backup.reason), (State::Failed, &error.reason));
                Err(error.reason)
            }
        }
    }

    async fn download(&self) -> Result<(), String> {
        let (_, content) = self.anna.download(&self.large, 0).await.map_err(|status| refusal(&status).1)?;
        assert!(content == self.content, "other bytes were given out");
        Ok(())
    }

    async fn download_backup(&self) -> Result<(), String> {
        let given = self.anna.archive(&self.backup.name, 0, usize::MAX).await;
        assert!(given.map_err(|status| refusal(&status).1)?.1 == self.archive, "other bytes were given out");
        Ok(())
    }

    async fn verify(&self) -> Result<(), String> {
        let ended = self.anna.verify(&self.backup.name).await.unwrap();
        let known = self.anna.backup(&self.backup.name).await.unwrap().reason;
        let reason = ended.error.map_or(String::new(), |error| error.reason);
        assert_eq!(known, if reason == "BACKUP_CORRUPT" { &*reason } else { "" }, "what is away is not damaged");
        if reason.is_empty() { Ok(()) } else { Err(reason) }
    }

    async fn copy(&self) -> Result<(), String> {
        let (before, used) = (self.bert.assets(&self.beta, "").await.unwrap(), self.used(&self.beta).await);
        let begun = self.anna.copy(&self.acme, &[&self.large], &self.beta).await.unwrap();
        let ended = self.anna.wait(&begun.name).await;
        let after = self.bert.assets(&self.beta, "").await.unwrap();
        match ended.error {
            None => {
                assert_eq!(after.len(), before.len() + 1);
                // The same content takes its room once.
                assert_eq!(self.used(&self.beta).await, i64::try_from(self.content.len()).unwrap());
                Ok(())
            }
            Some(error) => {
                assert_eq!((after, self.used(&self.beta).await), (before, used), "half of it is not there");
                Err(error.reason)
            }
        }
    }

    async fn restore(&mut self) -> Result<(), String> {
        let operator = self.server.operator().await;
        let before = self.server.picture(&self.acme).await;
        let begun = self.anna.restore(whole(&self.backup.name)).await.map_err(|status| refusal(&status).1)?;
        let ended = operator.wait(&begun.operation.unwrap().name).await;
        assert_eq!(operator.tenant(&self.acme).await.state(), v1::tenant::State::Active, "{ended:?}");
        let after = self.server.picture(&self.acme).await;
        self.anna = self.server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        match ended.error {
            None => {
                assert_eq!(after, self.then);
                self.there.truncate(1);
                Ok(())
            }
            Some(error) => {
                assert_eq!(after, before);
                Err(error.reason)
            }
        }
    }

    async fn life(&mut self) -> Result<(), String> {
        let before = self.service.keys().await;
        let number = self.next();
        let (tenant, user) = self.server.another(&format!("Life {number}"), &format!("user{number}")).await;
        let content = noise(1000, number);
        let uploaded = user.upload(header(&tenant, "report", &content), &content).await;
        let operator = self.server.operator().await;
        let outcome = match uploaded {
            Ok(made) => {
                assert_eq!(user.download(&made.name, 0).await.map_err(|status| refusal(&status).1)?.1, content);
                Ok(())
            }
            Err(status) => Err(refusal(&status).1),
        };
        operator.prepare_fully(&tenant).await;
        let display_name = operator.tenant(&tenant).await.display_name;
        let deleted = operator.delete(&tenant, &display_name).await.unwrap().operation.unwrap();
        let ended = operator.wait(&deleted.name).await;
        if let Some(error) = ended.error {
            return Err(error.reason);
        }
        assert_eq!(self.service.keys().await, before, "nothing of it is left");
        outcome
    }
}
