//! Operations as messages.

use std::collections::BTreeMap;

use super::fields::timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::OperationId;
use crate::domain::operation::{Operation, State};
use crate::proto::v1;
use crate::store::operations::name;

/// An operation as a message.
pub fn operation(operation: Operation) -> v1::Operation {
    let acted_for = operation.actor.acted_for.as_ref();
    let user = |user| format!("tenants/{}/users/{user}", operation.tenant_code);
    v1::Operation {
        cancellable: operation.cancellable(),
        name: name(&operation.tenant_code, operation.id),
        kind: operation.kind.name().to_owned(),
        state: state(operation.state).into(),
        tenant: format!("tenants/{}", operation.tenant_code),
        actor: operation.actor.name_in(operation.tenant, &operation.tenant_code),
        acted_for: acted_for.map(|acted| user(acted.user)).unwrap_or_default(),
        impersonation_reason: acted_for.map(|acted| acted.reason.to_string()).unwrap_or_default(),
        progress: Some(v1::OperationProgress {
            phase: operation.step,
            percent: operation.percent,
            done_units: operation.done_units,
            total_units: operation.total_units,
            waiting_for: operation.waiting_for,
            steps: operation
                .steps
                .into_iter()
                .map(|s| v1::OperationStep {
                    step: s.step,
                    participant: s.participant,
                    attempts: s.attempts,
                    done: s.done,
                    last_error: s.last_error,
                })
                .collect(),
        }),
        error: operation.error.map(|e| v1::OperationError {
            code: e.code,
            reason: e.reason,
            message: e.message,
            metadata: e.metadata.into_iter().collect::<BTreeMap<_, _>>(),
        }),
        results: operation.results,
        create_time: Some(timestamp(operation.created_at)),
        start_time: operation.started_at.map(timestamp),
        end_time: operation.ended_at.map(timestamp),
    }
}

fn state(state: State) -> v1::operation::State {
    match state {
        State::Pending => v1::operation::State::Pending,
        State::Running => v1::operation::State::Running,
        State::Cancelling => v1::operation::State::Cancelling,
        State::Succeeded => v1::operation::State::Succeeded,
        State::Failed => v1::operation::State::Failed,
        State::Cancelled => v1::operation::State::Cancelled,
    }
}

/// The id in `tenants/{tenant}/operations/{operation}`.
pub fn operation_id(name: &str) -> Result<OperationId> {
    let parts: Vec<_> = name.split('/').collect();
    match parts.as_slice() {
        ["tenants", tenant, "operations", id] if *tenant != "-" => {
            OperationId::parse(id).ok_or_else(|| Error::not_found(name))
        }
        _ => Err(Error::field("name", "must be `tenants/{tenant}/operations/{operation}`")),
    }
}
