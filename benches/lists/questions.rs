//! The lists that are asked for: every order, and filters and searches that match many, few and none.

use landlord::proto::v1;

type Question = (String, v1::ListTenantsRequest);

fn question(name: &str, order_by: &str, filter: &str, search: &str) -> Question {
    let (order_by, filter, search) = (order_by.to_owned(), filter.to_owned(), search.to_owned());
    (name.to_owned(), v1::ListTenantsRequest { order_by, filter, search, ..Default::default() })
}

/// What is asked, with a name for each.
pub fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for order in ["display_name", "code", "state", "create_time"] {
        for order in [order.to_owned(), format!("{order} desc")] {
            all.push(question(&format!("order {order}"), &order, "", ""));
        }
    }
    for filter in [
        "state = ACTIVE",
        "state = LOCKED",
        "state = FAILED",
        "state != ACTIVE",
        "server = north",
        "labels.region = south",
        "labels.tier = platinum",
        "labels:pilot",
        "NOT labels:region",
        "protected = true AND server = north",
        "state = LOCKED AND (labels.region = south OR labels.region = west)",
        "create_time >= \"2026-06-01T00:00:00Z\"",
        "create_time < \"2020-02-01T00:00:00Z\"",
        "display_name : \"Müller\"",
        "code = t-77",
        "labels.region = nowhere",
    ] {
        all.push(question(&format!("filter {filter}"), "", filter, ""));
    }
    for search in [
        "a",
        "ü",
        "電",
        "я",
        "zz",
        "мо",
        "東京",
        "mül",
        "solar",
        "Spedition",
        "строй",
        "株式会社",
        "77",
        "12345",
        "Weiß Glas",
        "qqqq",
    ] {
        all.push(question(&format!("search {search}"), "", "", search));
    }
    all.push(question(
        "search solar, state = LOCKED, order create_time desc",
        "create_time desc",
        "state = LOCKED",
        "solar",
    ));
    all.push(question("search a, labels:pilot, order state", "state", "labels:pilot", "a"));
    let (_, mut large) = question("", "", "", "");
    large.page_size = 1000;
    all.push(("page of 1000".into(), large.clone()));
    all.push(("page of 1000, view FULL".into(), v1::ListTenantsRequest { view: v1::TenantView::Full.into(), ..large }));
    all
}
