SELECT
    name,
    service_contract_id
FROM sys.service_contracts
