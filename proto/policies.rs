//! The policies that `proto/` declares: read, and refused where they can't be right. `build.rs` includes this file.

use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, ReflectMessage as _, ServiceDescriptor, Value,
};

use super::{Failure, privilege};

const POLICY: &str = "landlord.v1.policy";

/// A method and its checked rule.
pub struct MethodPolicy {
    /// Its service.
    pub service: ServiceDescriptor,
    /// The method.
    pub method: MethodDescriptor,
    /// The rule.
    pub rule: DynamicMessage,
}

/// Reads the rule of every method of `landlord.v1` and refuses the first that can't be right, by name.
pub fn policies(pool: &DescriptorPool) -> Result<Vec<MethodPolicy>, Failure> {
    let option = pool.get_extension_by_name(POLICY).ok_or("no option landlord.v1.policy")?;
    let mut found = Vec::new();
    for service in pool.services().filter(|s| s.package_name() == "landlord.v1") {
        for method in service.methods() {
            let options = method.options();
            let Value::Message(rule) = options.get_extension(&option).into_owned() else {
                return Err(format!("{}: the policy is not a message", method.full_name()).into());
            };
            if !options.has_extension(&option) {
                return Err(format!("{}: has no policy", method.full_name()).into());
            }
            check(&method, &rule).map_err(|why| format!("{}: {why}", method.full_name()))?;
            found.push(MethodPolicy { service: service.clone(), method, rule });
        }
    }
    Ok(found)
}

