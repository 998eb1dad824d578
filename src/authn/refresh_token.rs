//! Refresh tokens (opaque, days).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::seal::{Purpose, RootKey, random};
use crate::domain::error::Result;
use crate::domain::id::{SessionId, TenantUid};

/// A refresh token: session, generation and a random part, with a tag that only we can make. Only a hash of it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// Home of the user.
    pub home: TenantUid,
    /// The session.
    pub session: SessionId,
    /// Which of the session's tokens, from 1.
    pub generation: i32,
    nonce: [u8; 16],
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken").field("session", &self.session).finish_non_exhaustive()
    }
}

const BODY: usize = 16 + 16 + 4 + 16;

impl RefreshToken {
    /// The token of the given generation.
    pub fn new(home: TenantUid, session: SessionId, generation: i32) -> Result<Self> {
        Ok(Self { home, session, generation, nonce: random()? })
    }

    fn body(&self) -> Vec<u8> {
        let mut body = self.home.0.as_bytes().to_vec();
        body.extend_from_slice(self.session.0.as_bytes());
        body.extend_from_slice(&self.generation.to_be_bytes());
        body.extend_from_slice(&self.nonce);
        body
    }

    /// The token as the caller gets it.
    pub fn encode(&self, root: &RootKey) -> Result<String> {
        let mut bytes = self.body();
        let tag = root.mac(Purpose::RefreshToken, &bytes)?;
        bytes.extend_from_slice(&tag);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The token that a caller sent, if we have made it.
    pub fn decode(text: &str, root: &RootKey) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY)?;
        let expected = root.mac(Purpose::RefreshToken, body).ok()?;
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected, tag).ok()?;
        Some(Self {
            home: TenantUid(Uuid::from_slice(&body[..16]).ok()?),
            session: SessionId(Uuid::from_slice(&body[16..32]).ok()?),
            generation: i32::from_be_bytes(body[32..36].try_into().ok()?),
            nonce: body[36..].try_into().ok()?,
        })
    }

    /// The hash to store.
    pub fn hash(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.body()).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_tokens_come_back_only_as_they_were_made() {
        let root = RootKey::new(&[1; 32]);
        let token = RefreshToken::new(TenantUid::new(), SessionId::new(), 7).expect("token");
        let text = token.encode(&root).expect("text");
        assert_eq!(RefreshToken::decode(&text, &root), Some(token));
        assert_eq!(RefreshToken::decode(&text, &RootKey::new(&[2; 32])), None);
        assert_eq!(RefreshToken::decode(&text[..text.len() - 1], &root), None);
        assert_eq!(RefreshToken::decode("", &root), None);
    }
}
