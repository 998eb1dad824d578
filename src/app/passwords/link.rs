//! ActivateUser and CompletePasswordReset: passwords set by link.

use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::app::sessions::open_tenant;
use crate::authn::seal::code_hash;
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::user::{User, check_password};
use crate::store::links::{self, LinkPurpose};
use crate::store::tx::Tx;
use crate::store::{audit, sessions, users};

/// A use of a link.
#[derive(Clone)]
struct Use {
    purpose: LinkPurpose,
    code_hash: Vec<u8>,
    user: User,
    password_hash: String,
}

impl App {
    /// Sets the password of a user by a link, whose code works once. Gives the user, and the code of its home.
    pub async fn set_password_by_link(
        &self,
        call: &OpContext,
        purpose: LinkPurpose,
        code: &str,
        password: SecretString,
    ) -> Result<(User, String)> {
        let code_hash = code_hash(code);
        let (op, input) = (OpContext::system(Purpose::Link, None), (purpose, code_hash.clone()));
        let find =
            self.db.platform(op, "find-link", input, |tx, (purpose, hash)| links::find(tx, *purpose, hash).boxed());
        let unknown = || Error::field("code", "must be the code of such a link, as it stands in the mail");
        let link = find.await?.ok_or_else(unknown)?;
        if link.used {
            return Err(used("the link was used; log in with the password that was set"));
        }
        if link.expired {
            return Err(expired(purpose));
        }
        let op = OpContext::system(Purpose::Link, Some(link.tenant)).in_answer_to(call.correlation_id().to_owned());
        let user = self.db.read(op.clone(), "find-user", link.user, |tx, id| users::load(tx, *id).boxed()).await?;
        let user = user.ok_or_else(unknown)?;
        let allowed = check_password(password.expose_secret(), &user.user_name);
        allowed.map_err(|allowed| Error::field("password", allowed))?;
        let password_hash = self.passwords.hash(password).await?;
        let input = Use { purpose, code_hash, user: user.clone(), password_hash };
        self.db.change(op, "use-link", input, |tx, input| use_up(tx, input).boxed()).await?;
        Ok((user, self.code_of(link.tenant).await?))
    }
}

async fn use_up(tx: &mut Tx, input: &Use) -> Result<()> {
    let Use { purpose, code_hash, user, password_hash } = input;
    open_tenant(tx).await?;
    if links::consume(tx, *purpose, code_hash).await? != Some(user.id) {
        return Err(used("the link was used at the same time"));
    }
    let (policy, set) = match purpose {
        LinkPurpose::Activation => {
            (&policy::USER_SERVICE_ACTIVATE_USER, users::activate(tx, user.id, password_hash).await?)
        }
        LinkPurpose::Reset => {
            let set = users::replace_password(tx, user.id, password_hash).await?;
            sessions::end_all(tx, user.id).await?;
            (&policy::USER_SERVICE_COMPLETE_PASSWORD_RESET, set)
        }
    };
    if !set {
        return Err(used("the account is not waiting for a password any more, or is locked"));
    }
    audit::record_user(tx, policy, user, None).await
}

fn used(text: &str) -> Error {
    Refusal::new(Reason::LinkUsed, text).into()
}

fn expired(purpose: LinkPurpose) -> Error {
    let text = match purpose {
        LinkPurpose::Activation => "the link has expired; ask your administrator for a new one",
        LinkPurpose::Reset => "the link has expired; ask for a new one",
    };
    Refusal::new(Reason::LinkExpired, text).into()
}
