//! Two tenants and the infrastructure tenant, with the same things in each and its canaries in all that has words, and people
//! who call.

use std::collections::BTreeMap;

use landlord::authz::policy::{self, ServiceUse};
use landlord::proto::v1;
use tonic::transport::{Channel, Endpoint};

use super::requests::Row;
use crate::support::assets::header;
use crate::support::client::Api;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::server::{PASSWORD, TestServer};
use crate::support::services::identity;

/// The names of what a tenant has, by what requests call them.
pub type Names = BTreeMap<&'static str, String>;

/// The canaries of a tenant.
#[derive(Clone, Copy)]
pub struct Words {
    /// Stands in what is the tenant's own affair: people's names and addresses, descriptions, mails.
    pub inner: &'static str,
    /// Stands in the names of accounts, groups, roles and privileges, which operators see where it is told who did what.
    pub named: &'static str,
    /// Stands in what operators see everywhere: the tenant's name, company and labels.
    pub outer: &'static str,
}

const OF_ACME: Words = Words { inner: "kanarieeins", named: "leuteeins", outer: "hauseins" };
const OF_BETA: Words = Words { inner: "kanariezwei", named: "leutezwei", outer: "hauszwei" };
const OF_INFRASTRUCTURE: Words = Words { inner: "kanariedrei", named: "leutedrei", outer: "hausdrei" };

/// A tenant with its things.
pub struct Place {
    pub code: &'static str,
    pub uid: String,
    pub words: Words,
    pub names: Names,
}

impl Place {
    /// As long, and nowhere: another code, and ids that nobody has.
    pub fn twin_of(&self, text: &str) -> String {
        let mut text = text.replace(self.code, &altered(self.code));
        for id in self.ids() {
            text = text.replace(id, &altered(id));
        }
        text
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        let parts = self.names.values().flat_map(|name| name.split('/'));
        parts.filter(|part| uuid::Uuid::try_parse(part).is_ok())
    }
}

/// With another last letter.
pub fn altered(text: &str) -> String {
    let (start, last) = text.split_at(text.len() - 1);
    format!("{start}{}", if last == "0" { '1' } else { '0' })
}

/// Who calls.
pub struct Caller {
    pub name: &'static str,
    /// Whose names are `own`.
    pub own: usize,
    pub credential: Credential,
    /// The tenants, by index, of which the caller sees what is inside, and those of which it sees the outside.
    pub insider: &'static [usize],
    pub outsider: &'static [usize],
}

