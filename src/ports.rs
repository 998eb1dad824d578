//! What the use cases and the operations need of the world outside: traits, which `infra` and the built-in participants
//! implement.

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::domain::error::Result;
use crate::domain::name::DomainName;
use crate::domain::operation::{Actor, InitialAdmin, Units};
use crate::domain::tenant::Tenant;
use crate::store::claims::Claim;

/// A service that keeps a part of each tenant.
///
/// Every call may come again, after a crash on either side: it is known by its operation and step, and the participant
/// refuses one of an older claim or of an older generation of the tenant. A claim of an operation that was begun before
/// is an older one, too, whatever its epoch: a call of a cancelled provisioning that arrives after the purge would set up
/// again what is gone.
#[async_trait]
pub trait Participant: Send + Sync {
    /// Its name, unique and for ever.
    fn name(&self) -> &'static str;

    /// Sets its part of a new tenant up.
    async fn provision(&self, call: &StepCall, admin: Option<&InitialAdmin>) -> Result<Answer>;

    /// Stops changing its part, until it is thawed or purged.
    async fn freeze(&self, call: &StepCall) -> Result<Answer>;

    /// Goes on changing its part.
    async fn thaw(&self, call: &StepCall) -> Result<Answer>;

    /// Removes its part, a batch with each call.
    async fn purge(&self, call: &StepCall) -> Result<Answer>;

    /// Its part as records, in an order in which they can be imported.
    async fn export(&self, call: &StepCall) -> Result<BoxStream<'static, Result<Record>>>;

    /// Takes an exported part into a tenant that has none.
    async fn import(&self, call: &StepCall, records: BoxStream<'static, Result<Record>>) -> Result<u64>;

    /// How much it keeps.
    async fn usage(&self, call: &StepCall) -> Result<Usage>;
}

/// A call on a participant.
#[derive(Clone, Debug)]
pub struct StepCall {
    /// The tenant as it was when the step began.
    pub tenant: Tenant,
    /// The claim of the worker that calls. A built-in participant passes its fence with each effect.
    pub claim: Claim,
    /// Names the call: operation and step.
    pub step_id: String,
    /// Who asked for it.
    pub actor: Actor,
    /// How far the step is, by the answers so far.
    pub so_far: Units,
}

/// What a participant has to say to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The part is done.
    Done,
    /// More is to do: call again. So far this much is done.
    More(Units),
    /// It can't go on yet, for this reason: call again later.
    Wait(String),
}

/// One record of an exported part.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What it is, such as a table.
    pub kind: String,
    /// Its content.
    pub body: serde_json::Value,
}

/// How much a participant keeps of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Objects.
    pub objects: i64,
    /// Bytes that they take.
    pub bytes: i64,
}

/// Delivers mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Delivers a mail, or says that it could not. The same id may come again; where that can be told, an attempt that
    /// comes after a later one is refused.
    async fn send(&self, mail: &OutgoingMail) -> Result<()>;
}

/// A mail that is ready to go.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Names it, also when it is sent again.
    pub id: String,
    /// Which attempt to send it this is: the claim of the worker that makes it.
    pub attempt: i64,
    /// To whom: name and address.
    pub to: (String, String),
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML; none: the mail is plain text alone.
    pub html: Option<String>,
}

/// Looks at domains as everybody sees them.
#[async_trait]
pub trait DomainProbe: Send + Sync {
    /// The texts of the TXT records of a name; none: there is no such record.
    async fn texts(&self, name: &str) -> Result<Vec<String>, Unanswered>;

    /// What is wrong with the certificate that a domain shows to who connects to it, for people; none: it holds.
    async fn fault_of_certificate(&self, domain: &DomainName) -> Result<Option<String>, Unanswered>;
}

/// Nobody answered, so nothing is known: who it was, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered(pub String);

/// Fetches what others publish, such as the keys of identity providers.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The document at that address and at no other, within bounds of time and size.
    async fn fetch(&self, address: &str) -> Result<Vec<u8>, Unanswered>;
}
