//! Which service is calling.

use std::sync::Arc;

use futures::FutureExt as _;

use super::App;
use crate::authn::Proof;
use crate::authn::api_key::ApiKey;
use crate::authz::permit::Purpose;
use crate::authz::services::Service;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::store::service_callers::{self, Found};

impl App {
    /// The service that has shown this, with what its identity gives it.
    pub async fn identify_service(&self, proof: Proof) -> Result<Arc<Service>> {
        let op = OpContext::system(Purpose::Authenticate, Some(TenantUid::INFRASTRUCTURE));
        let input = proof.clone();
        let read =
            self.db.read(op.clone(), "identify-service", input, |tx, proof| service_callers::find(tx, proof).boxed());
        let Found { service, keys, mut seen } = read.await?.ok_or_else(|| unknown(&proof))?;
        if let Proof::Key(_, hash) = &proof {
            let key = keys.iter().find(|key| ApiKey::same(&key.hash, hash)).ok_or_else(|| unknown(&proof))?;
            if key.expired {
                let text = format!(
                    "the API key of {} has expired; RotateServiceIdentity gives a new one",
                    service.service.name()
                );
                return Err(Refusal::new(Reason::TokenExpired, text).into());
            }
            seen &= key.seen;
        }
        if !seen {
            let uid = service.service.uid;
            let noted = self.db.change(op, "note-service", proof, move |tx, proof| {
                async move { service_callers::note(tx, uid, proof).await }.boxed()
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "could not note that a service was here");
            }
        }
        Ok(Arc::new(service))
    }
}

/// The refusal of what no identity has.
fn unknown(proof: &Proof) -> Error {
    match proof {
        Proof::Key(..) => Refusal::new(Reason::TokenInvalid, "the API key is not valid").into(),
        Proof::Certificate(id) => {
            let text = format!("no service identity has the SPIFFE id of the client certificate, {id}");
            Refusal::new(Reason::CertificateInvalid, text).into()
        }
    }
}
