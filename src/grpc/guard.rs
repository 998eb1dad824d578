//! Lets a call through to its handler only as its method's policy allows. The generated wrappers call nothing else.
//!
//! In this order: the layers have found the method, the metadata and the credential right, and the codec the message; now
//! the tenant is found, then impersonation, then the decision. Request ids, state and etags come with the transaction.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use prost::Message;
use tonic::codegen::BoxStream as Reply;
use tonic::{Code, Request, Response, Status, Streaming};
use uuid::Uuid;

use super::call::{CorrelationId, ImpersonationContext, TenantContext, TenantHint};
use super::client_address::client_address;
use super::status::status;
use crate::app::App;
use crate::authn::ActsFor;
use crate::authn::seal::Purpose;
use crate::authz::decision::{self, Facts, Target};
use crate::authz::impersonation::Wish;
use crate::authz::permit::Permit;
use crate::authz::policy::Policy;
use crate::authz::services::Service;
use crate::context::{Call, OpContext, RequestKey};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::impersonation::not_permitted;
use crate::domain::networks::Networks;

/// How long the first message of an upload may take; for the others, who takes them in waits.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);

/// The answers of a streaming method.
pub type Answers<T> = BoxStream<'static, Result<T>>;

/// The messages of a stream that follow the first one.
pub type Messages<T> = BoxStream<'static, Result<T>>;

/// What the guard reads of a request; generated for each.
pub trait GuardedRequest: Message + Clone + Default {
    /// The field that names the tenant or a resource in it; empty where there is none.
    fn tenant_field(&self) -> &str;
    /// Takes the request id out, so that what is left is what was asked for.
    fn request_id(&mut self) -> String;
    /// Whether nothing may change.
    fn validate_only(&self) -> bool;
}

/// The caller, as the authentication layer found it.
#[derive(Clone, Debug)]
pub enum Authenticated {
    /// A user.
    User {
        /// Who.
        facts: Arc<Facts>,
        /// For whom the caller's token was exchanged.
        acts_for: Option<ActsFor>,
    },
    /// Another service.
    Service(Arc<Service>),
}

/// The guard of all services.
#[derive(Clone)]
pub struct Guard {
    pub(super) app: App,
    /// Whose word counts for where a call comes from.
    proxies: Arc<Networks>,
}

impl Guard {
    /// One that asks `app`, and believes these proxies.
    pub fn new(app: App, proxies: Networks) -> Self {
        Self { app, proxies: Arc::new(proxies) }
    }

    pub(super) async fn unary<Q, R, F>(
        &self,
        policy: &'static Policy,
        request: Request<Q>,
        run: impl FnOnce(OpContext, Q) -> F,
    ) -> Result<Response<R>, Status>
    where
        Q: GuardedRequest,
        F: Future<Output = Result<R>>,
    {
        let correlation = CorrelationId::of(request.extensions());
        let answer = async {
            let (op, message) = self.admit(policy, request, &correlation).await?;
            let asked = op.clone();
            match run(op, message).await {
                // Fields are looked at before there is a transaction, but a request id that is taken comes first.
                Err(error) if error.reason() == Some(Reason::FieldsInvalid) => {
                    self.app.check_request_id(asked).await?;
                    Err(error)
                }
                answer => answer,
            }
        };
        answer.await.map(Response::new).map_err(|error| status(error, correlation.as_str()))
    }

    pub(super) async fn stream<Q, R, F>(
        &self,
        policy: &'static Policy,
        request: Request<Q>,
        run: impl FnOnce(OpContext, Q) -> F,
    ) -> Result<Response<Reply<R>>, Status>
    where
        Q: GuardedRequest,
        R: Send + 'static,
        F: Future<Output = Result<Answers<R>>>,
    {
        let correlation = CorrelationId::of(request.extensions());
        let answers = async {
            let (op, message) = self.admit(policy, request, &correlation).await?;
            run(op, message).await
        };
        let answers = answers.await.map_err(|error| status(error, correlation.as_str()))?;
        let replies = answers.map(move |answer| answer.map_err(|error| status(error, correlation.as_str())));
        Ok(Response::new(Box::pin(replies)))
    }

