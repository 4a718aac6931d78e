SELECT
    name,
    symmetric_key_id,
    key_guid,
    create_date,
    modify_date,
    key_length,
    algorithm_desc
FROM sys.symmetric_keys
