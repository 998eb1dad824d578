//! Whichever file of the store is damaged, and however: it is found and named, and no byte is given out that is not as it was.

use std::path::{Path, PathBuf};

use landlord::proto::v1;
use tonic::Code;

use crate::assets::collect::files;
use crate::assets::copy::two_tenants;
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::server::TestServer;

/// What becomes of a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// A bit of this byte flips.
    Bit(usize),
    /// A bit in the middle flips.
    Middle,
    /// A bit of the last byte flips.
    End,
    /// The last byte is gone.
    Cut,
    /// The second half is gone.
    Half,
    /// All of it is.
    Empty,
    /// Another file of its kind is in its place.
    Exchanged,
    /// It is not there.
    Missing,
}

impl Damage {
    /// Of each kind one. What is read as content is, with each region of it, is not tried with all.
    const SOME: [Self; 6] = [Self::Bit(0), Self::Middle, Self::End, Self::Cut, Self::Exchanged, Self::Missing];

    /// A bit in each region: the mark, the key's id, the salt, and what is sealed.
    const ALL: [Self; 11] = [
        Self::Bit(0),
        Self::Bit(4),
        Self::Bit(20),
        Self::Bit(52),
        Self::Middle,
        Self::End,
        Self::Cut,
        Self::Half,
        Self::Empty,
        Self::Exchanged,
        Self::Missing,
    ];

    fn content(self, whole: &[u8], other: &[u8]) -> Option<Vec<u8>> {
        let flipped = |at: usize| {
            let mut content = whole.to_vec();
            content[at] ^= 1;
            Some(content)
        };
        match self {
            Self::Bit(at) => flipped(at),
            Self::Middle => flipped(whole.len() / 2),
            Self::End => flipped(whole.len() - 1),
            Self::Cut => Some(whole[..whole.len() - 1].to_vec()),
            Self::Half => Some(whole[..whole.len() / 2].to_vec()),
            Self::Empty => Some(Vec::new()),
            Self::Exchanged => Some(other.to_vec()),
            Self::Missing => None,
        }
    }
}

/// A file that is damaged until it is mended.
struct Damaged {
    file: PathBuf,
    whole: Vec<u8>,
}

