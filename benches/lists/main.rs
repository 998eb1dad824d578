//! ListTenants at a million tenants against the same at a thousand: `make bench`.
//!
//! Two services, each a release build in a process of its own, on two databases of one private Postgres. Calls go to both in
//! turn, so that whatever else the machine does falls on both. What is measured is a whole call as a client sees it: gRPC,
//! authentication, the transaction, and a page of rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that fails says why and ends")]
#![allow(clippy::print_stdout, reason = "its table is its result")]

mod names;
mod platform;
mod questions;

use std::time::{Duration, Instant};

use landlord::proto::v1;

use platform::{Cluster, Platform};
use questions::questions;

/// What no list may take.
const BAR: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    let number = |name: &str, default: usize| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (few, many) = (number("FEW", 1_000), number("MANY", 1_000_000));
    let rounds = number("ROUNDS", 40);
    println!("ListTenants at {many} tenants against {few}, {rounds} calls of each kind to both in turn");

    let cluster = Cluster::start().await;
    let small = Platform::start(&cluster, few).await;
    let large = Platform::start(&cluster, many).await;
    for platform in [&small, &large] {
        println!(
            "{:>9} tenants: {:.1} s to fill the tables, {:.2} s from start to the first list, {} MiB resident after it",
            platform.tenants,
            platform.filled_in.as_secs_f64(),
            platform.first_list_after.as_secs_f64(),
            platform.resident_mib(),
        );
    }

    println!("\n{:<58} {:>9} {:>9} {:>9} {:>6} {:>8}", "", "few p50", "many p50", "many max", "ratio", "total");
    let mut worst = Duration::ZERO;
    let mut ratios = Vec::new();
    for (name, request) in questions() {
        let (mut of_few, mut of_many, mut total) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            of_few.push(ask(&small, &request).await.0);
            let (took, answer) = ask(&large, &request).await;
            of_many.push(took);
            total = answer.total_size;
        }
        of_few.sort();
        of_many.sort();
        let ratio = middle(&of_many).as_secs_f64() / middle(&of_few).as_secs_f64();
        let last = *of_many.last().unwrap();
        println!(
            "{name:<58} {:>6.2} ms {:>6.2} ms {:>6.2} ms {ratio:>6.2} {total:>8}",
            milliseconds(middle(&of_few)),
            milliseconds(middle(&of_many)),
            milliseconds(last),
        );
        worst = worst.max(middle(&of_many));
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "\nslowest median {:.2} ms (bar {} ms); ratios: median {:.2}, highest {:.2} (goal 1.2); {} MiB resident",
        milliseconds(worst),
        BAR.as_millis(),
        ratios[ratios.len() / 2],
        ratios.last().unwrap(),
        large.resident_mib(),
    );
    assert!(worst <= BAR, "a list takes longer than it may");
}

/// One call, and how long it took.
async fn ask(platform: &Platform, request: &v1::ListTenantsRequest) -> (Duration, v1::ListTenantsResponse) {
    let mut tenants = platform.client().await.tenants().max_decoding_message_size(64 << 20);
    let began = Instant::now();
    let answer = tenants.list_tenants(request.clone()).await.unwrap().into_inner();
    (began.elapsed(), answer)
}

fn middle(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
