//! CheckAccess: whether somebody may do something in a tenant, for other services.

use futures::FutureExt as _;

use crate::app::App;
use crate::context::OpContext;
use crate::domain::access_check::{AccessAnswer, AccessQuestion};
use crate::domain::error::Result;
use crate::store::access;

impl App {
    /// Whether what is asked may be done in the tenant that the call names.
    pub async fn check_access(&self, op: OpContext, question: AccessQuestion) -> Result<AccessAnswer> {
        let absent = op.not_found();
        let read = self.db.read(op, "check-access", question, |tx, question| {
            async move { Ok(access::facts(tx, question).await?.map(|facts| question.answer(facts))) }.boxed()
        });
        read.await?.ok_or(absent)
    }
}
