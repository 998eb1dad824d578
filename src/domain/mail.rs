//! What stands in mails: texts with placeholders, in several languages. Each language is a folder of `mail/` with two files
//! for each kind of mail; operators can put their own texts in the place of these, and for a tenant still others.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::name::{Locale, TimeZone};
use super::operation::Mail;

/// The language that every mail is there in.
const LAST_RESORT: &str = "en";

/// The texts that come with Landlord, plain and as HTML. The first line of a plain one is the subject.
const BUILT_IN: &[(&str, Mail, &str, &str)] = &[
    ("en", Mail::Activation, include_str!("mail/en/activation.txt"), include_str!("mail/en/activation.html")),
    ("de", Mail::Activation, include_str!("mail/de/activation.txt"), include_str!("mail/de/activation.html")),
    ("en", Mail::Reset, include_str!("mail/en/reset.txt"), include_str!("mail/en/reset.html")),
    ("de", Mail::Reset, include_str!("mail/de/reset.txt"), include_str!("mail/de/reset.html")),
];

/// A mail with placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailText {
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML; none: the mail is plain text alone.
    pub html: Option<String>,
}

/// The text for one kind of mail in one language that somebody wrote in the place of Landlord's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnMailText {
    /// For which mail.
    pub mail: Mail,
    /// In which language.
    pub language: Locale,
    /// The text.
    pub text: MailText,
}

/// What placeholders stand for.
#[derive(Clone, PartialEq, Eq)]
pub struct MailFacts {
    /// What the user logs in with.
    pub user_name: String,
    /// What people call the user.
    pub display_name: String,
    /// The tenant's display name.
    pub tenant: String,
    /// The tenant's code.
    pub tenant_code: String,
    /// Where the mail leads.
    pub link: String,
    /// Where the user logs in.
    pub log_in_address: String,
    /// Until when the link works, for people.
    pub expires: String,
}

/// The placeholder without which a mail is of no use.
const LINK: &str = "link";

/// All placeholders.
const PLACEHOLDERS: [&str; 7] =
    ["user_name", "display_name", "tenant", "tenant_code", LINK, "log_in_address", "expires"];

impl MailFacts {
    /// A time as it stands in mails: by the clocks of a tenant, in figures, so that it is the same in every language.
    pub fn moment(at: DateTime<Utc>, zone: &TimeZone) -> String {
        let clocks = zone.clocks();
        format!("{} ({})", at.with_timezone(&clocks).format("%Y-%m-%d %H:%M"), clocks.name())
    }

    fn of(&self, placeholder: &str) -> Option<&str> {
        Some(match placeholder {
            "user_name" => &self.user_name,
            "display_name" => &self.display_name,
            "tenant" => &self.tenant,
            "tenant_code" => &self.tenant_code,
            LINK => &self.link,
            "log_in_address" => &self.log_in_address,
            "expires" => &self.expires,
            _ => return None,
        })
    }
}

/// The version of a set of texts: what they say, in short.
pub fn etag(texts: &[OwnMailText]) -> String {
    let mut digest = digest::Context::new(&digest::SHA256);
    for OwnMailText { mail, language, text } in texts {
        for part in
            [mail.name(), language.as_str(), &text.subject, &text.text, text.html.as_deref().unwrap_or_default()]
        {
            digest.update(&part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
    }
    let digest: String = digest.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digest}\"")
}

impl MailText {
    /// The text that comes with Landlord, if it has that language.
    pub fn built_in(mail: Mail, language: &str) -> Option<Self> {
        let (_, _, text, html) =
            BUILT_IN.iter().find(|(there, kind, ..)| there.eq_ignore_ascii_case(language) && *kind == mail)?;
        let (subject, text) = text.split_once("\n\n")?;
        let subject = subject.trim_start_matches("Subject: ").to_owned();
        Some(Self { subject, text: text.to_owned(), html: Some((*html).to_owned()) })
    }

    /// The text for a reader of these languages, the most wanted first: of each the first of `own`, else the one that comes
    /// with Landlord. `de-CH` is content with `de`, and everybody with English.
    pub fn choose(mail: Mail, languages: &[&str], own: &[OwnMailText]) -> Option<Self> {
        let wanted = languages.iter().flat_map(|tag| [*tag, tag.split('-').next().unwrap_or_default()]);
        wanted.chain([LAST_RESORT]).find_map(|language| {
            let own = own.iter().find(|own| own.mail == mail && own.language.as_str().eq_ignore_ascii_case(language));
            own.map(|own| own.text.clone()).or_else(|| Self::built_in(mail, language))
        })
    }

    /// The mail with the facts in their places.
    #[must_use]
    pub fn filled(&self, facts: &MailFacts) -> Self {
        Self {
            subject: fill(&self.subject, facts, str::to_owned),
            text: fill(&self.text, facts, str::to_owned),
            html: self.html.as_ref().map(|html| fill(html, facts, escaped)),
        }
    }

    /// What is wrong with the text: the field, and what is allowed there.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut check = |field, text: &str, most: usize, link: bool| {
            if let Err(allowed) = check(text, most, link) {
                faults.push((field, allowed));
            }
        };
        check("subject", &self.subject, 200, false);
        check("text", &self.text, 20_000, true);
        if let Some(html) = &self.html {
            check("html", html, 100_000, true);
        }
        if self.subject.chars().any(char::is_control) {
            faults.push(("subject", "must be one line".to_owned()));
        }
        faults
    }
}