fn check(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<(), String> {
    let access = enum_name(rule, "access");
    let effect = enum_name(rule, "effect");
    let in_tenant = tenant_privileges(rule);
    let named: Vec<_> = strings(rule, "platform_privileges").into_iter().chain(in_tenant.clone()).collect();
    if access == "ACCESS_UNSPECIFIED" {
        return Err("the policy does not say who has access".into());
    }
    if effect == "EFFECT_UNSPECIFIED" {
        return Err("the policy does not say whether the method reads or changes".into());
    }
    if let Some(unknown) = named.iter().find(|name| privilege::Privilege::parse(name).is_none()) {
        return Err(format!("the policy names an unknown privilege: {unknown}"));
    }
    if (access == "ACCESS_PRIVILEGED") == named.is_empty() {
        return Err("ACCESS_PRIVILEGED and named privileges go together".into());
    }
    let field = text(rule, "tenant_field");
    if access != "ACCESS_PRIVILEGED" && !field.is_empty() {
        return Err("names a tenant, but asks for no privilege in it".into());
    }
    if !field.is_empty() {
        string_field(method, &field)?;
    } else if !in_tenant.is_empty() {
        return Err("tenant_privileges need a tenant_field".into());
    }
    if enum_name(rule, "services") != "SERVICE_USE_UNSPECIFIED" && field.is_empty() {
        return Err("may be given to services, which are bound to tenants, but names no tenant".into());
    }
    if flag(rule, "impersonation") && access == "ACCESS_PRIVILEGED" && in_tenant.is_empty() {
        return Err("may be called while acting for another account, but asks for no privilege of that account".into());
    }
    let input = first_message(method)?;
    let takes_id = input.get_field_by_name("request_id").is_some();
    let excused = !text(rule, "no_request_id").is_empty();
    match (effect.as_str(), takes_id, excused) {
        ("EFFECT_CHANGE", false, false) => return Err("changes something without a request_id".into()),
        ("EFFECT_CHANGE", true, true) => return Err("has a request_id and a reason not to have one".into()),
        ("EFFECT_READ", true, _) => return Err("reads only, but has a request_id".into()),
        _ => {}
    }
    if takes_id {
        string_field(method, &below_header(method, "request_id"))?;
        if input.get_field_by_name("validate_only").is_none() {
            return Err("has a request_id but no validate_only".into());
        }
        if let Some(secret) = input.fields().find(|f| flag(&f.options(), "debug_redact")) {
            return Err(format!("has a request_id, so its body is hashed and can't hold the secret {}", secret.name()));
        }
    }
    Ok(())
}

/// The privileges of which a caller needs one in the tenant: those that are named, and those of the set that is.
pub fn tenant_privileges(rule: &DynamicMessage) -> Vec<String> {
    use privilege::Privilege;
    let (rows, assets): (&[Privilege], &[Privilege]) = match enum_name(rule, "tenant_privilege_set").as_str() {
        "PRIVILEGE_SET_ASSETS" => (&[], &Privilege::ASSETS),
        "PRIVILEGE_SET_COMPONENTS" => (&Privilege::ROWS, &Privilege::ASSETS),
        _ => (&[], &[]),
    };
    let set = rows.iter().chain(assets).map(|privilege| privilege.name().to_owned());
    strings(rule, "tenant_privileges").into_iter().chain(set).collect()
}

/// What a request says of itself: all of it, or, where it is a stream, the `header` that begins it.
pub fn first_message(method: &MethodDescriptor) -> Result<MessageDescriptor, String> {
    if !method.is_client_streaming() {
        return Ok(method.input());
    }
    let header = method.input().get_field_by_name("header").map(|field| field.kind());
    match header {
        Some(prost_reflect::Kind::Message(header)) => Ok(header),
        _ => Err("takes a stream, but no message `header` to begin it with".into()),
    }
}

/// A field of what a request says of itself, as a path from the message.
fn below_header(method: &MethodDescriptor, field: &str) -> String {
    if method.is_client_streaming() { format!("header.{field}") } else { field.to_owned() }
}

/// Follows a path such as `tenant.name` through the request and wants a string at its end.
fn string_field(method: &MethodDescriptor, path: &str) -> Result<(), String> {
    let mut message = method.input();
    let parts: Vec<_> = path.split('.').collect();
    for (i, part) in parts.iter().enumerate() {
        let field =
            message.get_field_by_name(part).ok_or_else(|| format!("the policy names a missing field: {path}"))?;
        match (i + 1 == parts.len(), field.kind()) {
            (true, prost_reflect::Kind::String) if !field.is_list() => return Ok(()),
            (false, prost_reflect::Kind::Message(inner)) if !field.is_list() => message = inner,
            _ => break,
        }
    }
    Err(format!("the policy's field is not a string: {path}"))
}

/// The name of the value in an enum field.
pub fn enum_name(rule: &DynamicMessage, field: &str) -> String {
    enum_names(rule, field).into_iter().next().unwrap_or_default()
}

/// The names of the values in an enum field, single or repeated; what is not set has the name of its zero.
pub fn enum_names(rule: &DynamicMessage, field: &str) -> Vec<String> {
    let Some(descriptor) = rule.descriptor().get_field_by_name(field) else { return Vec::new() };
    let prost_reflect::Kind::Enum(kind) = descriptor.kind() else { return Vec::new() };
    let numbers: Vec<_> = match rule.get_field(&descriptor).as_ref() {
        Value::List(list) => list.iter().filter_map(Value::as_enum_number).collect(),
        single => single.as_enum_number().into_iter().collect(),
    };
    numbers.iter().filter_map(|n| kind.get_value(*n)).map(|v| v.name().to_owned()).collect()
}

/// The text in a field; empty: none.
pub fn text(rule: &DynamicMessage, field: &str) -> String {
    rule.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Whether a field is set to true.
pub fn flag(rule: &DynamicMessage, field: &str) -> bool {
    rule.get_field_by_name(field).and_then(|v| v.as_bool()).unwrap_or_default()
}

/// The texts in a repeated field.
pub fn strings(rule: &DynamicMessage, field: &str) -> Vec<String> {
    let Some(value) = rule.get_field_by_name(field) else { return Vec::new() };
    let list = value.as_list().map(<[Value]>::to_vec).unwrap_or_default();
    list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}
