//! Turns `proto/` into code: messages and clients (`proto.rs` includes them), servers and the guarded wrappers
//! (`grpc/guarded.rs`), and the policy table (`authz/policy.rs`).
//!
//! A method whose policy is missing or can't be right fails the build. The tests include this file as a module and
//! feed it bad protos, which is why the checks are functions over a descriptor pool and not part of `main`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;
use prost_reflect::DescriptorPool;

pub use policies::policies;
use policies::{MethodPolicy, enum_name, enum_names, first_message, flag, strings, tenant_privileges, text};

#[path = "proto/policies.rs"]
pub mod policies;
#[path = "src/domain/privilege.rs"]
mod privilege;

type Failure = Box<dyn std::error::Error>;

#[allow(dead_code, reason = "unused where the tests include this file")]
fn main() -> Result<(), Failure> {
    // A macro embeds the migrations and can't tell cargo that it does.
    for input in ["proto", "migrations", "src/domain/privilege.rs"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut files = Vec::new();
    protos_below(Path::new("proto"), &mut files)?;
    let descriptors = describe(&files, &[Path::new("proto")])?;
    fs::write(out.join("descriptors.bin"), &descriptors)?;
    let pool = DescriptorPool::decode(descriptors.as_slice())?;
    let policies = policies(&pool)?;
    fs::write(out.join("policies.rs"), formatted(&policy_table(&policies)?)?)?;

    let mut config = prost_build::Config::new();
    // Ordered maps make the encoding of a message the same each time, which the hash of a request's body needs.
    config.btree_map(["."]).out_dir(&out);
    // Content is passed on as it came, and not copied.
    config.bytes([".landlord.v1.Chunk.data"]);
    let (secretive, redacted) = redacted(&pool)?;
    config.skip_debug(secretive);
    fs::write(out.join("redacted.rs"), formatted(&redacted)?)?;
    config.service_generator(Box::new(Services));
    config.compile_fds(prost_types::FileDescriptorSet::decode(descriptors.as_slice())?)?;
    let (servers, guards) = servers(&descriptors, &policies)?;
    fs::write(out.join("servers.rs"), formatted(&servers)?)?;
    fs::write(out.join("guards.rs"), formatted(&guards)?)?;
    Ok(())
}

fn protos_below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            protos_below(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

/// Compiles protos to an encoded descriptor set. (The decoded form of `prost-types` would drop the options.)
pub fn describe(files: &[PathBuf], includes: &[&Path]) -> Result<Vec<u8>, Failure> {
    let mut compiler = protox::Compiler::new(includes)?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(files)?;
    Ok(compiler.encode_file_descriptor_set())
}

/// `MANAGE_TENANTS` or `manage-tenants` as `ManageTenants`.
fn camel(name: &str) -> String {
    name.split(['_', '-'])
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + &rest.to_lowercase()
        })
        .collect()
}

/// `GetTenant` as `get_tenant`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn constant(policy: &MethodPolicy) -> String {
    format!("{}_{}", snake(policy.service.name()), snake(policy.method.name())).to_uppercase()
}

fn policy_table(policies: &[MethodPolicy]) -> Result<String, Failure> {
    let mut out = String::new();
    let privileges =
        |names: Vec<String>| -> String { names.iter().map(|n| format!("Privilege::{},", camel(n))).collect() };
    for policy in policies {
        let rule = &policy.rule;
        let path = format!("/{}/{}", policy.service.full_name(), policy.method.name());
        writeln!(out, "/// The rule of `{path}`.")?;
        writeln!(
            out,
            "pub static {}: Policy = Policy {{ path: {path:?}, name: {:?}, access: Access::{}, platform: &[{}], tenant: &[{}],
             tenant_field: {:?}, change: {}, impersonation: {}, states: &[{}], infrastructure: {}, audited: {}, before_password_change: {},
             services: ServiceUse::{}, finds_tenant: {} }};",
            constant(policy),
            policy.method.name(),
            camel(enum_name(rule, "access").trim_start_matches("ACCESS_")),
            privileges(strings(rule, "platform_privileges")),
            privileges(tenant_privileges(rule)),
            text(rule, "tenant_field"),
            enum_name(rule, "effect") == "EFFECT_CHANGE",
            flag(rule, "impersonation"),
            enum_names(rule, "states")
                .iter()
                .map(|s| format!("State::{},", camel(s.trim_start_matches("STATE_"))))
                .collect::<String>(),
            flag(rule, "infrastructure"),
            flag(rule, "audited"),
            flag(rule, "before_password_change"),
            camel(&enum_name(rule, "services").trim_start_matches("SERVICE_USE_").replace("UNSPECIFIED", "NEVER")),
            flag(rule, "finds_tenant"),
        )?;
    }
    writeln!(out, "/// The rules of all methods.\npub static ALL: &[&Policy] = &[")?;
    for policy in policies {
        writeln!(out, "&{},", constant(policy))?;
    }
    writeln!(out, "];")?;
    Ok(out)
}

