//! Lets a call through to its handler only as its method's policy allows. The generated wrappers call nothing else.
//!
//! In this order: the layers have found the method, the metadata and the credential right, and the codec the message; now
//! the tenant is found, then impersonation, then the decision. Request ids, state and etags come with the transaction.

use std::future::Future;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use prost::Message;
use tonic::codegen::BoxStream as Reply;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::call::{CorrelationId, ImpersonationContext, TenantContext, TenantHint};
use super::client_address::client_address;
use super::status::status;
use crate::app::App;
use crate::authn::seal::Purpose;
use crate::authz::decision::{self, Facts, Target};
use crate::authz::policy::Policy;
use crate::context::{Call, OpContext, RequestKey};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::networks::Networks;

/// The answers of a streaming method.
pub type Answers<T> = BoxStream<'static, Result<T>>;

/// What the guard reads of a request; generated for each.
pub trait GuardedRequest: Message + Clone {
    /// The field that names the tenant or a resource in it; empty where there is none.
    fn tenant_field(&self) -> &str;
    /// Takes the request id out, so that what is left is what was asked for.
    fn request_id(&mut self) -> String;
    /// Whether nothing may change.
    fn validate_only(&self) -> bool;
}

/// The caller, as the authentication layer found it.
#[derive(Clone, Debug)]
pub struct Authenticated(pub Arc<Facts>);

/// The guard of all services.
#[derive(Clone)]
pub struct Guard {
    app: App,
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

    async fn admit<Q: GuardedRequest>(
        &self,
        policy: &'static Policy,
        request: Request<Q>,
        correlation: &CorrelationId,
    ) -> Result<(OpContext, Q)> {
        let peer = request.remote_addr().map(|address| address.ip());
        let client = client_address(peer, request.metadata(), &self.proxies);
        let (_, extensions, mut message) = request.into_parts();
        let facts = extensions.get::<Authenticated>().map(|a| a.0.clone());
        let hint = extensions.get::<TenantContext>().and_then(|context| context.0.clone());
        let request_id = message.request_id();
        let (permit, target) = match &facts {
            None => (decision::public(policy)?, None),
            Some(facts) => {
                let target = self.target(policy, facts, message.tenant_field(), hint.as_ref()).await?;
                refuse_impersonation(extensions.get::<ImpersonationContext>())?;
                let permit = decision::decide(policy, facts, target.as_target(), message.tenant_field())?;
                (permit, target.found(message.tenant_field())?)
            }
        };
        let call = Call {
            policy,
            facts,
            request: self.request_key(policy, &request_id, &message)?,
            validate_only: message.validate_only(),
            named: message.tenant_field().to_owned(),
            client,
        };
        Ok((OpContext::of_call(permit, target, correlation.to_string(), call), message))
    }

    /// The tenant that the request names. A header narrows: it must name the same, or the caller's active tenant. Of
    /// tenants that the caller has nothing to do with, the comparison must not tell whether they are there.
    async fn target(&self, policy: &Policy, facts: &Facts, named: &str, hint: Option<&TenantHint>) -> Result<Named> {
        let target = if policy.names_tenant() { self.named(policy, named).await? } else { Named::Nothing };
        let Some(hint) = hint else { return Ok(target) };
        let hinted = match hint {
            TenantHint::Uid(uid) => Some(*uid),
            TenantHint::Code(code) => self.app.resolve_tenant(code.as_str()).await?.map(|(uid, _)| uid),
        };
        let expected = match &target {
            Named::One(uid) => Some(*uid),
            Named::Nothing | Named::Everything => Some(facts.caller.active),
            Named::Unknown => None,
        };
        let known = |uid: &TenantUid| decision::is_operator(facts) || *uid == facts.caller.active;
        if hinted.filter(known) == expected.filter(known) {
            return Ok(target);
        }
        let text = "x-landlord-tenant and the request name different tenants; leave one of them out";
        Err(Refusal::new(Reason::TenantContextMismatch, text).into())
    }

    async fn named(&self, policy: &Policy, resource: &str) -> Result<Named> {
        let mut parts = resource.split('/');
        let name = match (parts.next(), parts.next()) {
            (Some("tenants"), Some(name)) if !name.is_empty() && name.len() <= 64 => name,
            _ => return Err(Error::field(policy.tenant_field, "must begin with `tenants/{tenant}`, a code or a uid")),
        };
        if name == "-" {
            return Ok(Named::Everything);
        }
        Ok(match self.app.resolve_tenant(name).await? {
            Some((uid, _)) => Named::One(uid),
            None => Named::Unknown,
        })
    }

    fn request_key(&self, policy: &Policy, id: &str, message: &impl Message) -> Result<Option<RequestKey>> {
        if id.is_empty() {
            return Ok(None);
        }
        let id = Uuid::try_parse(id).ok().filter(|id| !id.is_nil());
        let id = id.ok_or_else(|| Error::field("request_id", "must be a UUID, or empty"))?;
        let mut body = policy.path.as_bytes().to_vec();
        body.extend_from_slice(&message.encode_to_vec());
        Ok(Some(RequestKey { id, body_hash: self.app.root.mac(Purpose::RequestBody, &body)? }))
    }
}

/// What a request names.
enum Named {
    Nothing,
    Everything,
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
            Self::Unknown => Target::One(TenantUid(Uuid::nil())),
        }
    }

    fn found(&self, named: &str) -> Result<Option<TenantUid>> {
        match self {
            Self::Nothing | Self::Everything => Ok(None),
            Self::One(uid) => Ok(Some(*uid)),
            Self::Unknown => Err(Error::not_found(named)),
        }
    }
}

fn refuse_impersonation(asked: Option<&ImpersonationContext>) -> Result<()> {
    match asked {
        Some(ImpersonationContext(Some(_))) => {
            let text = "acting for another account is not permitted on this service";
            Err(Refusal::new(Reason::ImpersonationNotPermitted, text).into())
        }
        _ => Ok(()),
    }
}