    /// The same for a stream of requests, which its first message lets through.
    pub(super) async fn upload<Q, R, F>(
        &self,
        policy: &'static Policy,
        request: Request<Streaming<Q>>,
        run: impl FnOnce(OpContext, Q, Messages<Q>) -> F,
    ) -> Result<Response<R>, Status>
    where
        Q: GuardedRequest + 'static,
        F: Future<Output = Result<R>>,
    {
        let correlation = CorrelationId::of(request.extensions());
        let (metadata, extensions, mut messages) = request.into_parts();
        let first = tokio::time::timeout(FIRST_MESSAGE, messages.message()).await.map_err(|_| {
            let refusal = Refusal::new(Reason::DeadlineExceeded, "no first message came in time; nothing was changed");
            status(refusal.into(), correlation.as_str())
        })?;
        let first = first?.unwrap_or_default();
        let request = Request::from_parts(metadata, extensions, first);
        let answer = async {
            let (op, first) = self.admit(policy, request, &correlation).await?;
            run(op, first, messages.map(|message| message.map_err(|status| unreadable(&status))).boxed()).await
        };
        answer.await.map(Response::new).map_err(|error| status(error, correlation.as_str()))
    }

    async fn admit<Q: GuardedRequest>(
        &self,
        policy: &'static Policy,
        request: Request<Q>,
        correlation: &CorrelationId,
    ) -> Result<(OpContext, Q)> {
        let peer = request.remote_addr().map(|address| address.ip());
        let client = client_address(peer, request.metadata(), &self.proxies);
        let (_, extensions, mut message) = request.into_parts();
        let authenticated = extensions.get::<Authenticated>().cloned();
        let (facts, acts_for, service) = match authenticated {
            Some(Authenticated::User { facts, acts_for }) => (Some(facts), acts_for, None),
            Some(Authenticated::Service(service)) => (None, None, Some(service)),
            None => (None, None, None),
        };
        let hint = extensions.get::<TenantContext>().and_then(|context| context.0.clone());
        let asked = extensions.get::<ImpersonationContext>().and_then(|context| context.0.clone());
        let request_id = message.request_id();
        let named = message.tenant_field();
        let wish = Wish::of(asked, acts_for)?;
        let (permit, target) = match (&facts, &service, wish) {
            (None, Some(service), wish) => {
                let (permit, tenant) = self.service(policy, service, wish.as_ref(), named, hint.as_ref()).await?;
                (permit, Some(tenant))
            }
            (None, None, wish) => (nobody(policy, wish.as_ref())?, None),
            (Some(facts), _, Some(wish)) => self.acting(policy, facts, wish, named, hint.as_ref()).await?,
            (Some(facts), _, None) => {
                let target = self.target(policy, facts, named, hint.as_ref()).await?;
                let permit = decision::decide(policy, facts, target.as_target(), named)?;
                (permit, target.found(named)?)
            }
        };
        let call = Call {
            policy,
            facts,
            request: self.request_key(policy, &permit, &request_id, &message)?,
            validate_only: message.validate_only(),
            named: message.tenant_field().to_owned(),
            client,
        };
        Ok((OpContext::of_call(permit, target, correlation.to_string(), call), message))
    }

    /// The tenant that the request names. A header narrows: it must name the same, or the caller's active tenant. Of
    /// tenants that the caller has nothing to do with, the comparison must not tell whether they are there.
    async fn target(&self, policy: &Policy, facts: &Facts, named: &str, hint: Option<&TenantHint>) -> Result<Named> {
        let target = self.named(policy, named).await?;
        let Some(hint) = hint else { return Ok(target) };
        let hinted = self.hinted(hint).await?;
        let expected = match &target {
            Named::One(uid) => Some(*uid),
            Named::Nothing | Named::Everything | Named::Whichever => Some(facts.caller.active),
            Named::Unknown => None,
        };
        let known = |uid: &TenantUid| decision::is_operator(facts) || *uid == facts.caller.active;
        if hinted.filter(known) == expected.filter(known) {
            return Ok(target);
        }
        Err(mismatch())
    }

