//! Collects what is wrong with the fields of a request.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::error::{Error, FieldViolation, Result};

/// What is wrong so far.
#[derive(Default)]
pub struct Fields(Vec<FieldViolation>);

impl Fields {
    /// The value of a field; what is wrong with it is noted.
    pub fn take<T>(&mut self, field: impl Into<String>, value: Result<T, String>) -> Option<T> {
        value.map_err(|allowed| self.0.push(FieldViolation::new(field, allowed))).ok()
    }

    /// Notes that a field is wrong.
    pub fn refuse(&mut self, field: impl Into<String>, allowed: impl Into<String>) {
        self.0.push(FieldViolation::new(field, allowed));
    }

    /// Which of the fields that a call can change it does change: those that its mask names or, without a mask, those that are
    /// populated. `changeable` has each field and whether it is.
    pub fn masked<const N: usize>(
        &mut self,
        mask: Option<prost_types::FieldMask>,
        changeable: [(&'static str, bool); N],
    ) -> [bool; N] {
        let names = changeable.map(|(name, _)| name);
        let populated = || changeable.iter().filter(|(_, populated)| *populated).map(|(name, _)| (*name).to_owned());
        let paths = mask.map_or_else(|| populated().collect(), |mask| mask.paths);
        for path in paths.iter().filter(|path| !names.contains(&path.as_str())) {
            self.refuse("update_mask", format!("may name {} only, not {path}", names.join(", ")));
        }
        if paths.is_empty() {
            self.refuse("update_mask", format!("must name at least one of {}", names.join(", ")));
        }
        names.map(|name| paths.iter().any(|path| path == name))
    }

    /// The request, if nothing is wrong with it.
    pub fn finish<T>(self, request: Option<T>) -> Result<T> {
        match request {
            Some(request) if self.0.is_empty() => Ok(request),
            _ => Err(Error::fields(self.0)),
        }
    }
}

/// A time as messages have it.
pub fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(0);
    prost_types::Timestamp { seconds: time.timestamp(), nanos }
}

/// A duration as messages have it.
pub fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A duration of at most `most`, or what is allowed.
pub fn bounded(sent: prost_types::Duration, most: Duration) -> Result<Duration, String> {
    let allowed = || format!("must be a duration from 0 s to {} s", most.as_secs());
    // prost-types negates what is negative before it refuses it, and overflows at the least of all numbers.
    if sent.seconds < 0 || sent.nanos < 0 {
        return Err(allowed());
    }
    let duration = Duration::try_from(sent).map_err(|_| allowed())?;
    if duration <= most { Ok(duration) } else { Err(allowed()) }
}

/// A duration of whole seconds, of at most `most`, or what is allowed.
pub fn whole_seconds(sent: prost_types::Duration, most: Duration) -> Result<Duration, String> {
    let duration = bounded(sent, most)?;
    if duration.subsec_nanos() == 0 { Ok(duration) } else { Err("must be whole seconds".to_owned()) }
}
