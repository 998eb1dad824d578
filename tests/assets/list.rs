//! Lists of assets: pages, orders, search and filters.

use landlord::proto::v1;
use tonic::Code;

use crate::support::assets::{header, noise};
use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

/// All names, gone through by pages of two.
async fn paged(api: &Api, parent: &str, order_by: &str, search: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListAssetsRequest {
            parent: parent.into(),
            page_size: 2,
            page_token,
            search: search.into(),
            order_by: order_by.into(),
            ..Default::default()
        };
        let page = api.list_assets(request).await.unwrap();
        assert!(page.assets.len() <= 2);
        names.extend(page.assets.into_iter().map(|asset| asset.display_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            assert_eq!(page.total_size, i32::try_from(names.len()).unwrap());
            return names;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_by_pages_in_each_order_and_finds_parts_of_names() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    for (name, bytes) in [("zebra", 10), ("Ägypten.pdf", 30), ("apple", 20), ("Umsatz_2024", 40), ("umsatz 2025", 40)]
    {
        anna.new_asset(&acme, name, &noise(bytes, bytes as u64)).await;
    }
    let by_name = ["apple", "umsatz 2025", "Umsatz_2024", "zebra", "Ägypten.pdf"];
    assert_eq!(paged(&anna, &acme, "", "").await, by_name);
    assert_eq!(paged(&anna, &acme, "display_name desc", "").await, by_name.iter().rev().copied().collect::<Vec<_>>());
    let by_size = paged(&anna, &acme, "size", "").await;
    assert_eq!(by_size, ["zebra", "apple", "Ägypten.pdf", "Umsatz_2024", "umsatz 2025"]);
    let by_time = paged(&anna, &acme, "create_time desc", "").await;
    assert_eq!(by_time, ["umsatz 2025", "Umsatz_2024", "apple", "Ägypten.pdf", "zebra"]);
    assert_eq!(paged(&anna, &acme, "", "ÄGYPT").await, ["Ägypten.pdf"]);
    assert_eq!(paged(&anna, &acme, "", "_").await, ["Umsatz_2024"], "it is not a pattern");
    assert_eq!(paged(&anna, &acme, "", "msat").await, ["umsatz 2025", "Umsatz_2024"]);

    let request = v1::ListAssetsRequest { parent: acme.clone(), page_size: 2, ..Default::default() };
    let token = anna.list_assets(request.clone()).await.unwrap().next_page_token;
    let other = v1::ListAssetsRequest { page_token: token.clone(), search: "x".into(), ..request.clone() };
    assert_refused(anna.list_assets(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let negative = v1::ListAssetsRequest { page_size: -1, ..request.clone() };
    assert_refused(anna.list_assets(negative).await, Code::InvalidArgument, "FIELDS_INVALID");
    let order = v1::ListAssetsRequest { order_by: "kind".into(), ..request };
    assert_refused(anna.list_assets(order).await, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_kinds_sizes_names_and_metadata() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let with = |name: &str, kind: v1::asset::Kind, content: &[u8], source: &str| v1::UploadAssetHeader {
        kind: kind.into(),
        metadata: [("source".to_owned(), source.to_owned())].into(),
        ..header(&acme, name, content)
    };
    for (name, kind, bytes, source) in [
        ("a", v1::asset::Kind::Template, 10, "hand"),
        ("b", v1::asset::Kind::Template, 20, "tool"),
        ("c", v1::asset::Kind::Database, 30, "tool"),
    ] {
        let content = noise(bytes, 1);
        anna.upload(with(name, kind, &content, source), &content).await.unwrap();
    }
    for (filter, found) in [
        ("kind = TEMPLATE", &["a", "b"][..]),
        ("kind != template", &["c"]),
        ("size >= 20 AND size < 30", &["b"]),
        ("display_name = B OR display_name:C", &["b", "c"]),
        ("metadata.source = tool", &["b", "c"]),
        ("NOT metadata.source = tool", &["a"]),
        ("create_time > \"2999-01-01T00:00:00Z\"", &[]),
        ("kind = TEMPLATE AND metadata.source = tool", &["b"]),
    ] {
        assert_eq!(anna.assets(&acme, filter).await.unwrap(), found, "{filter}");
    }
    assert_refused(anna.assets(&acme, "owner = x").await, Code::InvalidArgument, "FILTER_INVALID");
}
