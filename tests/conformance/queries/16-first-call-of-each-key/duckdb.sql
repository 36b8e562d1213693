-- Window functions: the first event of each access key.
SELECT e->>'$.userIdentity.accessKeyId' AS key, (e->>'$.eventTime')::TIMESTAMP AS eventTime,
       e->>'$.eventID' AS eventID, count(*) OVER (PARTITION BY key) AS calls
FROM events
WHERE key <> ''
QUALIFY calls > 5 AND row_number() OVER (
         PARTITION BY key ORDER BY (e->>'$.eventTime')::TIMESTAMP, e->>'$.eventID') = 1
