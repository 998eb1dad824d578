//! Groups, roles and privileges as messages, and the requests that make and change them.

use super::fields::{Fields, timestamp};
use super::names;
use crate::app::roles::CreateRole;
use crate::domain::error::Result;
use crate::domain::group::{Group, GroupPatch, NewGroup};
use crate::domain::id::{GroupId, RoleId};
use crate::domain::name::{Description, DisplayName, PrivilegeName, RoleName};
use crate::domain::role::{Held, Listed, NewPrivilege, PrivilegeKey, Role, RolePatch};
use crate::proto::v1;

/// A group as a message.
pub fn group(group: Group) -> v1::Group {
    let role = |id: &RoleId| format!("tenants/{}/roles/{id}", group.tenant_code);
    v1::Group {
        name: group.name(),
        etag: group.etag(),
        roles: group.roles.iter().map(role).collect(),
        display_name: group.display_name,
        description: group.description,
        root: group.root,
        member_count: group.members,
        create_time: Some(timestamp(group.created_at)),
        update_time: Some(timestamp(group.updated_at)),
    }
}

/// A role as a message.
pub fn role(role: Role) -> v1::Role {
    v1::Role {
        name: role.name(),
        etag: role.etag(),
        privileges: role.privileges.iter().map(|held| held.name(&role.tenant_code)).collect(),
        display_name: role.display_name,
        description: role.description,
        built_in: role.built_in,
        read_only: role.read_only,
        create_time: Some(timestamp(role.created_at)),
        update_time: Some(timestamp(role.updated_at)),
    }
}

/// A privilege as a message.
pub fn privilege(listed: Listed) -> v1::Privilege {
    v1::Privilege {
        name: listed.held.name(&listed.tenant_code),
        display_name: listed.display_name,
        defined: matches!(listed.held, Held::Defined(_)),
    }
}

/// What CreateGroup asks for.
pub fn create_group(request: v1::CreateGroupRequest) -> Result<NewGroup> {
    names::tenant("parent", &request.parent)?;
    let sent = request.group.unwrap_or_default();
    let mut fields = Fields::default();
    let display_name = fields.take("group.display_name", DisplayName::parse(&sent.display_name));
    let description = fields.take("group.description", Description::parse(&sent.description));
    let new = || Some(NewGroup { display_name: display_name?, description: description? });
    fields.finish(new())
}

/// What CreateRole asks for.
pub fn create_role(request: v1::CreateRoleRequest) -> Result<CreateRole> {
    names::tenant("parent", &request.parent)?;
    let sent = request.role.unwrap_or_default();
    let mut fields = Fields::default();
    let display_name = fields.take("role.display_name", RoleName::parse(&sent.display_name));
    let description = fields.take("role.description", Description::parse(&sent.description));
    let new = fields.finish(display_name.zip(description))?;
    let privileges = names::privileges("role.privileges", &sent.privileges, 0)?;
    Ok(CreateRole { display_name: new.0, description: new.1, privileges })
}

/// What CreatePrivilege asks for.
pub fn create_privilege(request: v1::CreatePrivilegeRequest) -> Result<NewPrivilege> {
    names::tenant("parent", &request.parent)?;
    let sent = request.privilege.unwrap_or_default();
    let mut fields = Fields::default();
    let key = fields.take("privilege_id", PrivilegeKey::parse(&request.privilege_id));
    let display_name = fields.take("privilege.display_name", PrivilegeName::parse(&sent.display_name));
    let new = || Some(NewPrivilege { key: key?, display_name: display_name? });
    fields.finish(new())
}

/// Whether a request changes the display name and the description of a group or role.
fn masked(
    fields: &mut Fields,
    mask: Option<prost_types::FieldMask>,
    display_name: &str,
    description: &str,
) -> [bool; 2] {
    let changeable = [("display_name", !display_name.is_empty()), ("description", !description.is_empty())];
    fields.masked(mask, changeable)
}

/// What UpdateGroup asks for: which group, what to change, and the etag.
pub fn update_group(request: v1::UpdateGroupRequest) -> Result<(GroupId, GroupPatch, String)> {
    let sent = request.group.unwrap_or_default();
    let id = names::id("group.name", &sent.name)?;
    let mut fields = Fields::default();
    let mut patch = GroupPatch::default();
    let [display_name, description] = masked(&mut fields, request.update_mask, &sent.display_name, &sent.description);
    if display_name {
        patch.display_name = fields.take("group.display_name", DisplayName::parse(&sent.display_name));
    }
    if description {
        patch.description = fields.take("group.description", Description::parse(&sent.description));
    }
    fields.finish(Some((id, patch, sent.etag)))
}

/// What UpdateRole asks for: which role, what to change, and the etag.
pub fn update_role(request: v1::UpdateRoleRequest) -> Result<(RoleId, RolePatch, String)> {
    let sent = request.role.unwrap_or_default();
    let id = names::id("role.name", &sent.name)?;
    let mut fields = Fields::default();
    let mut patch = RolePatch::default();
    let [display_name, description] = masked(&mut fields, request.update_mask, &sent.display_name, &sent.description);
    if display_name {
        patch.display_name = fields.take("role.display_name", RoleName::parse(&sent.display_name));
    }
    if description {
        patch.description = fields.take("role.description", Description::parse(&sent.description));
    }
    fields.finish(Some((id, patch, sent.etag)))
}
