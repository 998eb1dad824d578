//! Backups against other programs that do such work, in one run: `make bench`.
//!
//! A tenant has a mixed sample of files. The service is a release build in a process of its own, with an object store and a second one in
//! folders; restic and borg have their repositories in folders beside them, all on one disk. What takes seconds is measured in turn with
//! what it is compared to, `ROUNDS` times, and the medians count.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that fails says why and ends")]
#![allow(clippy::print_stdout, reason = "its table is its result")]

#[path = "../../tests/support/files.rs"]
mod files;
mod others;
mod raw;
mod sample;
#[path = "../service/mod.rs"]
mod service;
mod tenant;

use std::path::Path;
use std::time::Duration;

use others::{Repositories, pg_dump, psql, tar_zstd};
use service::{Cluster, Database, Service};
use tenant::Tenant;

/// Bytes that come anew for an incremental backup.
const NEW: u64 = 27 << 20;

/// Prints one line: what was measured, how long both took, and their ratio, which must not be more than the bar, or not less.
fn told(what: &str, against: &str, ours: Duration, theirs: Duration, bar: Bar) {
    let (ratio, goal, met) = match bar {
        Bar::AtMost(most) => {
            let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
            (ratio, format!("<= {most}"), ratio <= most)
        }
        Bar::AtLeast(least) => {
            let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
            (ratio, format!(">= {least}"), ratio >= least)
        }
    };
    let (ours, theirs) = (ours.as_secs_f64(), theirs.as_secs_f64());
    let met = if met { "" } else { "  not met" };
    println!("{what:<44} {against:<26} {ours:>9.3} s {theirs:>9.3} s {ratio:>8.3} {goal:>8}{met}");
}

/// Prints what belongs to the line above, and is held to nothing.
fn beside(what: &str, ours: Duration, theirs: Duration) {
    let (ours, theirs) = (ours.as_secs_f64(), theirs.as_secs_f64());
    println!("  {what:<69} {ours:>9.3} s {:>11} {:>8.3}", "", ours / theirs);
}

/// What a ratio is held to.
enum Bar {
    /// Of times: at most so much of theirs.
    AtMost(f64),
    /// Of speeds: at least so much of theirs.
    AtLeast(f64),
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map_or(default, |text| text.parse().unwrap())
}

#[tokio::main]
async fn main() {
    let (files, megabytes) = (number("FILES", 20_000), number("MEGABYTES", 1024));
    let (rows, rounds) = (number("ROWS", 200_000), number("ROUNDS", 3));
    let folder = tempfile::Builder::new().prefix("landlord-bench-").tempdir().unwrap();
    let below = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let (sample, more) = (below("sample"), below("more"));
    sample::copy(files, (megabytes as u64) << 20, &sample, NEW * rounds as u64, &more);
    let (all, bytes) = sample::of(&sample);
    println!("{} files with {} MiB; medians of {rounds}", all.len(), bytes >> 20);
    println!("{:<44} {:<26} {:>11} {:>11} {:>8} {:>8}", "", "against", "ours", "theirs", "ratio", "bar");

    let cluster = Cluster::start().await;
    let database = cluster.database("landlord").await;
    Service::start(folder.path(), &database.app, &[]).await.stop().await;
    let sql = cluster.connect(&database.name).await;
    sql.batch_execute("UPDATE users SET must_change_password = false").await.unwrap();

    let mut others = Repositories::new(folder.path(), &sample);
    let service = Service::start(folder.path(), &database.app, &[]).await;
    let used = Tenant::new(&service, "used").await;
    for number in 0_u32..300 {
        used.upload_bytes("report", number.to_le_bytes().repeat(100)).await;
    }
    // A database in use knows what is in its tables, and plans by that.
    sql.batch_execute("ANALYZE").await.unwrap();
    let acme = Tenant::new(&service, "acme").await;
    let (uploaded, first, taken) = whole(&acme, &mut others, &sample, folder.path(), rounds).await;
    download(&acme, rounds).await;
    println!("memory at most: {} MiB", acme.peak_mib());
    service.stop().await;

    // It copies as soon as it is there.
    others::settle();
    let second = [("objects.second.url", format!("file://{}", below("second").display()))];
    let service = Service::start(folder.path(), &database.app, &second).await;
    let acme = Tenant::new(&service, "acme").await;
    acme.copied(&first).await;
    let full = taken + acme.copying().await;
    let theirs = others.restic_backup_anew(&below("anew"));
    told("full, to a second store", "restic", full, theirs, Bar::AtMost(0.15));
    beside("the same files by cp, and sync", others::cp(&folder.path().join("objects"), &below("copied")), theirs);
    told("upload and full", "restic", uploaded + full, theirs, Bar::AtMost(0.75));
    again(&acme, &mut others, &sample, &more, rounds).await;
    println!("memory at most: {} MiB", acme.peak_mib());
    of_rows(&service, &cluster, &database, rows, rounds).await;
    let beta = Tenant::new(&service, "beta").await;
    for _ in 0..10 {
        beta.upload_bytes("report", vec![7; 1000]).await;
        beta.back_up_twice().await;
    }
    let uid: String =
        sql.query_one("SELECT uid::text FROM tenant_identities WHERE code = 'beta'", &[]).await.unwrap().get(0);
    let erased = beta.erase(&folder.path().join("objects/keys").join(uid)).await;
    told("erased, unreadable after", "50 ms", erased, Duration::from_millis(50), Bar::AtMost(1.0));
}

