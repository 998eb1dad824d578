//! Pages: sizes, and tokens that only the caller they were made for can use, with the arguments they were made for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::authn::seal::{Purpose, RootKey};
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::page::EXACT_TOTAL;

/// The number of rows to return.
pub fn size(asked: i32) -> Result<i64> {
    match asked {
        0 => Ok(100),
        1.. => Ok(i64::from(asked.min(1000))),
        _ => Err(Error::field("page_size", "must be 0 (which means 100) or more; more than 1000 means 1000")),
    }
}

/// A text that is searched for, or what is allowed.
pub fn search(text: String) -> Result<String> {
    if text.chars().count() > 200 {
        return Err(Error::field("search", "must have at most 200 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::field("search", "must not have control characters"));
    }
    Ok(text)
}

/// The order that `order_by` names, the first one if it is empty; and whether it is the other way round.
pub fn order<T: Copy>(text: &str, all: &[T], field: impl Fn(T) -> &'static str) -> Result<(T, bool)> {
    let (name, descending) = text.strip_suffix(" desc").map_or((text, false), |name| (name, true));
    let found = all.iter().copied().find(|order| field(*order) == name || text.is_empty());
    found.map(|order| (order, descending)).ok_or_else(|| {
        let fields = all.iter().map(|order| field(*order)).collect::<Vec<_>>().join(", ");
        Error::field("order_by", format!("must be one of {fields}, with ` desc` behind it for the reverse"))
    })
}

/// A total as messages have it: exact up to [`EXACT_TOTAL`].
pub fn total(counted: i64) -> i32 {
    i32::try_from(counted.min(EXACT_TOTAL)).unwrap_or(i32::MAX)
}

/// Whether there are more than the total says.
pub fn is_estimate(counted: i64) -> bool {
    counted > EXACT_TOTAL
}

/// That a parent is one tenant, or all of them.
pub fn check_parent(parent: &str) -> Result<()> {
    match parent.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", _] => Ok(()),
        _ => Err(Error::field("parent", "must be `tenants/{tenant}`, or `tenants/-` for all")),
    }
}

/// Seals where the next page begins, for this caller and these arguments.
pub fn seal(root: &RootKey, op: &OpContext, arguments: &str, position: Option<&impl Serialize>) -> Result<String> {
    let Some(position) = position else { return Ok(String::new()) };
    let plain = serde_json::to_vec(position).map_err(|e| Error::internal("page token", e))?;
    Ok(URL_SAFE_NO_PAD.encode(root.seal(Purpose::PageToken, context(op, arguments).as_bytes(), &plain)?))
}

/// Where a page begins; an empty token means at the beginning.
pub fn open<P: DeserializeOwned>(root: &RootKey, op: &OpContext, arguments: &str, token: &str) -> Result<Option<P>> {
    if token.is_empty() {
        return Ok(None);
    }
    let plain = URL_SAFE_NO_PAD.decode(token).ok();
    let plain = plain.and_then(|sealed| root.open(Purpose::PageToken, context(op, arguments).as_bytes(), &sealed));
    let position = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
    position.map(Some).ok_or_else(|| {
        let text = "page_token must be one that this caller got for the same arguments; leave it empty to begin anew";
        Refusal::new(Reason::PageTokenInvalid, text).into()
    })
}

fn context(op: &OpContext, arguments: &str) -> String {
    let call = op.call().map_or("", |c| c.policy.path);
    let caller = op.permit().identity().map(|(home, id)| format!("{home}/{id}"));
    let subject = op.permit().subject().map(|(tenant, user)| format!("{tenant}/{user}"));
    format!("{call}\n{}\n{}\n{arguments}", caller.unwrap_or_default(), subject.unwrap_or_default())
}