    /// The tenant that the metadata selects.
    pub(super) async fn hinted(&self, hint: &TenantHint) -> Result<Option<TenantUid>> {
        Ok(match hint {
            TenantHint::Uid(uid) => Some(*uid),
            TenantHint::Code(code) => self.app.resolve_tenant(code.as_str()).await?.map(|(uid, _)| uid),
        })
    }

    /// The tenant that the request names, where the policy says that it names one.
    pub(super) async fn named(&self, policy: &Policy, resource: &str) -> Result<Named> {
        if !policy.names_tenant() {
            return Ok(Named::Nothing);
        }
        let mut parts = resource.split('/');
        let name = match (parts.next(), parts.next()) {
            (Some("tenants"), Some(name)) if !name.is_empty() && name.len() <= 64 => name,
            _ => return Err(Error::field(policy.tenant_field, "must begin with `tenants/{tenant}`, a code or a uid")),
        };
        if name == "-" {
            return Ok(if policy.finds_tenant { Named::Whichever } else { Named::Everything });
        }
        Ok(match self.app.resolve_tenant(name).await? {
            Some((uid, _)) => Named::One(uid),
            None => Named::Unknown,
        })
    }

    fn request_key(
        &self,
        policy: &Policy,
        permit: &Permit,
        id: &str,
        message: &impl Message,
    ) -> Result<Option<RequestKey>> {
        if id.is_empty() {
            return Ok(None);
        }
        let id = Uuid::try_parse(id).ok().filter(|id| !id.is_nil());
        let id = id.ok_or_else(|| Error::field("request_id", "must be a UUID, or empty"))?;
        let mut body = policy.path.as_bytes().to_vec();
        body.extend_from_slice(&message.encode_to_vec());
        // Asked for on behalf of another account, it is another request.
        if let Some(acting) = permit.acting() {
            body.extend_from_slice(acting.acted_for.user.0.as_bytes());
        }
        Ok(Some(RequestKey { id, body_hash: self.app.root.mac(Purpose::RequestBody, &body)? }))
    }
}

/// Why no further message could be read.
fn unreadable(status: &Status) -> Error {
    match status.code() {
        Code::InvalidArgument => Error::field("content", "is a message that can't be decoded"),
        Code::OutOfRange | Code::ResourceExhausted => {
            let text = "a message is larger than allowed; send smaller chunks";
            Refusal::new(Reason::MessageTooLarge, text).into()
        }
        _ => Refusal::new(Reason::UploadInterrupted, "the connection broke").into(),
    }
}

/// What a request names.
pub(super) enum Named {
    Nothing,
    Everything,
    /// What the call is about will say it. Until then it is with the operators.
    Whichever,
    One(TenantUid),
    Unknown,
}

impl Named {
    /// For the decision, an unknown tenant is one that the caller has nothing to do with.
    fn as_target(&self) -> Target {
        match self {
            Self::Nothing => Target::Nothing,
            Self::Everything => Target::Everything,
            Self::One(uid) => Target::One(*uid),
            Self::Whichever => Target::One(TenantUid::INFRASTRUCTURE),
            Self::Unknown => Target::One(TenantUid(Uuid::nil())),
        }
    }

    fn found(&self, named: &str) -> Result<Option<TenantUid>> {
        match self {
            Self::Nothing | Self::Everything => Ok(None),
            Self::One(uid) => Ok(Some(*uid)),
            Self::Whichever => Ok(Some(TenantUid::INFRASTRUCTURE)),
            Self::Unknown => Err(Error::not_found(named)),
        }
    }
}

/// Leave for a call without a credential, which acts for nobody.
fn nobody(policy: &'static Policy, wish: Option<&Wish>) -> Result<Permit> {
    let permit = decision::public(policy)?;
    if wish.is_some() && !policy.impersonation {
        return Err(
            not_permitted(format!("{} asks for no caller who could act for another account", policy.name)).into()
        );
    }
    Ok(permit)
}

/// The refusal of metadata that disagrees with what the request or the token names.
pub(super) fn mismatch() -> Error {
    let text = "x-landlord-tenant names another tenant than the request or the token; leave one of them out";
    Refusal::new(Reason::TenantContextMismatch, text).into()
}
