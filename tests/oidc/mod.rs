//! Identity providers: whose tokens count besides our own, for whom, and until when.

mod accounts;
mod entering;
mod forged;
mod issuer;
mod keys;
mod log_in;
mod providers;
mod real;
mod removed;
mod secure;

use jsonwebtoken::Algorithm;
use landlord::proto::v1;

use self::issuer::{AUDIENCE, Issuer, Key};
use crate::support::client::Api;
use crate::support::server::TestServer;

/// Who ben is for the provider.
const BEN: &str = "248289761001";

/// What a provider's record says of `issuer`, with these algorithms.
pub fn record(issuer: &str, algorithms: &[&str]) -> v1::IdentityProvider {
    v1::IdentityProvider {
        issuer: issuer.into(),
        audiences: vec![AUDIENCE.into()],
        algorithms: algorithms.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    }
}

/// A tenant, its administrator anna, its user ben, and a provider that speaks for ben.
struct Stage {
    server: TestServer,
    issuer: Issuer,
    key: Key,
    operator: Api,
    acme: String,
    anna: Api,
    ben: String,
}

/// The name of its provider.
const CORP: &str = "identityProviders/corp";

impl Stage {
    async fn set(options: &[(&'static str, &str)]) -> Self {
        let options: Vec<_> = options.iter().map(|(option, value)| (*option, (*value).to_owned())).collect();
        let server = TestServer::with(&options).await;
        let key = Key::new("first", Algorithm::EdDSA);
        let issuer = Issuer::start(&[&key]).await;
        let (acme, anna) = server.administrator("Acme").await;
        let ben = anna.new_user(&acme, "ben").await.unwrap().name;
        let operator = server.operator().await;
        operator.create_provider("corp", record(&issuer.url, &["EdDSA"])).await.unwrap();
        anna.link(&ben, CORP, BEN).await.unwrap();
        let stage = Self { server, issuer, key, operator, acme, anna, ben };
        stage.forget_epochs().await;
        stage
    }

    /// All tokens that were issued until now count, as if nothing had been locked or set long since.
    async fn forget_epochs(&self) {
        let all = "UPDATE users SET epoch_at = '-infinity'; UPDATE tenants SET epoch_at = '-infinity'";
        self.server.sql().await.batch_execute(all).await.unwrap();
    }

    /// A token for that subject.
    fn token(&self, subject: &str) -> String {
        self.key.sign(&self.issuer.claims(subject))
    }

    /// Whoever sends that token.
    async fn bearer(&self, token: &str) -> Api {
        self.server.anonymous().await.with_token(token)
    }

    /// ben, with a token of the provider.
    async fn ben(&self) -> Api {
        self.bearer(&self.token(BEN)).await
    }
}

#[tokio::test]
async fn a_token_of_a_provider_is_as_good_as_its_users_own() {
    let stage = Stage::set(&[]).await;
    let who = stage.ben().await.who().await.unwrap();
    assert_eq!((who.user.as_str(), who.user_name.as_str(), who.tenant.as_str()), (&*stage.ben, "ben", &*stage.acme));
    assert!(who.privileges.is_empty());
    // What it may do is what ben may do.
    assert_eq!(
        stage.ben().await.new_user(&stage.acme, "carl").await.unwrap_err().code(),
        tonic::Code::PermissionDenied
    );
    stage.anna.give(&stage.anna.role_named(&stage.acme, "Administrator").await, &[&stage.ben]).await.unwrap();
    let carl = stage.ben().await.new_user(&stage.acme, "carl").await.unwrap();
    assert_eq!(stage.issuer.fetches(), 1, "its keys are kept");
    // The trail shows ben, and no session.
    let trail = stage.anna.audit(&stage.acme, &format!("resource = \"{}\"", carl.name)).await.unwrap();
    assert_eq!(trail.len(), 1, "{trail:?}");
    assert_eq!((trail[0].actor_name.as_str(), trail[0].session.as_str()), ("ben", ""));
}

#[tokio::test]
async fn tokens_of_every_algorithm_count_where_the_record_has_it() {
    let stage = Stage::set(&[("identity.refetch_seconds", "1")]).await;
    let rsa = Key::new("rsa", Algorithm::RS256);
    let keys = [
        rsa.clone(),
        rsa.for_algorithm(Algorithm::RS384),
        rsa.for_algorithm(Algorithm::RS512),
        rsa.for_algorithm(Algorithm::PS256),
        rsa.for_algorithm(Algorithm::PS384),
        rsa.for_algorithm(Algorithm::PS512),
        Key::new("small", Algorithm::ES256),
        Key::new("large", Algorithm::ES384),
        stage.key.clone(),
    ];
    stage.issuer.publish(&[&rsa, &keys[6], &keys[7], &stage.key]);
    let names: Vec<_> = keys.iter().map(|key| format!("{:?}", key.algorithm)).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let all = v1::IdentityProvider { name: CORP.into(), ..record("", &names) };
    stage.operator.update_provider(all).await.unwrap();
    for key in &keys {
        let bearer = stage.bearer(&key.sign(&stage.issuer.claims(BEN))).await;
        assert_eq!(bearer.who().await.unwrap().user, stage.ben, "{:?}", key.algorithm);
    }
}