/// The messages with secret fields, and a `Debug` for each that leaves those out.
fn redacted(pool: &DescriptorPool) -> Result<(Vec<String>, String), Failure> {
    let (mut names, mut code) = (Vec::new(), String::new());
    for message in pool.all_messages().filter(|m| m.package_name() == "landlord.v1") {
        let secret = |field: &prost_reflect::FieldDescriptor| flag(&field.options(), "debug_redact");
        if !message.fields().any(|field| secret(&field)) {
            continue;
        }
        names.push(message.full_name().to_owned());
        let open = message.fields().filter(|field| !secret(field));
        let shown: String = open.map(|f| format!(".field({:?}, &self.{})", f.name(), f.name())).collect();
        writeln!(
            code,
            "impl ::core::fmt::Debug for {0} {{
                 fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
                     f.debug_struct({0:?}){shown}.finish_non_exhaustive()
                 }}
             }}",
            message.name()
        )?;
    }
    Ok((names, code))
}

/// Writes the clients beside the messages, with tonic's own codec.
struct Services;

impl prost_build::ServiceGenerator for Services {
    fn generate(&mut self, service: prost_build::Service, buf: &mut String) {
        let service = Service::of(&service, "tonic_prost::ProstCodec");
        let code = tonic_build::CodeGenBuilder::new()
            .emit_package(true)
            .build_transport(true)
            .generate_client(&service, "super");
        buf.push_str(&code.to_string());
    }
}

/// Servers with the strict codec, and for each service a trait to implement and the wrapper that guards it.
fn servers(descriptors: &[u8], policies: &[MethodPolicy]) -> Result<(String, String), Failure> {
    let collected = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let scratch = PathBuf::from(env::var("OUT_DIR")?).join("services");
    fs::create_dir_all(&scratch)?;
    let mut config = prost_build::Config::new();
    config.out_dir(&scratch).service_generator(Box::new(Collect(collected.clone())));
    config.compile_fds(prost_types::FileDescriptorSet::decode(descriptors)?)?;

    let (mut servers, mut guards) = (String::new(), String::new());
    for service in collected.borrow().iter() {
        let adapted = Service::of(service, "crate::grpc::codec::StrictCodec");
        let code = tonic_build::CodeGenBuilder::new().emit_package(true).generate_server(&adapted, "crate::proto::v1");
        servers.push_str(&code.to_string());
        guard(service, policies, &mut guards)?;
    }
    Ok((servers, guards))
}

fn guard(service: &prost_build::Service, policies: &[MethodPolicy], out: &mut String) -> Result<(), Failure> {
    let name = &service.name;
    let module = format!("{}_server", snake(name));
    let (mut handlers, mut wrapped, mut requests) = (String::new(), String::new(), String::new());
    for method in &service.methods {
        let policy = policies
            .iter()
            .find(|p| p.service.name() == service.proto_name && p.method.name() == method.proto_name)
            .ok_or("a method without a policy")?;
        let (rust, input, output) = (&method.name, &method.input_type, &method.output_type);
        let (answer, run, reply) = if method.server_streaming {
            let associated = format!("{}Stream", method.proto_name);
            writeln!(wrapped, "type {associated} = tonic::codegen::BoxStream<v1::{output}>;")?;
            (format!("Answers<v1::{output}>"), "stream", format!("Self::{associated}"))
        } else {
            (format!("v1::{output}"), "unary", format!("v1::{output}"))
        };
        let comment = method.comments.leading.join("\n").replace('"', "'");
        writeln!(handlers, "#[doc = {comment:?}]")?;
        let (taken, run, rest, more) = if method.client_streaming {
            ("tonic::Streaming", "upload", format!(", rest: Messages<v1::{input}>"), ", rest")
        } else {
            ("", run, String::new(), "")
        };
        writeln!(
            handlers,
            "async fn {rust}(&self, call: OpContext, request: v1::{input}{rest}) -> Result<{answer}, Error>;"
        )?;
        let taken = if taken.is_empty() { format!("v1::{input}") } else { format!("{taken}<v1::{input}>") };
        writeln!(
            wrapped,
            "async fn {rust}(&self, request: tonic::Request<{taken}>) -> Result<tonic::Response<{reply}>, tonic::Status> {{
                 let handler = self.handler.clone();
                 self.guard.{run}(&policy::{}, request, move |call, message{more}| async move {{ handler.{rust}(call, message{more}).await }}).await
             }}",
            constant(policy)
        )?;
        let said = first_message(&policy.method)?;
        let has = |field: &str| said.get_field_by_name(field).is_some();
        let header = method.client_streaming.then(|| format!("Some(v1::{}::Content::Header(header))", snake(input)));
        let (taken, tried) = match &header {
            None => ("std::mem::take(&mut self.request_id)".to_owned(), "self.validate_only".to_owned()),
            Some(header) => (
                format!(
                    "match &mut self.content {{ {header} => std::mem::take(&mut header.request_id), _ => String::new() }}"
                ),
                format!("matches!(&self.content, {header} if header.validate_only)"),
            ),
        };
        writeln!(
            requests,
            "impl GuardedRequest for v1::{input} {{
                 fn tenant_field(&self) -> &str {{ {} }}
                 fn request_id(&mut self) -> String {{ {} }}
                 fn validate_only(&self) -> bool {{ {} }}
             }}",
            accessor(&text(&policy.rule, "tenant_field"), header.as_deref()),
            if has("request_id") { taken.as_str() } else { "String::new()" },
            if has("validate_only") { tried.as_str() } else { "false" },
        )?;
    }
    writeln!(
        out,
        "/// What {name} does, once a call has been let through.
         #[tonic::async_trait]
         pub trait {name}Handler: Send + Sync + 'static {{ {handlers} }}
         /// Lets a call of {name} through to its handler only as the method's policy allows.
         #[derive(Clone)]
         pub struct Guarded{name}<H> {{ guard: Guard, handler: std::sync::Arc<H> }}
         impl<H: {name}Handler> Guarded{name}<H> {{
             /// The service as the server mounts it.
             pub fn server(guard: Guard, handler: H) -> {module}::{name}Server<Self> {{
                 {module}::{name}Server::new(Self {{ guard, handler: std::sync::Arc::new(handler) }})
             }}
         }}
         #[tonic::async_trait]
         impl<H: {name}Handler> {module}::{name} for Guarded{name}<H> {{ {wrapped} }}
         {requests}"
    )?;
    Ok(())
}

