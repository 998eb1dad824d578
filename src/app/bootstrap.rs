//! What must be there at the first start: the infrastructure tenant with its directory, the default server, an operator.

use std::sync::Arc;

use futures::FutureExt as _;
use secrecy::SecretString;

use super::App;
use super::directory::start_directory;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::branding::Branding;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::Transition;
use crate::domain::limits::LimitsPatch;
use crate::domain::name::{CompanyName, DisplayName, Labels, TenantCode, UserName};
use crate::domain::server::DEFAULT_SERVER;
use crate::domain::tenant::NewTenant;
use crate::domain::user::UserState;
use crate::store::directory::{self, NewUser};
use crate::store::transitions::Because;
use crate::store::tx::Tx;
use crate::store::{roles, servers, tenants, transitions};

/// The first operator.
#[derive(Clone)]
pub struct FirstOperator {
    /// For log-in.
    pub user_name: UserName,
    /// The first password.
    pub password: SecretString,
    /// Whether it must be changed before anything else.
    pub must_change: bool,
    /// Called right before it begins to count, so that whoever has to know the password does, whatever happens next.
    pub announce: Arc<dyn Fn() + Send + Sync>,
}

impl App {
    /// Whether the first start has been made.
    pub async fn is_bootstrapped(&self) -> Result<bool> {
        let op = OpContext::system(Purpose::Bootstrap, Some(TenantUid::INFRASTRUCTURE));
        Ok(self.db.read(op, "bootstrapped", (), |tx, ()| tenants::load(tx).boxed()).await?.is_some())
    }

    /// Makes all of it, in one transaction, unless it is there. Says whether it was made.
    pub async fn bootstrap(&self, operator: &FirstOperator) -> Result<bool> {
        let hash = self.passwords.hash(operator.password.clone()).await?;
        let op = OpContext::system(Purpose::Bootstrap, Some(TenantUid::INFRASTRUCTURE));
        let input = (operator.clone(), hash);
        self.db.change(op, "bootstrap", input, |tx, (operator, hash)| make(tx, operator, hash).boxed()).await
    }
}

async fn make(tx: &mut Tx, operator: &FirstOperator, password_hash: &str) -> Result<bool> {
    servers::ensure_default(tx).await?;
    let code = TenantCode::infrastructure();
    if !tenants::take_identity(tx, &code).await? {
        return Ok(false);
    }
    let server = servers::load(tx, DEFAULT_SERVER).await?;
    let server = server.ok_or_else(|| Error::internal("bootstrap", "no default server"))?;
    let tenant = NewTenant {
        code: None,
        display_name: DisplayName::stored("Infrastructure".into()),
        company_name: CompanyName::stored(String::new()),
        labels: Labels::new(),
        protected: false,
        server: None,
        time_zone: None,
        email_notification: true,
        domain: None,
        branding: Branding::default(),
        limits: LimitsPatch::default(),
        features: None,
    };
    tenants::insert(tx, &code, &tenant, &server.id, &server.time_zone).await?;
    transitions::append(tx, Transition::infrastructure(), &Because::default()).await?;
    let administrator = start_directory(tx, &tenant.display_name).await?;
    let key = operator.user_name.key();
    let user = NewUser {
        user_name: operator.user_name.as_str(),
        user_name_key: &key,
        email: "",
        given_name: "",
        family_name: "",
        state: UserState::Active,
        password_hash: Some(password_hash),
        must_change_password: operator.must_change,
        impersonation_target: false,
    };
    let operator_id = directory::insert_user(tx, &user).await?;
    roles::assign(tx, administrator, &[operator_id], &[]).await?;
    (operator.announce)();
    Ok(true)
}
