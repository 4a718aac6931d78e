SELECT
    role_principal_id,
    member_principal_id
FROM sys.database_role_members
