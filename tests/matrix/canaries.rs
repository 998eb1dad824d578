//! Words that stand in one tenant, looked for in all that others get.

use super::collector::Collector;
use super::requests::Row;
use super::world::{Caller, INFRASTRUCTURE, Words, World};
use crate::support::mail::read;
use crate::support::raw::Answer;

/// The words of each tenant, in the order of the places.
pub struct Canaries(Vec<Words>);

/// Which of a tenant's words somebody may see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sees {
    Nothing,
    Outside,
    Names,
    All,
}

impl Canaries {
    /// Those of the world.
    pub fn of(world: &World) -> Self {
        Self(world.places.iter().map(|place| place.words).collect())
    }

    /// Wants nothing in an answer that its caller may not see and has not said.
    pub fn search_answer(&self, row: &Row, caller: &Caller, column: usize, answer: &Answer) {
        let logs_in = row.logs_in(caller.own, column);
        // Operators see who did what with what, by name.
        let of_deeds = row.name.starts_with("EventService") || row.name.starts_with("OperationService");
        let what = format!("{} by {}", row.name, caller.name);
        self.search(&what, &answer.text, &answer.asked, |index| {
            let told_to_all = row.is_for_everybody() && index == column;
            if caller.insider.contains(&index) || logs_in == Some(index) {
                Sees::All
            } else if !caller.outsider.contains(&index) && !told_to_all {
                Sees::Nothing
            } else if caller.own == INFRASTRUCTURE && of_deeds {
                Sees::Names
            } else {
                Sees::Outside
            }
        });
    }

    /// Wants nothing in mails, logs and spans, and in events and audit records, that those who read them may not see. The
    /// replica ends with it.
    pub async fn search_what_was_kept(&self, world: World, collector: Collector) {
        let World { replica, database, places, .. } = world;
        let sql = database.connect("postgres").await;
        for table in ["events", "audit_records"] {
            let rows = sql.query(&format!("SELECT tenant_id::text, t::text FROM {table} t"), &[]).await.unwrap();
            assert!(rows.len() > places.len(), "there is something to be searched");
            for (tenant, text) in rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, String>(1))) {
                let place = places.iter().position(|place| place.uid == tenant).unwrap();
                let others = if place == INFRASTRUCTURE { Sees::Names } else { Sees::Nothing };
                self.search(table, &text, "", |index| if index == place { Sees::All } else { others });
            }
        }
        let mails: Vec<_> = std::fs::read_dir(replica.mail_folder()).unwrap().flatten().collect();
        assert!(mails.len() > places.len());
        for mail in mails {
            let mail = read(&std::fs::read(mail.path()).unwrap());
            let text = format!("{}{}{}", mail.head, mail.text, mail.html.unwrap_or_default());
            let place = self.0.iter().position(|words| mail.head.contains(words.inner)).unwrap();
            self.search("a mail", &text, "", |index| if index == place { Sees::All } else { Sees::Nothing });
        }
        let lines = replica.log().await;
        assert!(lines.len() > 1000, "there is a log: {}", lines.len());
        let spans = collector.received();
        assert!(spans.iter().any(|batch| batch.contains("landlord.v1.UserService")), "there are spans");
        for (what, texts) in [("a log line", lines), ("a span", spans)] {
            for text in texts {
                self.search(what, &text, "", |_| Sees::Nothing);
            }
        }
    }

    fn search(&self, what: &str, text: &str, asked: &str, sees: impl Fn(usize) -> Sees) {
        for (index, words) in self.0.iter().enumerate() {
            for (word, who) in [(words.inner, Sees::All), (words.named, Sees::Names), (words.outer, Sees::Outside)] {
                let told = text.contains(word) && !asked.contains(word);
                assert!(!told || sees(index) >= who, "{what} has {word}: {text}");
            }
        }
    }
}
