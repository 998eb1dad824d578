//! An identity provider that does what a test wants, with keys of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// For whom its tokens are.
pub const AUDIENCE: &str = "landlord-api";

/// A key that signs tokens.
#[derive(Clone)]
pub struct Key {
    pub kid: String,
    pub algorithm: Algorithm,
    pub signing: EncodingKey,
}

impl Key {
    pub fn new(kid: &str, algorithm: Algorithm) -> Self {
        let signing = match algorithm {
            Algorithm::EdDSA => {
                EncodingKey::from_ed_der(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::ES256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            _ => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let der = STANDARD.encode(pair.as_der().unwrap().as_ref());
                let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
                EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
            }
        };
        Self { kid: kid.into(), algorithm, signing }
    }

    /// The same key, for another algorithm of its type.
    pub fn for_algorithm(&self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self.clone() }
    }

    /// The public half. Nothing is said of how it is used.
    pub fn public(&self) -> Value {
        let mut key = serde_json::to_value(Jwk::from_encoding_key(&self.signing, self.algorithm).unwrap()).unwrap();
        key["kid"] = json!(self.kid);
        key.as_object_mut().unwrap().remove("alg");
        key
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        self.sign_with(&header, claims)
    }

    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.signing).unwrap()
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> EncodingKey {
    EncodingKey::from_ec_der(EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap().as_ref())
}

/// A token that is put together by hand.
pub fn assembled(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// What is wrong with the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// It answers with that status.
    Status(u16),
    /// It sends elsewhere, where the keys are.
    Redirects,
    /// It never ends its answer.
    Hangs,
    /// It sends what it should, and more blanks than anybody wants.
    Large,
    /// It sends blanks without end.
    Endless,
}

#[derive(Default)]
struct Script {
    keys: Vec<Value>,
    trouble: Trouble,
    /// What the discovery document says in the place of the truth.
    discovery: Option<Value>,
    fetches: usize,
}

/// The provider, as long as it is there.
pub struct Issuer {
    /// `iss` of its tokens, and where it is.
    pub url: String,
    script: Arc<Mutex<Script>>,
    served: JoinHandle<()>,
}

impl Issuer {
    /// One with these keys.
    pub async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new().fallback(answer).with_state((url.clone(), script.clone()));
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = Self { url, script, served };
        issuer.publish(keys);
        issuer
    }

    /// From now on its keys are these.
    pub fn publish(&self, keys: &[&Key]) {
        self.script.lock().unwrap().keys = keys.iter().map(|key| key.public()).collect();
    }

    pub fn publish_raw(&self, keys: Vec<Value>) {
        self.script.lock().unwrap().keys = keys;
    }

    /// From now on that is wrong with it.
    pub fn suffer(&self, trouble: Trouble) {
        self.script.lock().unwrap().trouble = trouble;
    }

    /// From now on its discovery document says that.
    pub fn claim(&self, discovery: Value) {
        self.script.lock().unwrap().discovery = Some(discovery);
    }

    /// How often its keys were asked for.
    pub fn fetches(&self) -> usize {
        self.script.lock().unwrap().fetches
    }

    /// What its tokens say of that subject, for some minutes.
    pub fn claims(&self, subject: &str) -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({ "iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now - 2, "exp": now + 300 })
    }

    /// The same with some of it changed; null takes it away.
    pub fn claims_with(&self, subject: &str, changes: Value) -> Value {
        let mut claims = self.claims(subject);
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.served.abort();
    }
}

async fn answer(State((url, script)): State<(String, Arc<Mutex<Script>>)>, request: Request) -> Response {
    let (keys, trouble, discovery) = {
        let mut script = script.lock().unwrap();
        script.fetches += usize::from(request.uri().path() == "/keys");
        (script.keys.clone(), script.trouble, script.discovery.clone())
    };
    let document = match request.uri().path() {
        "/keys" | "/elsewhere" => json!({ "keys": keys }),
        "/.well-known/openid-configuration" => {
            discovery.unwrap_or_else(|| json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }))
        }
        _ => return Response::builder().status(404).body(Body::empty()).unwrap(),
    };
    let answer = Response::builder();
    match trouble {
        // What is wrong is wrong with its keys.
        _ if request.uri().path() != "/keys" => answer.body(Body::from(document.to_string())).unwrap(),
        Trouble::None => answer.body(Body::from(document.to_string())).unwrap(),
        Trouble::Redirects => {
            answer.status(302).header("location", format!("{url}/elsewhere")).body(Body::empty()).unwrap()
        }
        Trouble::Status(status) => answer.status(status).body(Body::from(document.to_string())).unwrap(),
        Trouble::Hangs => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            answer.body(Body::empty()).unwrap()
        }
        Trouble::Large => {
            let blanks = " ".repeat(256 * 1024);
            answer.body(Body::from(format!("{document}{blanks}"))).unwrap()
        }
        Trouble::Endless => {
            let blanks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 16 * 1024]));
            answer.body(Body::from_stream(blanks)).unwrap()
        }
    }
}