/// Upload, first backup, verification and archive of the whole sample. Gives how long the upload took, the backup and how long that took.
async fn whole(
    acme: &Tenant<'_>,
    others: &mut Repositories,
    sample: &Path,
    folder: &Path,
    rounds: usize,
) -> (Duration, String, Duration) {
    let uploaded = acme.upload(&sample::of(sample).0).await;
    let (first, taken) = acme.back_up(&[]).await;
    others.restic_backup();
    others.borg_backup();
    let (mut verified, mut sealed, mut checked) = (Vec::new(), Vec::new(), Vec::new());
    let (mut archived, mut given, mut packed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        verified.push(acme.verify(&first, false).await);
        sealed.push(acme.verify(&first, true).await);
        checked.push(others.restic_check());
        archived.push(Tenant::archive(folder, &first));
        given.push(acme.download(&first).await.1);
        packed.push(tar_zstd(sample));
    }
    let (checked, packed) = (median(checked), median(packed));
    told("verify all", "restic check --read-data", median(verified), checked, Bar::AtMost(0.30));
    told("verify seals alone", "restic check --read-data", median(sealed), checked, Bar::AtMost(0.08));
    told("landlord recover archive, to nothing", "tar | zstd -T2 -3", median(archived), packed, Bar::AtMost(0.12));
    beside("the same over gRPC", median(given), packed);
    (uploaded, first, taken)
}

/// A large asset against a bare stream of the same chunks.
async fn download(acme: &Tenant<'_>, rounds: usize) {
    let (mut content, mut hash) = (vec![0; 256 << 20], blake3::Hasher::new().finalize_xof());
    hash.fill(&mut content);
    let chunks = content.len() / raw::CHUNK;
    let name = acme.upload_bytes("large", content).await;
    let address = raw::serve(chunks).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(acme.download_asset(&name).await);
        theirs.push(raw::receive(address).await);
    }
    told("download over gRPC", "bare stream of the chunks", median(ours), median(theirs), Bar::AtLeast(0.9));
}

