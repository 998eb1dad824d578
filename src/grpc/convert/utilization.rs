//! Utilization as messages.

use super::fields::timestamp;
use crate::domain::utilization::{Level, Utilization};
use crate::proto::v1;

/// How much a tenant is used, as a message.
pub fn utilization(tenant: &str, found: Utilization) -> v1::TenantUtilization {
    let known = v1::TenantUtilization {
        name: format!("{tenant}/utilization"),
        utilization: level(found.level()).into(),
        log_ins_per_day: found.log_ins_per_day(),
        ..Default::default()
    };
    let unknown = |unknown_reason| v1::TenantUtilization { unknown_reason, ..known.clone() };
    match found {
        Utilization::NotActive(state) => unknown(format!("the tenant is {}", state.name())),
        Utilization::Unreachable => unknown("the tenant's server can't be reached".to_owned()),
        Utilization::Unlicensed => unknown("the tenant has no licences".to_owned()),
        Utilization::Counted { week, log_ins, licenses } => v1::TenantUtilization {
            week_start_time: Some(timestamp(week.start)),
            log_ins: Some(log_ins),
            licenses: Some(licenses),
            ..known
        },
    }
}

/// The same in a word.
pub fn level(level: Level) -> v1::Utilization {
    match level {
        Level::Unknown => v1::Utilization::Unknown,
        Level::Low => v1::Utilization::Low,
        Level::Average => v1::Utilization::Average,
        Level::High => v1::Utilization::High,
    }
}
