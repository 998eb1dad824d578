//! How a tenant looks to people before they log in.

use serde::{Deserialize, Serialize};
use url::Url;

use super::name::{Color, LogoUrl, ProductName};

/// What of the looks is the tenant's own. What is empty is as the platform has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    /// Name of the product.
    pub product_name: ProductName,
    /// Where the logo is.
    pub logo_url: LogoUrl,
    /// The first colour.
    pub primary_color: Color,
    /// The colour of what is to stand out.
    pub accent_color: Color,
}

impl Default for Branding {
    fn default() -> Self {
        let (logo_url, none) = (LogoUrl::stored(String::new()), Color::stored(String::new()));
        let product_name = ProductName::stored(String::new());
        Self { product_name, logo_url, primary_color: none.clone(), accent_color: none }
    }
}

impl Branding {
    /// What there is of it, for people.
    pub fn told(&self) -> String {
        let Self { product_name, logo_url, primary_color, accent_color } = self;
        let parts = [product_name.as_str(), logo_url.as_str(), primary_color.as_str(), accent_color.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// An address that begins with `https://`, in its usual form; also none.
pub(super) fn logo_url(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let parsed = Url::parse(text).ok().filter(|url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    // It is pure ASCII by now.
    let url = parsed.map(String::from).filter(|url| url.len() <= 2000);
    url.ok_or_else(|| "must be an address such as https://acme.example/logo.svg, of at most 2000 characters".to_owned())
}

/// `#rrggbb` in lower case; also none.
pub(super) fn color(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let fits = text.is_empty() || digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if fits { Ok(text.to_ascii_lowercase()) } else { Err("must be a colour such as #0a7cff".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logos_come_from_https_alone() {
        for good in ["", "https://acme.example/logo.svg", "https://acme.example:8443/a?b=c#d"] {
            assert_eq!(LogoUrl::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(
            LogoUrl::parse("https://MÜNCHEN.example/ö").unwrap().as_str(),
            "https://xn--mnchen-3ya.example/%C3%B6"
        );
        let long = format!("https://acme.example/{}", "x".repeat(2000));
        for wrong in [
            "http://acme.example/logo.svg",
            "javascript:alert(1)",
            "data:image/png;base64,AA==",
            "//acme.example/logo.svg",
            "https://",
            "https://user@acme.example/",
            "https://:pw@acme.example/",
            "logo.svg",
            &long,
        ] {
            assert!(LogoUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(Color::parse("#0A7cff").unwrap().as_str(), "#0a7cff");
        assert!(Color::parse("").is_ok());
        for wrong in ["0a7cff", "#0a7cf", "#0a7cff0", "#0a7cfg", "red", "#éééé", "# a7cff"] {
            assert!(Color::parse(wrong).is_err(), "{wrong}");
        }
    }
}
