//! What stands in the way of a call, as a message.

use crate::domain::obstacle::Obstacle;
use crate::proto::v1;

/// An obstacle as a message.
pub fn obstacle(obstacle: Obstacle) -> v1::Obstacle {
    let Obstacle { reason, message, resource, privileges, all_needed } = obstacle;
    let privileges = privileges.into_iter().map(|name| format!("privileges/{name}")).collect();
    v1::Obstacle { reason: reason.name().to_owned(), message, resource, privileges, all_needed }
}
