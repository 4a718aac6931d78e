ALTER ROLE {role} DROP MEMBER {member}
