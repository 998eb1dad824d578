//! The README's tour, run as it stands there, with real grpcurl.

use std::path::Path;

use tokio::process::Command;

use crate::support::server::TestServer;

/// The tour's blocks of shell, and what each has to show.
fn tour(readme: &str) -> Vec<(String, String)> {
    let tour = readme.split("## A tour").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = tour.split("```sh\n").skip(1).map(|rest| {
        let (block, after) = rest.split_once("```").unwrap();
        let shows = after.split("<!-- shows: ").nth(1).and_then(|s| s.split(" -->").next());
        (block.to_owned(), shows.expect("each block says what it shows").to_owned())
    });
    blocks.collect()
}

#[test]
fn the_tour_has_at_least_ten_calls() {
    let readme = include_str!("../README.md");
    let calls: usize = tour(readme).iter().map(|(block, _)| block.matches("call ").count()).sum();
    assert!(calls >= 10, "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs grpcurl: make e2e"]
async fn e2e_the_tour_works_as_the_readme_has_it() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".landlord")).unwrap();
    let connection = format!("{{\n  \"password\": \"{}\"\n}}", crate::support::server::PASSWORD);
    std::fs::write(folder.path().join(".landlord/connection.json"), connection).unwrap();
    std::os::unix::fs::symlink(server.mail_folder(), folder.path().join(".landlord/mail")).unwrap();

    let mut script = String::from("set -euo pipefail\n");
    let tour = tour(include_str!("../README.md"));
    for (number, (block, _)) in tour.iter().enumerate() {
        script.push_str(&format!("echo '== {number}'\n{block}\n"));
    }
    let script = script.replace("127.0.0.1:50051", &server.address.to_string());
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let run = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).env("PATH", path).output();
    let output = run.await.unwrap();
    let (shown, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}\n{errors}");
    let answers: Vec<_> = shown.split("== ").skip(1).collect();
    assert_eq!(answers.len(), tour.len());
    for ((block, shows), answer) in tour.iter().zip(answers) {
        assert!(answer.contains(shows.as_str()), "{block}\nshould show {shows}, but answered\n{answer}");
    }
}
