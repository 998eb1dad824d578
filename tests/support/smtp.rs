//! A mail server that answers as a test has planned it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How one conversation departs from going well: the answer to one line. The lines are `connect`, the commands, and `.`
/// for the end of the content.
#[derive(Clone, Copy)]
pub struct Twist(pub &'static str, pub Answer);

/// What a server may do instead of going on.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Say this.
    Line(&'static str),
    /// Say what it always says, after a while.
    Late(Duration),
    /// Say nothing, and keep the line open.
    Silence,
    /// Hang up.
    End,
}

/// It runs as long as the test.
pub struct ScriptedMailServer {
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    /// The commands of each conversation.
    conversations: Vec<Vec<String>>,
    /// What came after DATA, whatever was answered.
    mails: Vec<Vec<u8>>,
}

impl ScriptedMailServer {
    /// One whose first conversations take these twists, one each; all later ones go well.
    pub async fn start(twists: &[Twist]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Heard>>::default());
        let (twists, shared) = (twists.to_vec(), heard.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().conversations.push(Vec::new());
                tokio::spawn(converse(stream, number, twists.get(number).copied(), shared.clone()));
            }
        });
        Self { port, heard }
    }

    /// What a Landlord needs to send through it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("mail.folder", String::new()),
            ("mail.from", "Landlord <landlord@example.org>".into()),
            ("mail.smtp.host", "127.0.0.1".into()),
            ("mail.smtp.port", self.port.to_string()),
            ("mail.smtp.tls", "none".into()),
        ]
    }

    /// The commands of each conversation so far.
    pub fn conversations(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().conversations.clone()
    }

    /// The mails whose content came, in order.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().mails.clone()
    }
}

async fn converse(stream: TcpStream, number: usize, twist: Option<Twist>, heard: Arc<Mutex<Heard>>) {
    let mut stream = BufReader::new(stream);
    let mut line = "connect".to_owned();
    let mut content: Option<Vec<u8>> = None;
    loop {
        let usual = match line.as_str() {
            "connect" => "220 ready",
            "EHLO" => "250-here\r\n250 8BITMIME",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        let answer = match twist {
            Some(Twist(at, Answer::Line(text))) if at == line => text,
            Some(Twist(at, Answer::Late(time))) if at == line => {
                tokio::time::sleep(time).await;
                usual
            }
            // Until the other side hangs up.
            Some(Twist(at, Answer::Silence)) if at == line => {
                let _end = stream.read_line(&mut String::new()).await;
                return;
            }
            Some(Twist(at, Answer::End)) if at == line => return,
            _ => usual,
        };
        if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        if line == "DATA" && answer.starts_with("354") {
            content = Some(Vec::new());
        }
        line = loop {
            let mut raw = String::new();
            if !matches!(stream.read_line(&mut raw).await, Ok(1..)) {
                return;
            }
            match content.as_mut() {
                None => {
                    let mut heard = heard.lock().unwrap();
                    heard.conversations[number].push(raw.trim_end().to_owned());
                    break raw.split([' ', '\r']).next().unwrap_or_default().to_owned();
                }
                Some(_) if raw == ".\r\n" => {
                    heard.lock().unwrap().mails.push(content.take().unwrap_or_default());
                    break ".".to_owned();
                }
                Some(content) => content.extend(raw.strip_prefix('.').unwrap_or(&raw).as_bytes()),
            }
        };
    }
}
