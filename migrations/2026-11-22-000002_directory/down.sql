DROP TABLE signing_keys, sessions, links;
DROP VIEW user_privileges;
DROP TABLE group_roles, user_roles, role_privileges, roles, group_members, groups, memberships, users;
