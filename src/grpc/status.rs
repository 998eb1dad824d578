//! The only maker of [`tonic::Status`].
//!
//! Every status carries an ErrorInfo of domain `landlord` with a documented reason and the correlation id, and what else
//! of google.rpc fits. The whole of it stays under [`LIMIT`] on the wire, since clients drop larger headers: texts and
//! lists are shortened, and say so. Of an internal error nothing leaves but the correlation id; the log has the rest.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::time::Duration;

use http::{HeaderMap, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::call::CorrelationId;
use crate::client::keys::REQUEST_ID;
use crate::domain::error::{Class, Error, FieldViolation, Refusal};

/// How many bytes a status may take on the wire: its headers' names and values, as they are encoded.
pub const LIMIT: usize = 4096;

/// Who gives the reasons, as ErrorInfo names it.
const DOMAIN: &str = "landlord";

/// The reason of an error that is ours alone.
const INTERNAL: &str = "INTERNAL";

/// Bytes that any one text may have before it is cut.
const LONGEST_TEXT: usize = 512;

/// The status that tells a caller of `error`.
pub fn status(error: Error, correlation_id: &str) -> Status {
    match error {
        Error::Refused(refusal) => with_code(code(refusal.reason.class()), *refusal, correlation_id),
        Error::Internal { context, source } => {
            tracing::error!(correlation_id, error = chain(source.as_ref()), "{context}");
            let message = format!("something went wrong on our side; ask with {REQUEST_ID} {correlation_id}");
            Draft { message, ..Draft::new(Code::Internal, INTERNAL) }.fitted(correlation_id)
        }
    }
}

/// The status for a refusal to which gRPC gives another code than its reason has here.
pub fn with_code(code: Code, refusal: Refusal, correlation_id: &str) -> Status {
    let Refusal { reason, message, fields, metadata, resource, retry_after } = refusal;
    Draft { message, fields, metadata, resource, retry_after, ..Draft::new(code, reason.name()) }.fitted(correlation_id)
}

/// A whole answer that consists of an error alone.
pub fn response(error: Error, correlation_id: &CorrelationId) -> Response<Body> {
    status(error, correlation_id.as_str()).into_http()
}

/// The trailers that end a stream with an error.
pub fn trailers(error: Error, correlation_id: &CorrelationId) -> HeaderMap {
    headers(&status(error, correlation_id.as_str()))
}

/// What the codec says of a message that it can't read.
///
/// The codec doesn't know which call it works for, so this has no details yet: the mend layer adds them.
pub fn undecodable(error: &prost::DecodeError) -> Status {
    Status::invalid_argument(format!("the message can't be decoded: {error}"))
}

/// A status as the headers or trailers that carry it.
pub fn headers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // It fails for texts that are no header values; the message is percent-encoded and the details are base64.
    if status.add_header(&mut headers).is_err() {
        headers.insert(Status::GRPC_STATUS, http::HeaderValue::from(Code::Internal as i32));
    }
    headers
}

fn code(class: Class) -> Code {
    match class {
        Class::InvalidArgument => Code::InvalidArgument,
        Class::Unauthenticated => Code::Unauthenticated,
        Class::PermissionDenied => Code::PermissionDenied,
        Class::NotFound => Code::NotFound,
        Class::AlreadyExists => Code::AlreadyExists,
        Class::Aborted => Code::Aborted,
        Class::FailedPrecondition => Code::FailedPrecondition,
        Class::OutOfRange => Code::OutOfRange,
        Class::DataLoss => Code::DataLoss,
        Class::ResourceExhausted => Code::ResourceExhausted,
        Class::Unavailable => Code::Unavailable,
        Class::DeadlineExceeded => Code::DeadlineExceeded,
        Class::Unimplemented => Code::Unimplemented,
    }
}

/// An error and all that caused it, on one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What shall be said, before it is made to fit.
struct Draft {
    code: Code,
    reason: &'static str,
    message: String,
    fields: Vec<FieldViolation>,
    metadata: BTreeMap<&'static str, String>,
    resource: Option<String>,
    retry_after: Option<Duration>,
}

impl Draft {
    fn new(code: Code, reason: &'static str) -> Self {
        Self {
            code,
            reason,
            message: String::new(),
            fields: Vec::new(),
            metadata: BTreeMap::new(),
            resource: None,
            retry_after: None,
        }
    }

    /// The status with as much as fits into [`LIMIT`]: first fields are left out from the end, then texts are cut.
    fn fitted(&self, correlation_id: &str) -> Status {
        let mut fields = self.fields.len().min(32);
        let mut longest = LONGEST_TEXT;
        loop {
            let status = self.status(correlation_id, fields, longest);
            if size(&status) <= LIMIT {
                return status;
            }
            match (fields, longest) {
                (2.., _) => fields -= 1,
                (_, 32..) => longest /= 2,
                _ => return self.bare(correlation_id),
            }
        }
    }

