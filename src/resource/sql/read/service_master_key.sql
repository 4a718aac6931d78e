-- The key that encrypts the master keys of databases, by its identity alone.
SELECT
    name,
    key_guid,
    create_date,
    modify_date
FROM master.sys.symmetric_keys
WHERE name = '##MS_ServiceMasterKey##'