/// How a caller says who it is.
pub enum Credential {
    None,
    Words(String),
    /// User name and active tenant.
    User(String, &'static str),
    /// The operator who acts for superuser: by metadata.
    Acting,
    /// By a token that was exchanged for the tenant of that code.
    Exchanged(&'static str),
}

pub const ACME: usize = 0;
pub const BETA: usize = 1;
pub const INFRASTRUCTURE: usize = 2;

/// Everything that the matrix is about.
pub struct World {
    pub replica: Process,
    pub database: Database,
    pub places: [Place; 3],
    pub callers: Vec<Caller>,
    /// By caller.
    tokens: Vec<Option<String>>,
}

impl World {
    /// Makes it, with these options for the replica that serves it.
    pub async fn new(options: &[(&'static str, String)]) -> Self {
        // The first operator is made by a replica that has gone, and has no password to change.
        let first = TestServer::start().await;
        let database = first.database.clone();
        first.stop().await.unwrap();
        let replica = Process::with(&database, &[], options).await.unwrap();
        let operator = replica.operator().await;
        let server = v1::Server { region: "eu".into(), ..Default::default() };
        operator.create_server("spare", server).await.unwrap();
        for (id, tenant) in [("spare", ""), ("login", ""), ("operators", "tenants/infrastructure")] {
            let provider = v1::IdentityProvider {
                issuer: format!("https://{id}.example"),
                audiences: vec!["api".into()],
                algorithms: vec!["EdDSA".into()],
                tenant: tenant.into(),
                ..Default::default()
            };
            operator.create_provider(id, provider).await.unwrap();
        }

        let maker = Maker { replica: &replica, database: &database, operator: &operator };
        let (acme, anna) = maker.tenant("acme", OF_ACME).await;
        let (beta, bert) = maker.tenant("beta", OF_BETA).await;
        let infrastructure = maker.fill("infrastructure", OF_INFRASTRUCTURE, &operator).await;
        let guest = bert.new_user("tenants/beta", "gustav").await.unwrap().name;
        operator.assign_users("tenants/acme", &[&guest]).await.unwrap();
        let of_acme = guest.replace("tenants/beta", "tenants/acme");
        anna.give(&anna.role_named("tenants/acme", "User").await, &[&of_acme]).await.unwrap();
        maker.activate_all().await;
        for tenant in ["acme", "beta"] {
            maker.operational_domain(tenant).await;
        }
        let places = [acme, beta, infrastructure];
        let given = policy::ALL.iter().filter(|policy| policy.services != ServiceUse::Never);
        let given: Vec<_> = given.map(|policy| policy.short()).collect();
        let given: Vec<_> = given.iter().map(String::as_str).collect();
        let service = operator.create_service("billing", identity(&given, &["tenants/acme"])).await.unwrap();
        let callers = callers(&places, service.api_key);
        let tokens = vec![None; callers.len()];
        Self { replica, database, places, callers, tokens }
    }

    /// A connection to the replica.
    pub async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.replica.address)).unwrap().connect().await.unwrap()
    }

    /// An access token of the caller: of a session of its own for a row that changes something, else always the same.
    pub async fn token(&mut self, caller: usize, row: &Row) -> Option<String> {
        if row.changes() {
            return self.log_in(caller).await;
        }
        if self.tokens[caller].is_none() {
            self.tokens[caller] = self.log_in(caller).await;
        }
        self.tokens[caller].clone()
    }

    /// An access token of a session that begins; none for who has no credential.
    pub async fn log_in(&self, caller: usize) -> Option<String> {
        let (user_name, active_tenant) = match &self.callers[caller].credential {
            Credential::None => return None,
            Credential::Words(words) => return Some(words.clone()),
            Credential::User(user_name, active_tenant) => (user_name.clone(), (*active_tenant).to_owned()),
            Credential::Acting => ("operator@infrastructure".to_owned(), String::new()),
            Credential::Exchanged(code) => {
                let operator = self.replica.operator().await;
                return Some(operator.exchange(&format!("tenants/{code}"), None).await.unwrap().access_token);
            }
        };
        let password = PASSWORD.to_owned();
        let request = v1::CreateSessionRequest { user_name, password, active_tenant, ..Default::default() };
        let api = Api::connect(self.replica.address).await;
        Some(api.client.sessions().create_session(request).await.unwrap().into_inner().access_token)
    }

    /// The names of a place, with a session that nobody has ended where the row names one.
    pub async fn names(&self, place: usize, row: &Row) -> Names {
        let mut names = self.places[place].names.clone();
        if row.names("session") {
            let api = Api::connect(self.replica.address).await.log_in(&names["login"], PASSWORD).await;
            let user = api.who().await.unwrap().user;
            names.insert("session", api.sessions_of(&user).await.unwrap().remove(0).name);
        }
        names
    }

    /// Nobody has tried anything before, so that nobody is told to wait.
    pub async fn forget_attempts(&self) {
        self.database.connect("postgres").await.batch_execute("DELETE FROM attempts").await.unwrap();
    }
}

fn callers(places: &[Place; 3], key: String) -> Vec<Caller> {
    let user = |place: &Place, name: &str| format!("{name}{}@{}", place.words.named, place.code);
    let caller = |name, own, credential, insider, outsider| Caller { name, own, credential, insider, outsider };
    let [acme, beta, infrastructure] = places;
    let at_acme = |name| Credential::User(user(acme, name), "acme");
    let operator = Credential::User("operator@infrastructure".into(), "infrastructure");
    let all: &[usize] = &[ACME, BETA, INFRASTRUCTURE];
    vec![
        caller("anonymous", ACME, Credential::None, &[], &[]),
        caller("viewer", ACME, at_acme("viewer"), &[ACME], &[ACME]),
        caller("user", ACME, at_acme("user"), &[ACME], &[ACME]),
        caller("administrator", ACME, at_acme("admin"), &[ACME], &[ACME]),
        caller("another's administrator", BETA, Credential::User(user(beta, "admin"), "beta"), &[BETA], &[BETA]),
        caller("guest", ACME, Credential::User("gustav@beta".into(), "acme"), &[ACME], &[ACME, BETA]),
        caller("operator", INFRASTRUCTURE, operator, &[INFRASTRUCTURE], all),
        caller(
            "infrastructure user",
            INFRASTRUCTURE,
            Credential::User(user(infrastructure, "lena"), "infrastructure"),
            &[INFRASTRUCTURE],
            &[INFRASTRUCTURE],
        ),
        // It tries every tenant for which it may act: what is inside them it sees, but not inside its own.
        caller("impersonating operator", ACME, Credential::Acting, &[ACME, BETA], all),
        caller("impersonating by token", ACME, Credential::Exchanged("acme"), &[ACME], &[ACME]),
        // It was given all that services can be given, on one tenant.
        caller("service", ACME, Credential::Words(key), &[ACME], &[ACME]),
        caller("key of nobody", ACME, Credential::Words(format!("landlord_key_{}", "A".repeat(64))), &[], &[]),
    ]
}

/// The number that a tenant has, and a user of it.
fn extension(code: &str) -> String {
    let number = match code {
        "acme" => "1111",
        "beta" => "2222",
        _ => "3333",
    };
    number.to_owned()
}

/// Makes tenants and what is in them.
struct Maker<'a> {
    replica: &'a Process,
    database: &'a Database,
    operator: &'a Api,
}