impl Damaged {
    /// Damages a file; `other` is another one of its kind.
    fn new(damage: Damage, file: &Path, other: &Path) -> Self {
        let whole = std::fs::read(file).unwrap();
        match damage.content(&whole, &std::fs::read(other).unwrap()) {
            Some(content) => std::fs::write(file, content).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
        Self { file: file.to_owned(), whole }
    }

    fn mend(self) {
        std::fs::write(self.file, self.whole).unwrap();
    }
}

/// What the verification of a backup names as damaged.
async fn named(api: &Api, backup: &str, what: &str) -> String {
    let found = api.verify_seals(backup).await.unwrap().error;
    let error = found.clone().unwrap_or_else(|| panic!("{what} was not found"));
    assert_eq!((error.code.as_str(), error.reason.as_str()), ("DATA_LOSS", "BACKUP_CORRUPT"), "{what}");
    assert_eq!(api.backup(backup).await.unwrap().reason, "BACKUP_CORRUPT", "{what}");
    assert_eq!(api.verify(backup).await.unwrap().error, found, "{what}");
    error.metadata["damaged"].clone()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_any_file_of_a_backup_is_found_and_named_by_whoever_reads_it() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let older = anna.back_up(&acme).await;
    let backup = anna.back_up(&acme).await;
    assert!(backup.verify_time.is_none());
    let id = |name: &str| name.rsplit('/').next().unwrap().to_owned();
    let all = files(&server.database.objects().join("backups"));
    let of = |backup: &v1::Backup| {
        let id = id(&backup.name);
        all.iter().filter(move |file| file.to_str().unwrap().contains(&id))
    };
    assert!(of(&backup).count() > 10, "{all:?}");
    // Of these a restore brings no row back.
    let not_restored = ["blobs", "blob_parts", "tenant_features", "tenant_licenses", "tenant_mail_texts"];
    for file in of(&backup) {
        let other = of(&older).find(|other| name(other) == name(file)).unwrap();
        let segment = name(file).split('.').next().unwrap();
        let damaged = match segment {
            "manifest" => "its manifest".to_owned(),
            table => format!("the rows of {table}"),
        };
        for damage in Damage::SOME {
            let what = format!("{damage:?} of {segment}");
            let broken = Damaged::new(damage, file, other);
            assert_eq!(named(&anna, &backup.name, &what).await, damaged, "{what}");
            let given = anna.archive(&backup.name, 0, usize::MAX).await;
            assert_eq!(facts(&assert_refused(given, Code::DataLoss, "BACKUP_CORRUPT"))["damaged"], damaged, "{what}");
            if !not_restored.contains(&segment) {
                let tried = anna.try_restore(whole(&backup.name)).await;
                let tried = assert_refused(tried, Code::DataLoss, "BACKUP_CORRUPT");
                assert_eq!(facts(&tried)["damaged"], damaged, "{what}");
            }
            broken.mend();
        }
    }
    assert_eq!(anna.verify_seals(&backup.name).await.unwrap().error, None);
    let sealed = anna.backup(&backup.name).await.unwrap();
    assert!(
        !sealed.reason.is_empty() && sealed.verify_time.is_none(),
        "nothing but its seals was looked at: {sealed:?}"
    );
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    let verified = anna.backup(&backup.name).await.unwrap();
    assert!(verified.reason.is_empty() && verified.verify_time.is_some(), "it is whole again: {verified:?}");
    assert_eq!(anna.verify_seals(&backup.name).await.unwrap().error, None);
    assert_eq!(anna.backup(&backup.name).await.unwrap(), verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_any_file_of_content_is_found_and_named_by_whoever_reads_it_and_by_nobody_else() {
    let server = TestServer::start().await;
    let (acme, anna, beta, bert) = two_tenants(&server).await;
    let contents = [("small", noise(1000, 1)), ("report", noise(70_000, 2)), ("large", noise((8 << 20) + 1000, 3))];
    let mut assets = Vec::new();
    for (display_name, content) in &contents {
        assets.push(anna.new_asset(&acme, display_name, content).await.name);
    }
    let backup = anna.back_up(&acme).await;
    let all = files(&server.database.objects().join("blobs"));
    assert_eq!(all.len(), 4);
    let folder = |file: &Path| name(file.parent().unwrap()).to_owned();
    let sql = server.sql().await;
    for (at, file) in all.iter().enumerate() {
        let blob = folder(file);
        let has = "SELECT 'tenants/acme/assets/' || id FROM assets WHERE blob_id::text = $1";
        let asset: String = sql.query_one(has, &[&blob]).await.unwrap().get(0);
        for damage in Damage::ALL {
            let what = format!("{damage:?} of {}", file.display());
            let broken = Damaged::new(damage, file, &all[(at + 1) % all.len()]);
            let refused = assert_refused(anna.download(&asset, 0).await, Code::DataLoss, "CONTENT_CORRUPT");
            assert!(!refused.message().contains(&blob), "where it is is for the log: {what}");
            for (other, (_, content)) in assets.iter().zip(&contents).filter(|(other, _)| **other != asset) {
                assert!(anna.download(other, 0).await.unwrap().1 == *content, "{what}: {other}");
            }
            assert_eq!(named(&anna, &backup.name, &what).await, format!("the content {blob}"), "{what}");
            let given = anna.archive(&backup.name, 0, usize::MAX).await;
            let given = assert_refused(given, Code::DataLoss, "BACKUP_CORRUPT");
            assert_eq!(facts(&given)["damaged"], format!("the content {blob}"), "{what}");
            broken.mend();
        }
        let broken = Damaged::new(Damage::Middle, file, file);
        let copied: Vec<_> = assets.iter().map(String::as_str).collect();
        let ended = anna.copy(&acme, &copied, &beta).await.unwrap();
        let error = anna.wait(&ended.name).await.error.unwrap();
        assert_eq!(error.reason, "CONTENT_CORRUPT");
        assert_eq!(error.metadata["damaged"], format!("the asset {}", asset.rsplit('/').next().unwrap()));
        broken.mend();
    }
    assert!(
        !bert.assets(&beta, "").await.unwrap().contains(&"large".to_owned()),
        "it comes last, and never came whole"
    );
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    for (asset, (_, content)) in assets.iter().zip(&contents) {
        assert!(anna.download(asset, 0).await.unwrap().1 == *content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_file_of_a_tenants_key_is_found_and_named_and_is_no_damage_of_what_it_opens() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let made = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let key = files(&server.database.objects().join("keys")).remove(0);
    let (beta, bert) = server.another("Beta", "bert").await;
    let theirs = bert.new_asset(&beta, "theirs", b"theirs").await;
    let other = files(&server.database.objects().join("keys")).into_iter().find(|file| *file != key).unwrap();
    for damage in Damage::ALL {
        let broken = Damaged::new(damage, &key, &other);
        // One that has no key in its memory.
        let fresh = TestServer::on(server.database.clone(), &[]).await;
        let anna = fresh.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        let (code, reason) = (Code::FailedPrecondition, "KEY_UNAVAILABLE");
        let refused = assert_refused(anna.download(&made.name, 0).await, code, reason);
        assert!(refused.message().contains("below `keys/`"), "{damage:?}: {}", refused.message());
        assert_refused(anna.archive(&backup.name, 0, usize::MAX).await, code, reason);
        assert_refused(anna.try_restore(whole(&backup.name)).await, code, reason);
        let bert = fresh.anonymous().await.log_in("bert@beta", ADMIN_PASSWORD).await;
        assert_eq!(
            bert.download(&theirs.name, 0).await.unwrap().1,
            b"theirs",
            "{damage:?}: another tenant's key opens"
        );
        broken.mend();
        assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
        assert_eq!(anna.download(&made.name, 0).await.unwrap().1, noise(1000, 1));
        fresh.stop().await.unwrap();
    }
}
