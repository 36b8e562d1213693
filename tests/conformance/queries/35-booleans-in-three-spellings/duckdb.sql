-- JSON's booleans compared with 1, with text and with true; summed as 1 and 0.
SELECT e->>'$.eventName' AS eventName, count(*) AS n,
       sum((e->'$.readOnly')::BOOLEAN::INT) AS reads,
       sum(coalesce((e->'$.readOnly')::BOOLEAN = false, false)::INT) AS writes
FROM events
WHERE (e->>'$.requestParameters.withDecryption') = 'true'
   OR (e->>'$.requestParameters.overwrite') = 'false'
   OR (e->>'$.responseElements._return') = 'true'
GROUP BY 1