    fn status(&self, correlation_id: &str, fields: usize, longest: usize) -> Status {
        let message = cut(&self.message, longest);
        let mut details = ErrorDetails::new();
        let mut metadata: HashMap<_, _> =
            self.metadata.iter().map(|(key, value)| ((*key).to_owned(), cut(value, longest))).collect();
        metadata.insert("correlation_id".to_owned(), cut(correlation_id, 64));
        details.set_error_info(self.reason, DOMAIN, metadata);

        let resource = cut(self.resource.as_deref().unwrap_or_default(), longest);
        for violation in &self.fields[..fields] {
            details.add_bad_request_violation(cut(&violation.field, longest), cut(&violation.allowed, longest));
        }
        if fields < self.fields.len() {
            details.add_bad_request_violation("...", format!("and {} more", self.fields.len() - fields));
        }
        if self.code == Code::FailedPrecondition {
            details.add_precondition_failure_violation(self.reason, resource.as_str(), message.as_str());
        }
        if self.code == Code::ResourceExhausted {
            details.add_quota_failure_violation(resource.as_str(), message.as_str());
        }
        if let Some((kind, _)) = resource.split_once('/') {
            details.set_resource_info(kind, resource.as_str(), "", message.as_str());
        } else if !resource.is_empty() {
            details.set_resource_info("", resource.as_str(), "", message.as_str());
        }
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        Status::with_error_details(self.code, message, details)
    }

    /// What fits always: the reason and the correlation id.
    fn bare(&self, correlation_id: &str) -> Status {
        let metadata = HashMap::from([("correlation_id".to_owned(), cut(correlation_id, 64))]);
        let details = ErrorDetails::with_error_info(self.reason, DOMAIN, metadata);
        Status::with_error_details(self.code, cut(&self.message, 64), details)
    }
}

/// `text` with at most `most` bytes, cut between characters.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(3);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

fn size(status: &Status) -> usize {
    headers(status).iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::error::Reason;

    fn details(error: Error) -> (Status, ErrorDetails) {
        let status = status(error, "id-1");
        let details = status.get_error_details();
        (status, details)
    }

    #[test]
    fn every_reason_goes_out_with_its_code_and_name() {
        for reason in Reason::ALL {
            let (status, details) = details(Refusal::new(*reason, "no").into());
            assert_ne!(status.code(), Code::Internal);
            let info = details.error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.name(), "landlord"));
            assert_eq!(info.metadata["correlation_id"], "id-1");
            assert_eq!(details.precondition_failure().is_some(), status.code() == Code::FailedPrecondition);
            assert_eq!(details.quota_failure().is_some(), status.code() == Code::ResourceExhausted);
        }
    }

    #[test]
    fn an_internal_error_says_nothing_of_its_source() {
        let (status, details) = details(Error::internal("reading a tenant", "SELECT secret FROM tenants"));
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.message(), "something went wrong on our side; ask with x-landlord-request-id id-1");
        assert_eq!(details.error_info().unwrap().reason, "INTERNAL");
        assert!(!format!("{status:?}").contains("secret"));
    }

    #[test]
    fn fields_resource_and_retry_have_details_of_their_own() {
        let (_, fields) = details(Error::field("tenant.code", "must be lower case"));
        let violation = &fields.bad_request().unwrap().field_violations[0];
        assert_eq!((violation.field.as_str(), violation.description.as_str()), ("tenant.code", "must be lower case"));

        let (_, found) = details(Error::not_found("tenants/acme"));
        let resource = found.resource_info().unwrap();
        assert_eq!((resource.resource_type.as_str(), resource.resource_name.as_str()), ("tenants", "tenants/acme"));

        let wait = Duration::from_secs(3);
        let (_, limited) = details(Refusal::new(Reason::RateLimited, "slower").retry_after(wait).into());
        assert_eq!(limited.retry_info().unwrap().retry_delay, Some(wait));
    }

    #[test]
    fn fields_that_do_not_fit_are_counted() {
        let fields = (0..500).map(|i| FieldViolation::new(format!("field_{i}"), "must be shorter than that")).collect();
        let (_, details) = details(Error::fields(fields));
        let violations = &details.bad_request().unwrap().field_violations;
        let left = 500 - (violations.len() - 1);
        assert!(violations.len() > 5);
        assert_eq!(violations.last().unwrap().description, format!("and {left} more"));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("ääää", 6), "ä...");
    }

    proptest! {
        #[test]
        fn a_status_never_exceeds_the_limit(
            reason in prop::sample::select(Reason::ALL),
            message in "\\PC{0,3000}",
            resource in prop::option::of("\\PC{0,3000}"),
            id in "\\PC{0,200}",
            value in "\\PC{0,3000}",
            fields in prop::collection::vec(("\\PC{0,300}", "\\PC{0,600}"), 0..60),
        ) {
            let refusal = Refusal {
                resource,
                fields: fields.into_iter().map(|(field, allowed)| FieldViolation { field, allowed }).collect(),
                ..Refusal::new(reason, message).with("operation", value.clone()).with("state", value)
            };
            let status = status(refusal.into(), &id);
            prop_assert!(size(&status) <= LIMIT);
            prop_assert_eq!(status.get_error_details().error_info().map(|i| i.reason.clone()), Some(reason.name().into()));
        }
    }
}
