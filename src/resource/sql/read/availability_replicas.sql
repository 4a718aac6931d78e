-- The local replicas of availability groups. A role is told for those of this instance alone.
SELECT
    replica_id,
    group_id,
    role_desc
FROM sys.dm_hadr_availability_replica_states
WHERE is_local = 1
