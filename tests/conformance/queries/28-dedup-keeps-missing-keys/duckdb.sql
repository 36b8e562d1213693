-- The first of each pair; rows without one of the keys stay, all of them.
SELECT (e->>'$.eventTime')::TIMESTAMP AS "@timestamp", e->>'$.sourceIPAddress' AS sourceIPAddress,
       e->>'$.errorCode' AS errorCode
FROM events
WHERE (e->>'$.eventSource') = 's3.amazonaws.com'
QUALIFY sourceIPAddress IS NULL OR errorCode IS NULL
     OR row_number() OVER (PARTITION BY sourceIPAddress, errorCode ORDER BY e->>'$.eventTime') = 1
