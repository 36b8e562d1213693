-- The ten busiest principals: one key with many values.
SELECT userIdentity.arn AS principal, count(*) AS n FROM events WHERE userIdentity.arn IS NOT NULL
GROUP BY principal ORDER BY n DESC, principal LIMIT 10