/// Backups where nothing has changed, and where some files have come.
async fn again(acme: &Tenant<'_>, others: &mut Repositories, sample: &Path, more: &Path, rounds: usize) {
    others.restic_backup();
    others.borg_backup();
    acme.back_up_twice().await;
    let (mut ours, mut copied, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (took, until_copied) = acme.back_up_twice().await;
        ours.push(took);
        copied.push(until_copied);
        theirs.push(others.restic_backup().min(others.borg_backup()));
    }
    let best = median(theirs);
    told("no change", "best of restic, borg", median(ours), best, Bar::AtMost(0.05));
    beside("until it is in a second store as well", median(copied), best);
    let (new, _) = sample::of(more);
    let (mut ours, mut copied, mut theirs, mut uploads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for some in new.chunks(new.len().div_ceil(rounds)) {
        for file in some {
            std::fs::copy(file, sample.join(file.file_name().unwrap())).unwrap();
        }
        uploads.push(acme.upload(some).await);
        let (took, until_copied) = acme.back_up_twice().await;
        ours.push(took);
        copied.push(until_copied);
        theirs.push(others.restic_backup().min(others.borg_backup()));
    }
    let best = median(theirs);
    told("27 MiB more", "best of restic, borg", median(ours), best, Bar::AtMost(0.10));
    beside("until it is in a second store as well", median(copied), best);
    beside("what was new uploaded, before that", median(uploads), best);
}

/// Rows of users: out, against COPY and pg_dump, and in, against COPY into the same tables by who is above all policies.
async fn of_rows(service: &Service, cluster: &Cluster, database: &Database, rows: usize, rounds: usize) {
    let crowd = Tenant::new(service, "crowd").await;
    let (sql, url) = (cluster.connect(&database.name).await, cluster.url(&database.name, "postgres"));
    let of = "(SELECT uid FROM tenant_identities WHERE code = 'crowd')";
    let fill = format!(
        "SET session_replication_role = replica;
         INSERT INTO users (tenant_id, id, user_name, user_name_key, email, given_name, family_name, state)
             SELECT t.uid, gen_random_uuid(), 'user-' || n, 'user-' || n, 'user-' || n || '@example.com', 'Given ' || n, 'Family ' || n, 'ACTIVE'
             FROM {of} t, generate_series(1, {rows}) n;
         INSERT INTO memberships (tenant_id, user_id, home_tenant_id)
             SELECT tenant_id, id, tenant_id FROM users WHERE tenant_id = {of} AND user_name LIKE 'user-%';
         UPDATE tenant_limits SET users = users + {rows} WHERE tenant_id = {of};
         RESET session_replication_role; ANALYZE users; ANALYZE memberships"
    );
    sql.batch_execute(&fill).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    // What goes and comes again of each table.
    let of_users = format!("tenant_id = {of} AND user_name LIKE 'user-%'");
    let of_members = format!("tenant_id = {of} AND user_id IN (SELECT id FROM users WHERE {of_users})");
    let tables = ["users", "memberships"];
    let [users, memberships] = tables.map(|table| folder.path().join(table).display().to_string());
    let out = |[users, memberships]: [&str; 2]| {
        let copy = |table: &str, rows: &str, to: &str| {
            psql(&url, &format!("\\copy (SELECT * FROM {table} WHERE {rows}) TO '{to}' (FORMAT binary)"))
        };
        copy("users", &of_users, users) + copy("memberships", &of_members, memberships)
    };
    out([&users, &memberships]);
    let (mut ours, mut copied, mut dumped, mut backup) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for _ in 0..rounds {
        let (name, took) = crowd.back_up(&["users"]).await;
        backup = name;
        ours.push(took);
        copied.push(out(["/dev/null", "/dev/null"]));
        dumped.push(pg_dump(&url, &tables));
    }
    let ours = median(ours);
    told("rows out", "psql COPY BINARY", ours, median(copied), Bar::AtLeast(0.9));
    told("rows out", "pg_dump -Fc", ours, median(dumped), Bar::AtLeast(3.0));

    let gone = format!(
        "SET session_replication_role = replica;
         DELETE FROM memberships WHERE {of_members};
         DELETE FROM users WHERE {of_users};
         UPDATE tenant_limits SET users = users - {rows} WHERE tenant_id = {of};
         RESET session_replication_role"
    );
    let (mut ours, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        sql.batch_execute(&gone).await.unwrap();
        ours.push(crowd.restore(&backup).await);
        sql.batch_execute(&gone).await.unwrap();
        let copy = |table: &str, from: &str| psql(&url, &format!("\\copy {table} FROM '{from}' (FORMAT binary)"));
        copied.push(copy("users", &users) + copy("memberships", &memberships));
    }
    told("rows in, readable until the swap", "direct COPY", median(ours), median(copied), Bar::AtMost(1.25));
}