/// Code that reads the field that names the tenant: `name`, or `tenant.name` through an optional message, or `header.parent`
/// where that pattern is the header of a stream.
fn accessor(path: &str, header: Option<&str>) -> String {
    match path.split_once('.') {
        Some((_, inner)) if header.is_some() => {
            format!("match &self.content {{ {} => header.{inner}.as_str(), _ => \"\" }}", header.unwrap_or_default())
        }
        None if path.is_empty() => "\"\"".into(),
        None => format!("&self.{path}"),
        Some((outer, inner)) => format!("self.{outer}.as_ref().map_or(\"\", |inner| inner.{inner}.as_str())"),
    }
}

struct Collect(std::rc::Rc<std::cell::RefCell<Vec<prost_build::Service>>>);

impl prost_build::ServiceGenerator for Collect {
    fn generate(&mut self, service: prost_build::Service, _: &mut String) {
        self.0.borrow_mut().push(service);
    }
}

fn formatted(code: &str) -> Result<String, Failure> {
    Ok(prettyplease::unparse(&syn::parse_file(code)?))
}

/// A service as tonic's generator wants to see it.
struct Service {
    service: prost_build::Service,
    methods: Vec<Method>,
}

struct Method {
    method: prost_build::Method,
    codec: &'static str,
}

impl Service {
    fn of(service: &prost_build::Service, codec: &'static str) -> Self {
        let methods = service.methods.iter().map(|m| Method { method: m.clone(), codec }).collect();
        Self { service: service.clone(), methods }
    }
}

impl tonic_build::Service for Service {
    type Comment = String;
    type Method = Method;

    fn name(&self) -> &str {
        &self.service.name
    }
    fn package(&self) -> &str {
        &self.service.package
    }
    fn identifier(&self) -> &str {
        &self.service.proto_name
    }
    fn methods(&self) -> &[Method] {
        &self.methods
    }
    fn comment(&self) -> &[String] {
        &self.service.comments.leading
    }
}

impl tonic_build::Method for Method {
    type Comment = String;

    fn name(&self) -> &str {
        &self.method.name
    }
    fn identifier(&self) -> &str {
        &self.method.proto_name
    }
    fn codec_path(&self) -> &str {
        self.codec
    }
    fn client_streaming(&self) -> bool {
        self.method.client_streaming
    }
    fn server_streaming(&self) -> bool {
        self.method.server_streaming
    }
    fn comment(&self) -> &[String] {
        &self.method.comments.leading
    }
    fn request_response_name(&self, path: &str, _: bool) -> (proc_macro2::TokenStream, proc_macro2::TokenStream) {
        let ty = |name: &str| format!("{path}::{name}").parse().unwrap_or_default();
        (ty(&self.method.input_type), ty(&self.method.output_type))
    }
}
