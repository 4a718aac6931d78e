-- What the instance is. SERVERPROPERTY gives sql_variant, which not every client can read.
SELECT
    CONVERT(nvarchar(128), SERVERPROPERTY('ServerName')) AS server_name,
    CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')) AS product_version,
    CONVERT(nvarchar(128), SERVERPROPERTY('Edition')) AS edition,
    CONVERT(int, SERVERPROPERTY('EngineEdition')) AS engine_edition,
    CONVERT(int, SERVERPROPERTY('IsHadrEnabled')) AS is_hadr_enabled,
    CONVERT(nvarchar(128), SERVERPROPERTY('Collation')) AS collation_name,
    SUSER_SNAME() AS login_name,
    IS_SRVROLEMEMBER('sysadmin') AS is_sysadmin