fn check(text: &str, most: usize, link: bool) -> Result<(), String> {
    let count = text.chars().count();
    if count == 0 || count > most {
        return Err(format!("must have 1 to {most} characters"));
    }
    let named: Vec<_> = pieces(text).filter_map(|(_, placeholder)| placeholder).collect();
    if let Some(unknown) = named.iter().find(|name| !PLACEHOLDERS.contains(name)) {
        let known = PLACEHOLDERS.map(|name| format!("{{{{{name}}}}}")).join(", ");
        return Err(format!("may have the placeholders {known}, not {{{{{unknown:.40}}}}}"));
    }
    match (link, named.contains(&LINK)) {
        (true, false) => Err("must have the placeholder {{link}}".to_owned()),
        // Subjects are shown and logged where nobody expects a secret.
        (false, true) => Err("must not have the placeholder {{link}}".to_owned()),
        _ => Ok(()),
    }
}

/// The text before each placeholder, with its name; at last what is left, without one.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((before, after)) = text.split_once("{{") else { return Some((text, None)) };
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        rest = Some(after);
        Some((before, Some(name)))
    })
}

/// In one pass, so that a value that looks like a placeholder is none.
fn fill(text: &str, facts: &MailFacts, write: impl Fn(&str) -> String) -> String {
    let value = |name| write(facts.of(name).unwrap_or_default());
    pieces(text)
        .map(|(before, placeholder)| format!("{before}{}", placeholder.map(value).unwrap_or_default()))
        .collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> MailFacts {
        MailFacts {
            user_name: "anna".into(),
            display_name: "<b>Anna</b> & 'Co' {{link}}".into(),
            tenant: "Acme".into(),
            tenant_code: "acme".into(),
            link: "https://x/activate?code=c".into(),
            log_in_address: "https://x".into(),
            expires: "tomorrow".into(),
        }
    }

    fn text(subject: &str, text: &str, html: Option<&str>) -> MailText {
        MailText { subject: subject.into(), text: text.into(), html: html.map(str::to_owned) }
    }

    #[test]
    fn every_built_in_text_is_as_operators_texts_must_be() {
        let languages: std::collections::BTreeSet<_> = BUILT_IN.iter().map(|(language, ..)| *language).collect();
        assert!(languages.contains(LAST_RESORT));
        for (language, mail) in languages.iter().flat_map(|l| Mail::ALL.iter().map(move |m| (l, *m))) {
            let text = MailText::built_in(mail, language).expect("every language has every mail");
            assert_eq!(text.faults(), [], "{language} {}", mail.name());
            assert!(text.html.is_some() && !text.subject.starts_with("Subject"), "{text:?}");
        }
    }

    #[test]
    fn values_are_escaped_in_html_alone_and_are_no_placeholders() {
        let filled =
            text("{{tenant}}", "{{display_name}}: {{link}}", Some("{{display_name}}{{link}}")).filled(&facts());
        assert_eq!(filled.subject, "Acme");
        assert_eq!(filled.text, "<b>Anna</b> & 'Co' {{link}}: https://x/activate?code=c");
        let html = "&lt;b&gt;Anna&lt;/b&gt; &amp; &#39;Co&#39; {{link}}https://x/activate?code=c";
        assert_eq!(filled.html.as_deref(), Some(html));
    }

    #[test]
    fn a_text_without_a_link_or_with_what_is_not_known_is_refused() {
        let faults = |subject: &str, body: &str, html| {
            text(subject, body, html).faults().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert!(faults("a", "{{link}}", None).is_empty());
        assert_eq!(faults("", "", Some("")), ["subject", "text", "html"]);
        assert_eq!(faults("a", "no link", Some("{{ link }}")), ["text", "html"]);
        assert_eq!(faults("{{link}}", "{{link}} {{password}}", Some("{{link}} {{")), ["subject", "text", "html"]);
        assert_eq!(faults("a\r\nBcc: eve@example.com", "{{link}}", None), ["subject"]);
        assert_eq!(faults(&"a".repeat(201), &format!("{{{{link}}}}{}", "a".repeat(20_000)), None), ["subject", "text"]);
        let unknown = text("{{password}}", "{{link}}", None).faults();
        assert!(unknown[0].1.contains("{{tenant_code}}") && unknown[0].1.contains("not {{password}}"), "{unknown:?}");
    }

    #[test]
    fn the_readers_language_comes_first_then_the_next_then_english() {
        let own = |language: &str| OwnMailText {
            mail: Mail::Activation,
            language: Locale::parse(language).expect("a language"),
            text: text(language, "{{link}}", None),
        };
        let subject = |languages: &[&str], own: &[OwnMailText]| {
            MailText::choose(Mail::Activation, languages, own).expect("a text").subject
        };
        let (english, german) = ("Your account at {{tenant}}", "Ihr Konto bei {{tenant}}");
        assert_eq!(subject(&["de", "en"], &[]), german);
        assert_eq!(subject(&["", "de-CH"], &[]), german);
        assert_eq!(subject(&["fr", ""], &[]), english);
        assert_eq!(subject(&["fr-CA", "de"], &[own("fr")]), "fr");
        assert_eq!(subject(&["de-CH"], &[own("de-CH"), own("de")]), "de-CH");
        assert_eq!(subject(&["fr"], &[own("en")]), "en");
    }
}
