//! Mails as their reader's program shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quoted_printable::{ParseMode, decode};

/// The code of the activation link in a mail, if there is one.
pub fn link_code(mail: &[u8]) -> Option<String> {
    code(mail, "/activate?code=")
}

/// The codes of the links for new passwords in the mails of a folder.
pub fn reset_codes(folder: &std::path::Path) -> Vec<String> {
    let mails = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mails = mails.filter(|file| file.path().extension().is_some_and(|e| e == "eml"));
    mails.filter_map(|file| code(&std::fs::read(file.path()).ok()?, "/reset?code=")).collect()
}

fn code(mail: &[u8], before: &str) -> Option<String> {
    let text = read(mail).text;
    let code = text.split(before).nth(1)?;
    Some(code.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect())
}

/// What a reader sees of a mail, and its head as it came.
pub struct Mail {
    pub head: String,
    pub text: String,
    pub html: Option<String>,
}

/// Reads a mail of one part, or of two that say the same.
pub fn read(mail: &[u8]) -> Mail {
    let (head, body) = split(std::str::from_utf8(mail).unwrap());
    let Some(boundary) = head.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()) else {
        return Mail { text: decoded(head, body), html: None, head: head.to_owned() };
    };
    let line = format!("--{boundary}");
    let mut parts = body.split(&line).skip(1).map(|part| split(part.trim_start()));
    let mut part = |kind: &str| {
        let (head, body) = parts.next().unwrap();
        assert!(head.contains(kind), "{kind} in {head}");
        decoded(head, body.strip_suffix("\r\n").unwrap_or(body))
    };
    Mail { text: part("text/plain"), html: Some(part("text/html")), head: head.to_owned() }
}

fn split(part: &str) -> (&str, &str) {
    part.split_once("\r\n\r\n").unwrap()
}

fn decoded(head: &str, body: &str) -> String {
    let encoding = head.lines().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    let bytes = match encoding.unwrap_or("7bit") {
        "7bit" | "binary" => body.as_bytes().to_vec(),
        "quoted-printable" => decode(body, ParseMode::Strict).unwrap(),
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        other => panic!("a mail in {other}"),
    };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_code_that_looks_like_an_escape_is_read_as_it_was_written() {
    let mail =
        "Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhttps://x/activate?code=3D3D=\r\n-a_b\r\n";
    assert_eq!(link_code(mail.as_bytes()).unwrap(), "3D-a_b");
}
