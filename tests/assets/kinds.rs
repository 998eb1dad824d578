//! Each kind of assets has its privilege, without which it is neither seen nor reached.

use landlord::proto::v1;
use tonic::Code;
use v1::asset::Kind;

use crate::support::assets::header;
use crate::support::client::assert_refused;
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

/// The kinds, each with its privilege.
const KINDS: [(Kind, &str); 13] = [
    (Kind::Filter, "server-administrator"),
    (Kind::Template, "server-administrator"),
    (Kind::ReportScript, "server-administrator"),
    (Kind::Database, "database-administrator"),
    (Kind::Analysis, "analysis-administrator"),
    (Kind::Dashboard, "dashboard-administrator"),
    (Kind::Document, "document-administrator"),
    (Kind::Portal, "portal-administrator"),
    (Kind::Collaboration, "collaboration-administrator"),
    (Kind::Process, "process-governance-administrator"),
    (Kind::Arcm, "arcm-administrator"),
    (Kind::Recording, "server-administrator"),
    (Kind::Other, "server-administrator"),
];

/// An asset of that kind, on its way.
pub fn of_kind(parent: &str, kind: Kind) -> v1::UploadAssetHeader {
    let call = v1::CallMetadata {
        start_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        duration: Some(prost_types::Duration { seconds: 61, nanos: 500_000_000 }),
        caller: "0170 1234".into(),
        called: "1000".into(),
        extension: "1000".into(),
    };
    let call = (kind == Kind::Recording).then_some(call);
    v1::UploadAssetHeader { kind: kind.into(), call, ..header(parent, kind.as_str_name(), b"content") }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_one_privilege_sees_and_reaches_the_assets_of_its_kinds_alone() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let mut made = Vec::new();
    for (kind, privilege) in KINDS {
        let asset = anna.upload(of_kind(&acme, kind), b"content").await.unwrap();
        assert_eq!(asset.kind(), kind);
        assert_eq!(asset.call.is_some(), kind == Kind::Recording);
        made.push((asset, privilege));
    }
    let privileges: std::collections::BTreeSet<_> = KINDS.map(|(_, privilege)| privilege).into();
    for held in &privileges {
        let role = anna.new_role(&acme, held, &[&format!("privileges/{held}")]).await.unwrap();
        let user = anna.new_user(&acme, held).await.unwrap().name;
        anna.give(&role, &[&user]).await.unwrap();
        let api = server.enter(&format!("{held}@acme")).await;
        let mut seen = api.assets(&acme, "").await.unwrap();
        let mut wanted: Vec<_> =
            KINDS.iter().filter(|(_, privilege)| privilege == held).map(|(kind, _)| kind.as_str_name()).collect();
        seen.sort();
        wanted.sort_unstable();
        assert_eq!(seen, wanted, "{held}");
        for (asset, privilege) in &made {
            let answers = [
                api.asset(&asset.name).await.map(|_| ()),
                api.download(&asset.name, 0).await.map(|_| ()),
                api.change_asset(
                    v1::Asset { display_name: asset.display_name.clone(), ..asset_named(asset) },
                    &["display_name"],
                )
                .await
                .map(|_| ()),
                api.upload(of_kind(&acme, asset.kind()), b"content").await.map(|_| ()),
            ];
            for answer in answers {
                if privilege == held {
                    answer.unwrap();
                    continue;
                }
                let status = assert_refused(answer, Code::PermissionDenied, "PRIVILEGE_MISSING");
                assert_eq!(facts(&status)["privilege"], *privilege);
            }
        }
    }
    let without = anna.new_user(&acme, "nobody").await.unwrap().name;
    anna.give(&anna.role_named(&acme, "User").await, &[&without]).await.unwrap();
    let nobody = server.enter("nobody@acme").await;
    assert_refused(nobody.assets(&acme, "").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
}

fn asset_named(asset: &v1::Asset) -> v1::Asset {
    v1::Asset { name: asset.name.clone(), ..Default::default() }
}