impl Maker<'_> {
    async fn tenant(&self, code: &'static str, words: Words) -> (Place, Api) {
        let Words { inner, named, outer } = words;
        let tenant = v1::Tenant {
            display_name: format!("{code} {outer}"),
            company_name: outer.into(),
            labels: [("tier".to_owned(), outer.to_owned())].into(),
            ..Default::default()
        };
        let initial_admin = v1::InitialAdmin {
            user_name: format!("admin{named}"),
            email: format!("admin@{inner}.example"),
            given_name: inner.into(),
            ..Default::default()
        };
        let request = v1::CreateTenantRequest {
            tenant_id: code.into(),
            tenant: Some(tenant),
            initial_admin: Some(initial_admin),
            ..Default::default()
        };
        let made = self.operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        self.operator.succeed(made.operation).await;
        self.activate_all().await;
        let admin = Api::connect(self.replica.address).await;
        let admin = admin.log_in(&format!("admin{named}@{code}"), PASSWORD).await;
        (self.fill(code, words, &admin).await, admin)
    }

    /// Fills a tenant with what requests name, as its administrator.
    async fn fill(&self, code: &'static str, words: Words, admin: &Api) -> Place {
        let Words { inner, named, .. } = words;
        let tenant = format!("tenants/{code}");
        let (tenant, mut t) = (tenant.as_str(), Names::new());
        let privilege = v1::CreatePrivilegeRequest {
            parent: tenant.into(),
            privilege_id: format!("category.{named}"),
            privilege: Some(v1::Privilege { display_name: named.into(), ..Default::default() }),
            ..Default::default()
        };
        t.insert("privilege", admin.create_privilege(privilege).await.unwrap().privilege.unwrap().name);
        t.insert("role", admin.new_role(tenant, &format!("clerk {named}"), &[&t["privilege"]]).await.unwrap());
        let group =
            v1::Group { display_name: format!("sales {named}"), description: inner.into(), ..Default::default() };
        let request = v1::CreateGroupRequest { parent: tenant.into(), group: Some(group), ..Default::default() };
        t.insert("group", admin.create_group(request).await.unwrap().group.unwrap().name);
        t.insert("other_group", admin.new_group(tenant, &format!("support {named}")).await.unwrap());
        for (user_name, role) in [("viewer", "Viewer"), ("user", "User"), ("lena", "")] {
            let made = self.user(admin, tenant, user_name, words).await;
            if !role.is_empty() && code != "infrastructure" {
                admin.give(&admin.role_named(tenant, role).await, &[&made]).await.unwrap();
            }
        }
        t.insert("user", self.user(admin, tenant, "uma", words).await);
        let speaks = if code == "infrastructure" { "operators" } else { "login" };
        t.insert("provider", format!("identityProviders/{speaks}"));
        t.insert("subject", format!("uma {named}"));
        admin.link(&t["user"], &t["provider"], &t["subject"]).await.unwrap();
        admin.add(&t["group"], &[&t["user"]]).await.unwrap();
        admin.give(&t["role"], &[&t["user"]]).await.unwrap();
        for operation in self.operator.operations_of(tenant).await {
            t.insert("operation", self.operator.wait(&operation.name).await.name);
        }
        self.activate_all().await;
        t.insert("extension", extension(code));
        if code != "infrastructure" {
            self.operator.set_extensions(tenant, &[&t["extension"]]).await.unwrap();
            admin.allocate(&t["user"], &t["extension"]).await.unwrap();
        }
        let note = words.outer.to_owned();
        let backup = v1::CreateBackupRequest { parent: tenant.into(), note, ..Default::default() };
        let begun = admin.begin_backup(backup).await.unwrap();
        self.operator.succeed(begun.operation).await;
        t.insert("backup", begun.backup.unwrap().name);
        let request_id = uuid::Uuid::new_v4().to_string();
        t.insert("upload", format!("{tenant}/uploads/{request_id}"));
        t.insert("asset", format!("{tenant}/assets/{}", uuid::Uuid::now_v7()));
        if code != "infrastructure" {
            let content = format!("what {inner} keeps");
            let asset = v1::UploadAssetHeader {
                request_id,
                metadata: [("source".to_owned(), inner.to_owned())].into(),
                ..header(tenant, &format!("report {named}"), content.as_bytes())
            };
            t.insert("asset", admin.upload(asset, content.as_bytes()).await.unwrap().name);
        } else {
            self.asset_of_infrastructure(&t["asset"], &t["upload"]).await;
        }
        t.insert("tenant", tenant.to_owned());
        t.insert("code", code.to_owned());
        t.insert("domain", format!("{code}.example"));
        t.insert("user_name", format!("lena{named}"));
        t.insert("login", format!("lena{named}@{code}"));
        t.insert("password", PASSWORD.to_owned());
        let uid = self.operator.tenant(tenant).await.uid;
        Place { code, uid, words, names: t }
    }

    /// The infrastructure tenant, where nobody uploads anything, has an asset and an upload of the operator's, without content.
    async fn asset_of_infrastructure(&self, asset: &str, upload: &str) {
        let id = |name: &str| name.rsplit('/').next().unwrap().to_owned();
        let (asset, upload, words) = (id(asset), id(upload), OF_INFRASTRUCTURE);
        let rows = format!(
            "WITH i AS (SELECT '11111111-1111-1111-1111-111111111111'::uuid AS tenant, '{asset}'::uuid AS id),
                 b AS (INSERT INTO blobs (tenant_id, id, key_id, state, content, sha256)
                       SELECT tenant, i.id, k.id, 'LIVE', decode(repeat('ab', 32), 'hex'), decode(repeat('ab', 32), 'hex')
                       FROM i JOIN tenant_keys k ON k.tenant_id = tenant),
                 u AS (INSERT INTO uploads (tenant_id, uploader_id, id, body_hash, bytes, blob_id, result, expires_at)
                       SELECT tenant, u.id, '{upload}', '', 0, i.id, 'done', now() + interval '1 day'
                       FROM i, users u WHERE user_name = 'operator')
             INSERT INTO assets (tenant_id, id, kind, display_name, folded, metadata, blob_id, bytes, created_by)
             SELECT tenant, id, 'OTHER', 'report {}', 'report', '{{\"source\": \"{}\"}}', id, 0, 'system' FROM i",
            words.named, words.inner
        );
        self.database.connect("postgres").await.batch_execute(&rows).await.unwrap();
    }

    /// Gives a tenant a domain that works, and that nobody looks at.
    async fn operational_domain(&self, code: &str) {
        let (name, domain) = (format!("tenants/{code}"), format!("{code}.example"));
        let request = v1::SetTenantDomainRequest { name, domain, ..Default::default() };
        self.operator.client.tenants().set_tenant_domain(request).await.unwrap();
        let works = "UPDATE tenant_domains SET verified = true, secure = true, check_after = 'infinity'";
        self.database.connect("postgres").await.batch_execute(works).await.unwrap();
    }

    async fn user(&self, admin: &Api, tenant: &str, name: &str, Words { inner, named, .. }: Words) -> String {
        let user = v1::User {
            user_name: format!("{name}{named}"),
            email: format!("{name}@{inner}.example"),
            family_name: inner.into(),
            ..Default::default()
        };
        let request = v1::CreateUserRequest { tenant: tenant.into(), user: Some(user), ..Default::default() };
        admin.create_user(request).await.unwrap().user.unwrap().name
    }

    /// Gives the operator's password to everybody who was invited.
    async fn activate_all(&self) {
        let all = "UPDATE users SET state = 'ACTIVE', password_hash = (SELECT password_hash FROM users
                   WHERE user_name = 'operator' AND password_hash IS NOT NULL)
                   WHERE state = 'INVITED' AND user_name <> 'superuser'";
        self.database.connect("postgres").await.batch_execute(all).await.unwrap();
    }
}
