//! Mails as their reader's program shows them.

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
    let text = body(mail);
    let code = text.split(before).nth(1)?;
    Some(code.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect())
}

fn body(mail: &[u8]) -> String {
    let mail = String::from_utf8(mail.to_vec()).unwrap();
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let encoding = head.lines().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    match encoding.unwrap_or("7bit") {
        "7bit" => body.to_owned(),
        "quoted-printable" => String::from_utf8(decode(body, ParseMode::Strict).unwrap()).unwrap(),
        other => panic!("a mail in {other}"),
    }
}

#[test]
fn a_code_that_looks_like_an_escape_is_read_as_it_was_written() {
    let mail =
        "Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhttps://x/activate?code=3D3D=\r\n-a_b\r\n";
    assert_eq!(link_code(mail.as_bytes()).unwrap(), "3D-a_b");
}
