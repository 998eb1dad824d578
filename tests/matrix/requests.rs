//! A sound request for every method, with names to fill in.

use std::collections::BTreeMap;

use landlord::authz::policy::{self, Policy};
use landlord::proto::DESCRIPTORS;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};

use super::world::Names;

/// A row of the matrix: a method, what is asked of it, and the request as JSON with names in angle brackets. Those that begin
/// with `own.` are of the caller's own tenant, the others of the column's.
pub struct Row {
    /// `TenantService.GetTenant`, and what is asked besides, if there are several rows of the method.
    pub name: String,
    pub policy: &'static Policy,
    template: String,
    message: MessageDescriptor,
}

/// All rows, in the order of their names. Every method has one.
pub fn rows() -> Vec<Row> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let requests: BTreeMap<String, serde_json::Value> = serde_json::from_str(include_str!("requests.json")).unwrap();
    let rows: Vec<_> = requests.into_iter().map(|(name, request)| Row::of(&pool, name, &request)).collect();
    for policy in policy::ALL {
        assert!(rows.iter().any(|row| row.policy == *policy), "{}: add it to tests/matrix/requests.json", policy.path);
    }
    rows
}

impl Row {
    fn of(pool: &DescriptorPool, name: String, request: &serde_json::Value) -> Self {
        let method = name.split(' ').next().unwrap();
        let (service, method) = method.split_once('.').expect("a service and a method");
        let path = format!("/landlord.v1.{service}/{method}");
        let policy = policy::by_path(&path).unwrap_or_else(|| panic!("{path} is not there"));
        let service = pool.get_service_by_name(&format!("landlord.v1.{service}")).unwrap();
        let message = service.methods().find(|found| found.name() == method).unwrap().input();
        Self { name, policy, template: request.to_string(), message }
    }

    /// Whose user logs in with the request, if one does, given whose user calls: who calls has no part in what is answered then.
    pub fn logs_in(&self, own: usize, column: usize) -> Option<usize> {
        let place = if self.names("own.login") { own } else { column };
        (self.policy.name == "CreateSession").then_some(place)
    }

    /// Whether it tells everybody what the outside of a tenant is.
    pub fn is_for_everybody(&self) -> bool {
        self.policy.name == "ResolveTenant"
    }

    /// Whether the request names that.
    pub fn names(&self, placeholder: &str) -> bool {
        self.template.contains(&format!("<{placeholder}>"))
    }

    /// Whether it changes something that stays changed.
    pub fn changes(&self) -> bool {
        let tried =
            self.message.get_field_by_name("validate_only").is_some() || self.template.contains("validate_only");
        self.policy.change && !tried
    }

    /// Whether each column has a request of its own.
    pub fn depends_on_column(&self) -> bool {
        self.template.split('<').skip(1).any(|rest| !rest.starts_with("own.") && !rest.starts_with("password>"))
    }

    /// The request, encoded.
    pub fn filled(&self, own: &Names, column: &Names) -> Vec<u8> {
        self.with_each(|name| name.strip_prefix("own.").map_or_else(|| column[name].clone(), |name| own[name].clone()))
    }

    /// The same, whoever the names are of.
    pub fn with(&self, mut named: impl FnMut(&str) -> String) -> Vec<u8> {
        self.with_each(|name| named(name.strip_prefix("own.").unwrap_or(name)))
    }

    /// What can be tried without a change is.
    fn with_each(&self, mut named: impl FnMut(&str) -> String) -> Vec<u8> {
        let mut parts = self.template.split('<');
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('>').unwrap();
            text += &named(name);
            text += rest;
        }
        let mut json = serde_json::Deserializer::from_str(&text);
        let mut message = DynamicMessage::deserialize(self.message.clone(), &mut json).unwrap();
        if self.message.get_field_by_name("validate_only").is_some() {
            message.set_field_by_name("validate_only", Value::Bool(true));
        }
        message.encode_to_vec()
    }
}
