//! The same with a mail server that others wrote, over an encrypted connection.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use landlord::proto::v1::operation::State;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::Code;

use super::{delivered, follow, invite};
use crate::support::client::assert_refused;
use crate::support::mail::link_code;
use crate::support::server::TestServer;

const USER: &str = "landlord";
const SECRET: &str = "hunter2 and more";

/// aiosmtpd, with STARTTLS and a log-in, as long as the test runs.
struct RealMailServer {
    folder: TempDir,
    port: String,
    _process: Child,
}

impl RealMailServer {
    /// One whose first conversations go as planned, one each: `RCPT=550`.
    async fn start(plan: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(file("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        std::fs::write(file("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(file("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(file("password"), format!("{SECRET}\n")).unwrap();
        std::fs::create_dir(file("mails")).unwrap();

        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/mail-server");
        let mut process = Command::new(program)
            .args(["--user", USER, "--password", SECRET])
            .args(["--folder".as_ref(), file("mails").as_os_str()])
            .args(["--cert".as_ref(), file("cert.pem").as_os_str(), "--key".as_ref(), file("key.pem").as_os_str()])
            .arg("--plan")
            .args(plan)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("sh tests/tools/aiosmtpd.sh installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().expect("the port");
        Self { folder, port, _process: process }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A Landlord that sends through it, with these options over the right ones.
    async fn landlord(&self, options: &[(&'static str, String)]) -> TestServer {
        let mut all = vec![
            ("mail.folder", String::new()),
            ("mail.smtp.host", "localhost".into()),
            ("mail.smtp.port", self.port.clone()),
            ("mail.smtp.tls", "starttls".into()),
            ("mail.smtp.ca_file", self.file("ca.pem").display().to_string()),
            ("mail.smtp.user_name", USER.into()),
            ("mail.smtp.password_file", self.file("password").display().to_string()),
            ("mail.smtp.timeout_seconds", "3".into()),
        ];
        all.extend(options.iter().cloned());
        TestServer::with(&all).await
    }

    /// The mails whose content it has seen, in order.
    fn mails(&self) -> Vec<Vec<u8>> {
        (1..).map_while(|number| std::fs::read(self.file(&format!("mails/{number}.eml"))).ok()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: make e2e"]
async fn e2e_a_mail_arrives_once_by_starttls_and_its_link_works() {
    let smtp = RealMailServer::start(&[]).await;
    let server = smtp.landlord(&[]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    assert_eq!(delivered(&operator).await.state(), State::Succeeded);
    assert_eq!(smtp.mails().len(), 1);
    follow(&server, &smtp.mails()[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: make e2e"]
async fn e2e_a_server_that_refuses_for_now_or_hangs_after_the_content_gets_another_link() {
    let smtp = RealMailServer::start(&["DATA=451", "DATA=hang"]).await;
    let server = smtp.landlord(&[]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    assert_eq!(delivered(&operator).await.state(), State::Succeeded);
    let mails = smtp.mails();
    assert_eq!(mails.len(), 3);
    assert_ne!(link_code(&mails[0]), link_code(&mails[1]));
    for dead in &mails[..2] {
        assert_refused(follow(&server, dead).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
    follow(&server, &mails[2]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: make e2e"]
async fn e2e_a_mail_that_is_refused_for_good_can_be_sent_again() {
    let smtp = RealMailServer::start(&["RCPT=550"]).await;
    let server = smtp.landlord(&[]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    let failed = delivered(&operator).await;
    assert_eq!(failed.state(), State::Failed);
    assert!(format!("{failed:?}").contains("MAIL_REFUSED") && smtp.mails().is_empty(), "{failed:?}");
    let again = operator.retry_operation(&failed.name).await.unwrap();
    assert_eq!(operator.wait(&again.name).await.state(), State::Succeeded);
    follow(&server, &smtp.mails()[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: make e2e"]
async fn e2e_a_wrong_password_is_told_and_the_mended_file_is_enough() {
    let smtp = RealMailServer::start(&[]).await;
    std::fs::write(smtp.file("password"), "wrong").unwrap();
    let server = smtp.landlord(&[]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    let failed = delivered(&operator).await;
    assert_eq!(failed.state(), State::Failed);
    let shown = format!("{failed:?}");
    assert!(shown.contains("MAIL_SERVER_UNAVAILABLE") && shown.contains("AUTH") && shown.contains("535"), "{shown}");
    assert!(!shown.contains("wrong") && !shown.contains(SECRET), "{shown}");
    std::fs::write(smtp.file("password"), SECRET).unwrap();
    let again = operator.retry_operation(&failed.name).await.unwrap();
    assert_eq!(operator.wait(&again.name).await.state(), State::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: make e2e"]
async fn e2e_a_server_that_nobody_vouches_for_gets_neither_password_nor_mail() {
    let smtp = RealMailServer::start(&[]).await;
    let other = RealMailServer::start(&[]).await;
    let server = smtp.landlord(&[("mail.smtp.ca_file", other.file("ca.pem").display().to_string())]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    let failed = delivered(&operator).await;
    assert_eq!(failed.state(), State::Failed);
    let shown = format!("{failed:?}");
    assert!(shown.contains("MAIL_SERVER_UNAVAILABLE") && shown.contains("STARTTLS"), "{shown}");
    assert!(smtp.mails().is_empty());
}
